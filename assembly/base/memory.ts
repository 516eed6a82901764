// SPDX-License-Identifier: Apache-2.0
//
// The memory map. An instance allocates fresh, zeroed pages in init() and never again: its size depends on the capacity alone, and
// nothing is moved or freed. The tables of a shard have fixed addresses (abi.ts) with unused pages between them. The hot path
// therefore neither loads a table's address nor checks it against the memory size. The regions of a registry and of a model follow
// in one arena, without gaps.
//
//    0           static data
//    INDEX_AT    index of keys, then the records and the buckets of the sites    used by a shard
//    arena ───┬─ input to nameIndex                                              added for a registry
//             └─ totals to asked                                                 added for a model

import {
  ANSWER_MAX,
  ARGUMENT_MAX,
  BASELINES,
  BUCKETS,
  BUCKETS_AT,
  BUCKETS_SIZE,
  CALLS_MAX,
  CLASS_COUNT,
  FACT_COUNT,
  CALL_STACKS_MAX,
  FILES_MAX,
  FILE_SIZE,
  FINDING_CHAIN,
  FRAME_SIZE,
  FRAMES_MAX,
  FINDING_SIZE,
  FREELISTS_MAX,
  HISTORY_LEVELS,
  HISTORY_POINTS,
  HUGE_PAGE,
  INDEX_AT,
  INPUT_SIZE,
  KIND_COUNT,
  LINKS_MAX,
  LOADS_MAX,
  LOST_PASSES,
  LOAD_SIZE,
  MEASURE_COUNT,
  NAME_SIZE,
  OTHERS_MAX,
  OWNER_SERIES_MAX,
  OWNER_SIZE,
  OWNERS_MAX,
  PAIR_SIZE,
  QUESTION_MAX,
  RECORDS_AT,
  RECORD_SIZE,
  ROLE_MODEL,
  ROLE_REGISTRY,
  ROLE_SHARD,
  SEARCHED_MAX,
  SEARCH_MARGIN,
  SEARCH_PIECE,
  SHARD_MEMORY,
  SITE_FIRST,
  SITES_MAX,
  SITES_MIN,
  STACKS_MAX,
  STAGED_MAX,
  STAGED_SIZE,
  TEXT_COUNT,
  TEXT_SIZE,
  WATCHED_MAX,
} from "../abi";

const CONTROL_SIZE: u32 = QUESTION_MAX + ANSWER_MAX + LOADS_MAX * LOAD_SIZE;
const SHARD_PAGES: u32 = SHARD_MEMORY >>> 16;
let laid: bool = false;

export const DEBUG: bool = ASC_OPTIMIZE_LEVEL == 0;

// Record sizes in bytes. The files that define the classes check these sizes against them.

