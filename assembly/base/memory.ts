// SPDX-License-Identifier: Apache-2.0
//
// The memory map. An instance takes fresh, zero pages once and never asks again, so its size is fixed by the capacity and nothing is
// ever moved or freed. A role has the regions up to its end. Those of a shard have fixed places, with holes between them that nobody
// touches (abi.ts): the hot path need not load where they are, nor ask whether they are within the memory.
//
//   0 ───────  static data
//   INDEX_AT   index     hash of keys: u16 site numbers, 0 = empty          ┐
//   RECORDS_AT records   a site's key and counters, by site number          │
//   BUCKETS_AT buckets   what is alive of older epochs, by site             ┘ shard
//   arena ─┬─ input     text handed in by the host                         ┐
//          ├─ names     a site's name, by site number                      │
//          ├─ owners    the plugins, by slot                               │
//          ├─ nameIndex hash of names: u16 site numbers, 0 = empty         ┘ registry
//          ├─ totals    sums over the shards, by site                      ┐
//          ├─ baseline  totals at arming, by site                          │
//          ├─ bucketSums      sums of the buckets over the shards, by site │
//          ├─ bucketBaseline  buckets at arming, by site                   │
//          ├─ sums      totals since arming, by row                        │
//          ├─ rows      a site's row: u16, by site                         │
//          ├─ rowIndex  hash of rows' names: u16 site numbers, 0 = empty   │
//          ├─ rollup    sums by owner                                      │
//          ├─ prior     releases of older memory, by row                   │
//          ├─ verify    the built-in tracker's counts, by row              │
//          ├─ staging   copied from a shard: pairs by site, or a few sites whole │
//          ├─ order     rows or owners, sorted                             │
//          ├─ facts, texts                                                 │
//          ├─ output    a dump's text                                      │
//          ├─ history   samples and verdict, by row, then by owner         │
//          ├─ clock     when the samples were taken                        │
//          ├─ followed  owners that have a history, and which of them is a slot's │
//          ├─ marks     names and times of the baselines                   │
//          ├─ measures  what the host measured                             │
//          ├─ ranking, scratch                                             │
//          └─ boundaries  when the epochs began that the buckets begin with  ┘ model

import {
  BASELINES,
  BUCKETS,
  BUCKETS_AT,
  BUCKETS_SIZE,
  CLASS_COUNT,
  FACT_COUNT,
  FOLLOWED_MAX,
  HISTORY_LEVELS,
  HISTORY_POINTS,
  INDEX_AT,
  INPUT_SIZE,
  KIND_COUNT,
  MEASURE_COUNT,
  NAME_SIZE,
  OTHERS_MAX,
  OWNERS_MAX,
  OWNER_SIZE,
  PAIR_SIZE,
  RECORDS_AT,
  RECORD_SIZE,
  ROLE_MODEL,
  ROLE_REGISTRY,
  ROLE_SHARD,
  SHARD_MEMORY,
  SITES_MAX,
  SITES_MIN,
  SITE_FIRST,
  STAGED_MAX,
  STAGED_SIZE,
  TEXT_COUNT,
  TEXT_SIZE,
} from "../abi";

const SHARD_PAGES: u32 = SHARD_MEMORY >>> 16;
let laid: bool = false;

export const DEBUG: bool = ASC_OPTIMIZE_LEVEL == 0;

/** Sums of one row: two pairs. */
export const SUMS_SIZE: u32 = 2 * PAIR_SIZE;
/** Releases of memory older than the arming: one pair. */
export const PRIOR_SIZE: u32 = PAIR_SIZE;
/** Three counts of the built-in's, of ours, and what they differed by when verify was switched on (verify.ts). */
export const VERIFY_SIZE: u32 = 9 * 8;

/** Sums of one owner: bytes by class, objects by kind, the total, and that of the last dump with the owner's key. */
export const ROLLUP_SIZE: u32 = (CLASS_COUNT + KIND_COUNT + 3) * 8;
/** A row's or an owner's history (box diagram in history.ts): with what follows, under 2 MiB for 4,096 sites. */
export const HISTORY_SIZE: u32 = 492;
/** A tick (timeline.ts), a followed owner (owner_series.ts), a baseline (baseline.ts), a ranked row (ranking.ts). */
export const TICK_SIZE: u32 = 24;
export const FOLLOWED_SIZE: u32 = 56;
export const MARK_SIZE: u32 = 64;
/** When an epoch began (boundary.ts). */
export const BOUNDARY_SIZE: u32 = 16;
export const RANK_SIZE: u32 = 16;
/** Rows that a section of the analysis lists at most. */
export const RANKED_MAX: u32 = 200;
export const SCRATCH_SIZE: u32 = 1024;

/** A row's text at its longest: four numbers of up to 20 digits, separators, a padded name. */
const ROW_TEXT_MAX: u32 = 4 * 20 + 16 + NAME_SIZE + 16;
/** A line of the owners' table. */
const OWNER_TEXT: u32 = 14 * 24 + OWNER_SIZE;
/** Everything of a dump that is not a row of a site: header, hooks, titles, totals. */
const FRAME_TEXT_MAX: u32 = 16 * 1024;
/** The sections of the analysis: two of RANKED_MAX rows and one of owners, numbers, words and a name in each row; and the ages. */
const ANALYSIS_TEXT_MAX: u32 = (2 * RANKED_MAX + FOLLOWED_MAX) * 640 + RANKED_MAX * (BUCKETS + 1) * ROW_TEXT_MAX;

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

