// SPDX-License-Identifier: Apache-2.0
//
// The memory map. An instance takes fresh, zero pages when it is made and never asks again: its size depends on the capacity alone,
// and nothing is ever moved or freed. The tables of a shard have fixed addresses (abi.ts) with unused pages between them: the hot
// path need not load their addresses, nor check that they are within the memory. The regions of a registry and of a model follow in
// one arena, each where the one before it ends.
//
//    0           static data
//    INDEX_AT    index of keys, then the records and the buckets of the sites    a shard
//    arena ───┬─ input to nameIndex                                              a registry has these besides
//             └─ totals to boundaries                                            and a model these

import {
  ANSWER_MAX,
  BASELINES,
  BUCKETS,
  BUCKETS_AT,
  BUCKETS_SIZE,
  CLASS_COUNT,
  FACT_COUNT,
  HISTORY_LEVELS,
  HISTORY_POINTS,
  INDEX_AT,
  INPUT_SIZE,
  KIND_COUNT,
  LOADS_MAX,
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
  SHARD_MEMORY,
  SITE_FIRST,
  SITES_MAX,
  SITES_MIN,
  STAGED_MAX,
  STAGED_SIZE,
  TEXT_COUNT,
  TEXT_SIZE,
} from "../abi";

const CONTROL_SIZE: u32 = QUESTION_MAX + ANSWER_MAX + LOADS_MAX * LOAD_SIZE;
const SHARD_PAGES: u32 = SHARD_MEMORY >>> 16;
let laid: bool = false;

export const DEBUG: bool = ASC_OPTIMIZE_LEVEL == 0;

// Sizes of records, in bytes. The files with their diagrams check them against their classes.

/** Sums of one row: two pairs. */
export const SUMS_SIZE: u32 = 2 * PAIR_SIZE;
/** Releases of memory older than the arming: one pair. */
export const PRE_ARMING_SIZE: u32 = PAIR_SIZE;
/** Three counts each of the built-in tracker, of memtrack, and their difference when verify was switched on (verify.ts). */
export const VERIFY_SIZE: u32 = 9 * 8;
/** Sums of one owner: bytes by class, objects by kind, the total, and that of the last dump with the owner's key. */
export const OWNER_TOTALS_SIZE: u32 = (CLASS_COUNT + KIND_COUNT + 3) * 8;
/** A row's or an owner's history (history.ts): with what follows, under 2 MiB for 4,096 sites. */
export const HISTORY_SIZE: u32 = 492;
export const TICK_SIZE: u32 = 24;
export const OWNER_ENTRY_SIZE: u32 = 56;
export const MARK_SIZE: u32 = 64;
export const BOUNDARY_SIZE: u32 = 16;
export const MEASURE_SIZE: u32 = 16;
export const RANK_SIZE: u32 = 16;
/** Rows that a section of the analysis lists at most. */
export const RANKED_MAX: u32 = 200;
export const SCRATCH_SIZE: u32 = 1024;

/** A row's text at its longest: four numbers of up to 20 digits, separators, a padded name. */
const ROW_TEXT_MAX: u32 = 4 * 20 + 16 + NAME_SIZE + 16;
/** A line of the owners' table. */
const OWNER_LINE_MAX: u32 = 14 * 24 + OWNER_SIZE;
/** Everything of a dump that is not a row of a site: header, hooks, titles, totals. */
const FRAME_TEXT_MAX: u32 = 16 * 1024;
/** The sections of the analysis: two of RANKED_MAX rows and one of owners, numbers, words and a name in each row; and the ages. */
const ANALYSIS_TEXT_MAX: u32 = (2 * RANKED_MAX + OWNER_SERIES_MAX) * 640 + RANKED_MAX * (BUCKETS + 1) * ROW_TEXT_MAX;

/** Numbers below this one are of the fixed sites and of those that were registered: as many as the capacity. */
export let limit: u32 = 0;
/** Site numbers that exist: behind those come the rows (other) of a class and an owner. */
export let slots: u32 = 0;
/** Bits of a hash that number an index slot. The index has at least twice as many slots as sites, so a probe always ends. */
export let indexBits: u32 = 0;
/** The highest slot's number. */
export let indexMask: usize = 0;
/** What a 64-bit hash is shifted by for that. */
export let indexShift: u64 = 0;

/** Hash of keys (table.ts): u16 site numbers, 0 = empty. */
export const index: usize = INDEX_AT;
/** A site's key and counters (site.ts), by site. */
export const records: usize = RECORDS_AT;
/** What is alive of older epochs (bucket.ts), by site: a cache line each. */
export const buckets: usize = BUCKETS_AT;