/** Sums of a row: two pairs. */
export const SUMS_SIZE: u32 = 2 * PAIR_SIZE;
/** Releases of memory older than the arming: a pair. */
export const PRE_ARMING_SIZE: u32 = PAIR_SIZE;
/** Three counts each for the built-in tracker, for memtrack, and for their difference when verify was switched on (verify.ts). */
export const VERIFY_SIZE: u32 = 9 * 8;
/** Sums of an owner: bytes by class, objects by kind, the total, the total of the last dump and the owner's key at that dump. */
export const OWNER_TOTALS_SIZE: u32 = (CLASS_COUNT + KIND_COUNT + 3) * 8;
/** The parts of resident memory at one time (resident.ts): the time, a part for each class, ten others. */
export const PARTS_SIZE: u32 = (CLASS_COUNT + 13) * 8;
/** History of a row or of an owner (history.ts). With all regions of the analysis: under 2.1 MiB for 4,096 sites. */
export const HISTORY_SIZE: u32 = 520;
export const TICK_SIZE: u32 = 24;
/** A configuration reload (reloads.ts), and how many are kept. */
export const RELOAD_SIZE: u32 = 16;
export const RELOADS_KEPT: u32 = 16;
export const OWNER_ENTRY_SIZE: u32 = 56;
export const MARK_SIZE: u32 = 64;
export const BOUNDARY_SIZE: u32 = 16;
export const MEASURE_SIZE: u32 = 16;
/** A freelist's last reading, and the sums of its changes (freelists.ts). */
export const GAUGE_SIZE: u32 = 7 * 8;
/** A chain of holders with the names of its sites (findings.ts). */
export const FINDING_TEXT_SIZE: u32 = 1024;
/** The search: bytes of its filter and of its index of parts, a searched site, a watched block, a block that a census found. */
export const SEARCH_FILTER_SIZE: u32 = 1 << 16;
export const PARTS_INDEX_SIZE: u32 = 1 << 17;
export const SEARCHED_SIZE: u32 = 224;
export const BLOCK_SIZE: u32 = 224;
export const FOUND_SIZE: u32 = 56;
/** Cohorts of a site (cohort.ts): one for each pass until it is ripe. */
export const COHORT_SIZE: u32 = 16;
export const COHORTS_COUNT: u32 = LOST_PASSES;
export const BARE_SIZE: u32 = 24;
export const BARE_COUNT: u32 = 64;
export const TRIED_SIZE: u32 = 24;
export const TRIED_BITS: u32 = 12;
export const TRIED_COUNT: u32 = 1 << TRIED_BITS;
export const REFUTED_SIZE: u32 = 16;
export const REFUTED_BITS: u32 = 10;
export const REFUTED_COUNT: u32 = 1 << REFUTED_BITS;
export const GIANT_SIZE: u32 = 24;
export const GIANTS_COUNT: u32 = 256;
export const EDGE_SIZE: u32 = 8;
export const EDGES_COUNT: u32 = 32768;
/** Watched blocks: those of the samples, and with those that hold them. */
export const SAMPLED_COUNT: u32 = SEARCHED_MAX * WATCHED_MAX;
export const BLOCKS_COUNT: u32 = SAMPLED_COUNT + LINKS_MAX;
export const ROOT_SIZE: u32 = 96;
export const FOUND_GROWTH_SIZE: u32 = 56;
export const CHAIN_SIZE: u32 = FINDING_SIZE - FINDING_CHAIN;
export const ROOTS_COUNT: u32 = 256;
/** Of a site as a whole: parts of memory of 64 KiB that have its blocks, with a bit for every 16 bytes, and the entry of a part. */
export const PARTS_COUNT: u32 = 1 << 14;
export const PART_BITS_SIZE: u32 = 512;
export const PART_SIZE: u32 = 4;
export const OUTSIDE_SIZE: u32 = 16;
export const OUTSIDE_COUNT: u32 = 4096;
export const CROSSER_SIZE: u32 = 16;
export const CROSSERS_COUNT: u32 = 8192;
export const RANK_SIZE: u32 = 16;
/** A stack with its frames (stacks.ts), and a sampled site (sampled.ts). */
export const STACK_SIZE: u32 = 48 + 2 * CALLS_MAX;
export const SAMPLED_SIZE: u32 = 16;
/** Most stacks that a dump shows. */
export const STACKS_SHOWN_MAX: u32 = 36;
/** Most lines of a stack in a dump: functions of its calls, inlined or not. */
export const STACK_LINES_MAX: u32 = 48;
/** Most rows that a section of the analysis lists. */
export const RANKED_MAX: u32 = 200;
/** Most rows that the section `Show` lists. */
export const SHOWN_MAX: u32 = 16;
export const SCRATCH_SIZE: u32 = 1024;

/** Longest text of a row: four numbers of up to 20 digits, separators, a padded name. */
const ROW_TEXT_MAX: u32 = 4 * 20 + 16 + NAME_SIZE + 16;
/** Longest line of the owners' table. */
const OWNER_LINE_MAX: u32 = 14 * 24 + OWNER_SIZE;
/** Longest line of the table of modules: the column of build ids, a bar, the text of an entry. */
const FILE_LINE_MAX: u32 = FILE_SIZE + 64;
/** Everything in a dump except the rows of sites: header, hooks, titles, totals. */
const FRAME_TEXT_MAX: u32 = 16 * 1024;
/**
 * The analysis sections: two with RANKED_MAX rows and the owners' section, each row with numbers, words and a name; and the ages.
 */