export const index: usize = INDEX_AT;
export const records: usize = RECORDS_AT;
export const buckets: usize = BUCKETS_AT; // a site's in one cache line
export let input: usize = 0;
export let names: usize = 0;
export let owners: usize = 0;
export let nameIndex: usize = 0;
export let totals: usize = 0;
export let baseline: usize = 0;
export let bucketSums: usize = 0;
export let bucketBaseline: usize = 0;
export let sums: usize = 0;
export let rows: usize = 0;
export let rowIndex: usize = 0;
export let rollup: usize = 0;
export let prior: usize = 0;
export let verify: usize = 0;
export let staging: usize = 0;
export let order: usize = 0;
export let facts: usize = 0;
export let texts: usize = 0;
export let output: usize = 0;
export let outputEnd: usize = 0;
export let history: usize = 0;
export let clock: usize = 0;
export let followed: usize = 0;
export let marks: usize = 0;
export let boundaries: usize = 0;
export let measures: usize = 0;
export let ranking: usize = 0;
export let scratch: usize = 0;
/** What an instance can come to use of its memory, in bytes. */
export let size: u32 = 0;
/** What the analysis takes, in bytes. */
export let analysisSize: u32 = 0;

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
  const indexSize = (<usize>sizeof<u16>()) << indexBits;

  input = 0; // offsets first, the arena's address is added when its size is known
  names = input + INPUT_SIZE;
  owners = names + slots * NAME_SIZE;
  nameIndex = owners + OWNERS_MAX * OWNER_SIZE;
  totals = nameIndex + indexSize;
  baseline = totals + slots * SUMS_SIZE;
  bucketSums = baseline + slots * SUMS_SIZE;
  bucketBaseline = bucketSums + slots * BUCKETS_SIZE;
  sums = bucketBaseline + slots * BUCKETS_SIZE;
  rows = sums + slots * SUMS_SIZE;
  rowIndex = rows + slots * sizeof<u16>();
  rollup = (rowIndex + indexSize + 7) & ~7;
  prior = rollup + OWNERS_MAX * ROLLUP_SIZE;
  verify = prior + slots * PRIOR_SIZE;
  staging = verify + slots * VERIFY_SIZE;
  order = staging + max(slots * PAIR_SIZE, STAGED_MAX * STAGED_SIZE);
  facts = order + max(slots, OWNERS_MAX) * sizeof<u32>();
  texts = facts + FACT_COUNT * sizeof<u64>();
  output = texts + TEXT_COUNT * TEXT_SIZE;
  // A row can stand in a class's table and again among those that verify mode finds different, there on two lines.
  outputEnd = output + FRAME_TEXT_MAX + ANALYSIS_TEXT_MAX + slots * 3 * ROW_TEXT_MAX + OWNERS_MAX * OWNER_TEXT;
  history = outputEnd;
  clock = history + (slots + FOLLOWED_MAX) * HISTORY_SIZE;
  followed = clock + HISTORY_LEVELS * HISTORY_POINTS * TICK_SIZE;
  marks = followed + FOLLOWED_MAX * FOLLOWED_SIZE + OWNERS_MAX;
  measures = marks + BASELINES * MARK_SIZE;
  ranking = measures + MEASURE_COUNT * 2 * sizeof<u64>();
  scratch = ranking + RANKED_MAX * RANK_SIZE;
  boundaries = scratch + SCRATCH_SIZE;
  analysisSize = <u32>(boundaries - history);
  const modelEnd = boundaries + BUCKETS * BOUNDARY_SIZE;

  const end: usize = role == ROLE_SHARD ? 0 : role == ROLE_REGISTRY ? totals : modelEnd;
  size = <u32>(indexSize + slots * (RECORD_SIZE + BUCKETS_SIZE) + end);
  if (memory.size() < <i32>SHARD_PAGES && memory.grow(<i32>SHARD_PAGES - memory.size()) < 0) return -1;
  const old = memory.grow(<i32>((<u32>(end + 0xffff)) >>> 16));
  if (old < 0) return -1;
  if (laid) memory.fill(index, 0, <usize>SHARD_MEMORY - index);
  laid = true;
  const arena = (<usize>old) << 16;
  input += arena;
  names += arena;
  owners += arena;
  nameIndex += arena;
  totals += arena;
  baseline += arena;
  bucketSums += arena;
  bucketBaseline += arena;
  sums += arena;
  rows += arena;
  rowIndex += arena;
  rollup += arena;
  prior += arena;
  verify += arena;
  staging += arena;
  order += arena;
  facts += arena;
  texts += arena;
  output += arena;
  outputEnd += arena;
  history += arena;
  clock += arena;
  followed += arena;
  marks += arena;
  measures += arena;
  ranking += arena;
  scratch += arena;
  boundaries += arena;
  return 0;
}