/** Text from the host. */
export let input: usize = 0;
/** A site's name (name.ts), by site; then the owners (owner.ts), by slot: a model copies both at once. */
export let names: usize = 0;
export let owners: usize = 0;
/** Hash of IOBuffer names (registry.ts): u16 site numbers, 0 = empty. */
export let nameIndex: usize = 0;

/** Sums over the shards, by site, and their values at arming. */
export let totals: usize = 0;
export let baseline: usize = 0;
/** The same of the buckets. */
export let bucketSums: usize = 0;
export let bucketBaseline: usize = 0;
/** Totals since arming, by row. */
export let sums: usize = 0;
/** A site's row: u16, by site. */
export let rows: usize = 0;
/** Hash of rows' names (rows.ts): u16 site numbers, 0 = empty. */
export let rowIndex: usize = 0;
/** Sums by owner (owners.ts), by slot. */
export let ownerTotals: usize = 0;
/** Releases of memory older than the arming, by row. */
export let preArming: usize = 0;
/** The built-in tracker's counts, by row. */
export let verify: usize = 0;
/** Copied from a shard: pairs by site, or a few sites whole. */
export let staging: usize = 0;
/** Rows or owners in order: u32. */
export let order: usize = 0;
/** Numbers and texts of the host (facts.ts). */
export let facts: usize = 0;
export let texts: usize = 0;
/** A dump's text, or a line for the host. */
export let output: usize = 0;
export let outputEnd: usize = 0;
/** Samples and verdict (history.ts), by series. */
export let history: usize = 0;
/** When the samples were taken (timeline.ts). */
export let timeline: usize = 0;
/** Owners that have a history; then, by slot, which of them is a slot's: u8 (owner_series.ts). */
export let ownerEntries: usize = 0;
/** Names and times of the baselines (baseline.ts). */
export let marks: usize = 0;
/** What the host measured (environment.ts). */
export let measures: usize = 0;
/** The top of a list (ranking.ts). */
export let ranking: usize = 0;
export let scratch: usize = 0;
/** When the epochs began that the buckets begin with (boundary.ts). */
export let boundaries: usize = 0;

/** Names of plugins and how often each was loaded (naming/module.ts). */
export let loads: usize = 0;

/** What an instance can come to use of its memory, in bytes. */
export let size: u32 = 0;
/** What the analysis takes, in bytes. */
export let analysisSize: u32 = 0;

/** Where the next region of the arena begins. */
let cursor: usize = 0;

/**
 * Lays out an instance. Called once; a second call empties the shard's tables and lays out a second arena (tests do that).
 * @param role ROLE_SHARD, ROLE_REGISTRY or ROLE_MODEL
 * @param sites capacity, SITES_MIN to SITES_MAX
 * @returns 0, or -1 where an argument is out of range or there is no memory
 */
export function init(role: u32, sites: u32): i32 {
  if (role > ROLE_MODEL || sites < SITES_MIN || sites > SITES_MAX) return -1;
  if (__data_end > index && __data_end < SHARD_MEMORY) return -1; // the static data has grown into the tables
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
  // A row can stand in a class's table and again among those that verify mode finds different, there on two lines.
  output = take(FRAME_TEXT_MAX + ANALYSIS_TEXT_MAX + slots * 3 * ROW_TEXT_MAX + OWNERS_MAX * OWNER_LINE_MAX);
  outputEnd = cursor;
  history = take((slots + OWNER_SERIES_MAX) * HISTORY_SIZE);
  timeline = take(HISTORY_LEVELS * HISTORY_POINTS * TICK_SIZE);
  ownerEntries = take(OWNER_SERIES_MAX * OWNER_ENTRY_SIZE + OWNERS_MAX);
  marks = take(BASELINES * MARK_SIZE);
  measures = take(MEASURE_COUNT * MEASURE_SIZE);
  ranking = take(RANKED_MAX * RANK_SIZE);
  scratch = take(SCRATCH_SIZE);
  analysisSize = <u32>(cursor - history);
  boundaries = take(BUCKETS * BOUNDARY_SIZE);
}

/** A control instance has three regions: `input` for what it is asked, `output` for its answer, `loads`. Returns 0, or -1 (no memory). */
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

function take(bytes: usize): usize {
  const at = cursor;
  cursor += bytes;
  return at;
}

/** Each index of sites has the same size. */
function indexSize(): usize {
  return (indexMask + 1) * sizeof<u16>();
}