const ANALYSIS_TEXT_MAX: u32 = (2 * RANKED_MAX + OWNER_SERIES_MAX) * 640 + RANKED_MAX * (BUCKETS + 1) * ROW_TEXT_MAX;
/** The section `Show`: a line and a sentence for each row, and a line for each point of its history. */
const SHOW_TEXT_MAX: u32 = SHOWN_MAX * (2 * ROW_TEXT_MAX + 1024 + (HISTORY_LEVELS * HISTORY_POINTS + 4) * 128);

/** The sections of the search: a line for each row, its chain, and the same chain in the sections of growth and of suspects. */
const SEARCH_TEXT_MAX: u32 = SEARCHED_MAX * (2 * ROW_TEXT_MAX + 4 * FINDING_TEXT_SIZE);

/** The section of call stacks: a line for a stack, one for each function of its calls, and one that tells how it ends. */
const STACKS_TEXT_MAX: u32 = STACKS_SHOWN_MAX * (STACK_LINES_MAX + 2) * (ROW_TEXT_MAX + FRAME_SIZE);

/** Upper bound of the numbers of fixed and registered sites (the capacity). */
export let limit: u32 = 0;
/** Upper bound of all site numbers. The numbers from `limit` on are rows (other) of a class and an owner. */
export let slots: u32 = 0;
/** Number of hash bits that select an index slot. The index has at least twice as many slots as sites, so every probe ends. */
export let indexBits: u32 = 0;
/** Highest slot number. */
export let indexMask: usize = 0;
/** Right shift that turns a 64-bit hash into a slot number. */
export let indexShift: u64 = 0;

/** Hash of keys (table.ts): u16 site numbers, 0 = empty. */
export const index: usize = INDEX_AT;
/** Key and counters of each site (site.ts), by site. */
export const records: usize = RECORDS_AT;
/** Memory in use from older epochs (bucket.ts), by site: a cache line per site. */
export const buckets: usize = BUCKETS_AT;

/** Text from the host. */
export let input: usize = 0;
/**
 * Names (name.ts) by site, then the owners (owner.ts) by slot, then the files of modules (module_file.ts), so that a model copies all
 * at once.
 */
export let names: usize = 0;
export let owners: usize = 0;
export let files: usize = 0;
/** Hash of IOBuffer names (registry.ts): u16 site numbers, 0 = empty. */
export let nameIndex: usize = 0;

/** Sums over all shards, by site, and their values at arming. */
export let totals: usize = 0;
export let baseline: usize = 0;
/** Sums of the buckets over all shards, and their values at arming. */
export let bucketSums: usize = 0;
export let bucketBaseline: usize = 0;
/** Totals since arming, by row. */
export let sums: usize = 0;
/** Row of each site: u16, by site. */
export let rows: usize = 0;
/** Hash of row names (rows.ts): u16 site numbers, 0 = empty. */
export let rowIndex: usize = 0;
/** Sums by owner (owners.ts), by slot. */
export let ownerTotals: usize = 0;
/** Releases of memory older than the arming, by row. */
export let preArming: usize = 0;
/** The built-in tracker's counts, by row. */
export let verify: usize = 0;
/** Data copied from a shard: pairs by site, or a few complete sites. */
export let staging: usize = 0;
/** Rows or owners in sorted order: u32. */
export let order: usize = 0;
/** Numbers and texts set by the host (facts.ts). */
export let facts: usize = 0;
export let texts: usize = 0;
/** Text of a dump, or a line for the host. */
export let output: usize = 0;
export let outputEnd: usize = 0;
/** Samples and verdict of each series (history.ts). */
export let history: usize = 0;
/** Times of the samples (timeline.ts). */
export let timeline: usize = 0;
/** The last configuration reloads (reloads.ts). */
export let reloadPoints: usize = 0;
/** Owners that have a history, then a u8 per owner slot: the number of its entry (owner_series.ts). */
export let ownerEntries: usize = 0;
/** Names and times of the baselines (baseline.ts). */
export let marks: usize = 0;
/** Measurements from the host (environment.ts). */
export let measures: usize = 0;
/** Parts of resident memory: at each baseline and at the arming, and now (resident.ts). */
export let parts: usize = 0;
/** Top entries of a list (ranking.ts). */
export let ranking: usize = 0;
export let scratch: usize = 0;
/** The text that rows in the next dump's section `Show` contain (show.ts). */
export let pattern: usize = 0;
/** Start times of the epochs at which the buckets begin (boundary.ts). */
export let boundaries: usize = 0;
/** The server's freelists (freelists.ts), and one for those without a row of their own. */
export let gauges: usize = 0;

/** Address space of mapped memory, by site (spans.ts). */
export let spans: usize = 0;

/** What the search found last, by site (findings.ts), and by site whether it is blind there. */
export let findings: usize = 0;
/** By entry of these what was found earlier (growth.ts). */
export let foundGrowths: usize = 0;
export let blindSites: usize = 0;
/** The text of a holder (findings.ts). */
export let holderTexts: usize = 0;
/** The text that rows contain whose search was asked for (watch_list.ts). */
export let asked: usize = 0;
/** The patterns of rows whose growth is accepted: those of the record, then those of messages (accepted.ts). */
export let accepts: usize = 0;

/** The search (assembly/search): a piece of the process's memory, with its margin. */
export let window: usize = 0;
/** A bit for each part of memory that a watched block lies in (filter.ts). */
export let filter: usize = 0;
/** By site: the number of its entry among the searched sites, plus 1 (searched.ts): u8. */
export let searchedIndex: usize = 0;
export let searchedSites: usize = 0;
/** The first block of each part of memory (parts.ts): u16. */
export let partsIndex: usize = 0;
/** Watched blocks (block.ts), their numbers by address (u16), and the blocks that a census found (census.ts). */
export let watchedBlocks: usize = 0;
export let byAddress: usize = 0;
/** Their addresses in that order, each followed by the end: u64. Close to one another, because a search by address looks at many. */
export let addresses: usize = 0;
export let candidates: usize = 0;
export let cohorts: usize = 0;
/** The block that holds an address (lookup.ts). */
export let foundHolder: usize = 0;
/** Memory without a tag (bare.ts). */
export let bares: usize = 0;
/** Words that are no tags, though they look so (tried.ts). */
export let triedWords: usize = 0;
/** Values of words that are no tags (refuted.ts). */
export let refutedWords: usize = 0;
/** Blocks that are larger than those that a tag is looked for from inside (giant.ts). */
export let giants: usize = 0;
/** Numbers of the links that were found after a pass (lookup.ts): u16. */
export let newLinks: usize = 0;
/** References from watched blocks to watched blocks (reference.ts). */
export let edges: usize = 0;
/** What is known of addresses outside all blocks (root.ts): texts. */
export let roots: usize = 0;
/** The chain of each searched site (chain.ts). */
export let chains: usize = 0;

/**
 * A site that is looked at as a whole (whole.ts): the starts of its blocks, in this pass and in the last; references that wait for the
 * next tag, those from outside, and blocks that cross a boundary of pieces.
 */
export let wholeParts: usize = 0;
export let pendings: usize = 0;
export let outsides: usize = 0;
export let crossers: usize = 0;

/** Call stacks of sampled allocations, the stack of each entry of the host (u16), and the calls of all (stacks.ts). */
export let stacks: usize = 0;
export let stackEntries: usize = 0;
export let frames: usize = 0;
/** The calls while their table is made anew. */
export let frameSpares: usize = 0;
/** The sites that are sampled (sampled.ts). */
export let sampledSites: usize = 0;

/** Plugin names with their number of loads (naming/module.ts). */
export let loads: usize = 0;

/** Most memory that this instance can use, in bytes. */
export let size: u32 = 0;
/** Size of the analysis regions, in bytes. */
export let analysisSize: u32 = 0;

/** Start of the next region in the arena. */
let cursor: usize = 0;

/**
 * Lays out an instance. A host calls this once. Tests call it again: the shard's tables are cleared, and a second arena is laid
 * out.
 * @param role ROLE_SHARD, ROLE_REGISTRY or ROLE_MODEL
 * @param sites capacity, SITES_MIN to SITES_MAX
 * @returns 0, or -1 if an argument is out of range or memory is exhausted
 */
export function init(role: u32, sites: u32): i32 {
  if (role > ROLE_MODEL || sites < SITES_MIN || sites > SITES_MAX) return -1;
  if (__data_end > index && __data_end < SHARD_MEMORY) return -1; // the static data overlaps the tables
  limit = SITE_FIRST + sites;
  slots = min(limit + OTHERS_MAX, 0x10000);
  indexBits = 32 - clz(2 * slots - 1);
  indexShift = 64 - indexBits;
  indexMask = (1 << indexBits) - 1;
  if (memory.size() < <i32>SHARD_PAGES && memory.grow(<i32>SHARD_PAGES - memory.size()) < 0) return -1;
  const arena = (<usize>memory.size()) << 16;
  cursor = arena;
  layRegistry();
  const registryEnd = cursor;
  layModel();
  const arenaSize = (role == ROLE_SHARD ? arena : role == ROLE_REGISTRY ? registryEnd : cursor) - arena;
  if (memory.grow(<i32>((<u32>(arenaSize + 0xffff)) >>> 16)) < 0) return -1;
  size = <u32>(indexSize() + slots * (RECORD_SIZE + BUCKETS_SIZE) + arenaSize);
  if (laid) memory.fill(index, 0, <usize>SHARD_MEMORY - index);
  laid = true;
  return 0;
}

function layRegistry(): void {
  input = take(INPUT_SIZE);
  names = take(slots * NAME_SIZE);
  owners = take(OWNERS_MAX * OWNER_SIZE);
  files = take(FILES_MAX * FILE_SIZE);
  nameIndex = take(indexSize());
}

function layModel(): void {
  totals = take(slots * SUMS_SIZE);
  baseline = take(slots * SUMS_SIZE);
  bucketSums = take(slots * BUCKETS_SIZE);
  bucketBaseline = take(slots * BUCKETS_SIZE);
  sums = take(slots * SUMS_SIZE);
  rows = take((slots * sizeof<u16>() + 7) & ~7);
  rowIndex = take(indexSize());
  ownerTotals = take(OWNERS_MAX * OWNER_TOTALS_SIZE);
  preArming = take(slots * PRE_ARMING_SIZE);
  verify = take(slots * VERIFY_SIZE);
  staging = take(max(slots * PAIR_SIZE, STAGED_MAX * STAGED_SIZE));
  order = take(max(slots, OWNERS_MAX) * sizeof<u32>());
  facts = take(FACT_COUNT * sizeof<u64>());
  texts = take(TEXT_COUNT * TEXT_SIZE);
  // A row can appear in the table of its class and, on two lines, among the rows that differ in verify mode; or once more in that of the
  // address space.
  output = take(
    FRAME_TEXT_MAX +
      ANALYSIS_TEXT_MAX +
      SHOW_TEXT_MAX +
      SEARCH_TEXT_MAX +
      slots * 3 * ROW_TEXT_MAX +
      OWNERS_MAX * OWNER_LINE_MAX +
      STACKS_TEXT_MAX +
      FILES_MAX * FILE_LINE_MAX,
  );
  outputEnd = cursor;
  history = take((slots + OWNER_SERIES_MAX + 1) * HISTORY_SIZE); // and the remainder
  timeline = take(HISTORY_LEVELS * HISTORY_POINTS * TICK_SIZE);
  reloadPoints = take(RELOADS_KEPT * RELOAD_SIZE);
  ownerEntries = take(OWNER_SERIES_MAX * OWNER_ENTRY_SIZE + OWNERS_MAX);
  marks = take(BASELINES * MARK_SIZE);
  measures = take(MEASURE_COUNT * MEASURE_SIZE);
  parts = take((BASELINES + 2) * PARTS_SIZE);
  ranking = take((RANKED_MAX + 1) * RANK_SIZE); // and a free one
  scratch = take(SCRATCH_SIZE);
  analysisSize = <u32>(cursor - history);
  boundaries = take(BUCKETS * BOUNDARY_SIZE);
  pattern = take(ARGUMENT_MAX);
  gauges = take((FREELISTS_MAX + 1) * GAUGE_SIZE);
  spans = take(slots * PAIR_SIZE);
  findings = take(SEARCHED_MAX * FINDING_SIZE);
  foundGrowths = take(SEARCHED_MAX * FOUND_GROWTH_SIZE);
  blindSites = take((slots + 7) & ~7);
  holderTexts = take(FINDING_TEXT_SIZE);
  asked = take(ARGUMENT_MAX);
  accepts = take(2 * INPUT_SIZE);
  stacks = take(STACKS_MAX * STACK_SIZE);
  stackEntries = take(CALL_STACKS_MAX * sizeof<u16>());
  frames = take(FRAMES_MAX * FRAME_SIZE);
  frameSpares = take(FRAMES_MAX * FRAME_SIZE);
  sampledSites = take(SEARCHED_MAX * SAMPLED_SIZE);
}

/** Lays out a control instance: `input` for the question, `output` for the answer, `loads`. Returns 0, or -1 (no memory). */
export function initControl(): i32 {
  const pages = memory.grow((CONTROL_SIZE + 0xffff) >>> 16);
  if (pages < 0) return -1;
  cursor = (<usize>pages) << 16;
  input = take(QUESTION_MAX);
  output = take(ANSWER_MAX);
  outputEnd = cursor;
  loads = take(LOADS_MAX * LOAD_SIZE);
  size = CONTROL_SIZE;
  return 0;
}

/**
 * Lays out a search instance, and touches nothing of it. Its window begins where a huge page can: the host may still ask for one. Returns 0, or
 * -1 (no memory).
 */
export function initSearch(): i32 {
  const before = (<usize>memory.size()) << 16;
  const start = (before + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
  cursor = start;
  laySearch();
  size = <u32>(cursor - start);
  if (memory.grow(<i32>((cursor - before + 0xffff) >>> 16)) < 0) return -1;
  return 0;
}

function laySearch(): void {
  window = take(SEARCH_PIECE + SEARCH_MARGIN);
  input = take(INPUT_SIZE);
  output = take(INPUT_SIZE);
  outputEnd = cursor;
  filter = take(SEARCH_FILTER_SIZE);
  partsIndex = take(PARTS_INDEX_SIZE);
  searchedIndex = take(0x10000);
  searchedSites = take((SEARCHED_MAX + 1) * SEARCHED_SIZE);
  watchedBlocks = take(BLOCKS_COUNT * BLOCK_SIZE);
  byAddress = take((BLOCKS_COUNT * sizeof<u16>() + 7) & ~7);
  addresses = take(BLOCKS_COUNT * 2 * sizeof<u64>());
  candidates = take(SEARCHED_MAX * WATCHED_MAX * FOUND_SIZE);
  cohorts = take(SEARCHED_MAX * COHORTS_COUNT * COHORT_SIZE);
  foundHolder = take(FOUND_SIZE);
  bares = take(BARE_COUNT * BARE_SIZE);
  triedWords = take(TRIED_COUNT * TRIED_SIZE);
  refutedWords = take(REFUTED_COUNT * REFUTED_SIZE);
  giants = take(GIANTS_COUNT * GIANT_SIZE);
  newLinks = take(LINKS_MAX * sizeof<u16>());
  edges = take(EDGES_COUNT * EDGE_SIZE);
  roots = take(ROOTS_COUNT * ROOT_SIZE);
  chains = take(SEARCHED_MAX * CHAIN_SIZE);
  wholeParts = take(2 * PARTS_COUNT * (PART_SIZE + PART_BITS_SIZE));
  pendings = take((SEARCH_PIECE / sizeof<u64>()) * OUTSIDE_SIZE);
  outsides = take(OUTSIDE_COUNT * OUTSIDE_SIZE);
  crossers = take(CROSSERS_COUNT * CROSSER_SIZE);
}

function take(bytes: usize): usize {
  const at = cursor;
  cursor += bytes;
  return at;
}

/** Size of each index of sites. */
function indexSize(): usize {
  return (indexMask + 1) * sizeof<u16>();
}
