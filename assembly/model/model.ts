// SPDX-License-Identifier: Apache-2.0
//
// The model of a dump: what all shards together allocated and released, by site, and from that by row.
//
// A dump goes: start(), then every shard's releases, then every shard's allocations, then the names (adopt()), then settle(). In
// that order a release that is in the sums always has its allocation in them too, though the shards go on counting meanwhile: in-use
// is never too small.
//
// The counters of a shard run from the start of the process. What counts is what came since arming: arm() keeps the totals of that
// moment as the baseline. IOBuffers that are older than the arming are released all the same, and the server does not say how old
// a buffer is: whenever a row has released more than it allocated, the difference must be such buffers. It is kept (`prior`) and
// never taken back, so the row is right from then on.
//
// Last come every shard's buckets (mergeBuckets()): what is alive of older epochs, by site. Shards turn when they next count, so each
// site of each shard is read with the epochs that its shard then had, and taken on to those of now. What had been allocated before is
// in some shard, released or not, and what is allocated meanwhile is young: no bucket's sum is below zero. The rest of what is
// alive is young.

import {
  BUCKETS,
  BUCKETS_SIZE,
  CLASS_COUNT,
  CLASS_IOBUFFER,
  NAME_HIDDEN,
  PAIR_SIZE,
  ROLE_MODEL,
  SITE_FIRST,
  SITE_PRIOR,
  STAGED_BUCKETS,
  STAGED_EPOCHS,
  STAGED_MAX,
  STAGED_PAIRS,
  STAGED_SIZE,
} from "../abi";
import {
  baseline,
  bucketBaseline,
  bucketSums,
  DEBUG,
  order,
  prior,
  PRIOR_SIZE,
  slots,
  staging,
  sums,
  SUMS_SIZE,
  totals,
  verify,
  VERIFY_SIZE,
} from "../base/memory";
import { recordAt } from "../base/regions";
import { classOfName, compareNames, flagsOf, lengthOf } from "../registry/name";
import { Buckets, addBuckets, addPassed, bucketBytes, bucketCount, clearBuckets, passage, turnBuckets } from "../shard/bucket";
import * as boundary from "./boundary";
import { historyForget, historyMove } from "./history";
import { computeRows, resetRows, rowOf } from "./rows";

const COUNT: usize = 0;
const BYTES: usize = 8;
const ALLOCS: usize = 0;
const FREES: usize = PAIR_SIZE;

const ALL_CLASSES: u32 = (1 << CLASS_COUNT) - 1;

/** Sites that this model has names for, and the registry's version of them: now, and when the sums were begun. */
let known: u32 = SITE_FIRST;
let version: u32 = 0;
let begun: u32 = 0;

/** A bit for each class that is tracked now. */
let armed: u32 = ALL_CLASSES;

export function reset(role: u32): void {
  known = SITE_FIRST;
  version = begun = 0xffffffff;
  armed = ALL_CLASSES;
  boundary.boundariesReset();
  if (role == ROLE_MODEL) resetRows();
}

/**
 * The names of the sites 0 to count - 1, and the owners, have been copied in. Sites of one name become one row; what rows carry over
 * from dump to dump goes with them.
 * @param now the registry's version() when they were copied
 * @returns 0, or -1 where no such site can exist
 */
export function adopt(count: u32, now: u32): i32 {
  if (count < known || count > slots) return -1;
  if (version == now && count == known) return 0;
  known = count;
  version = now;
  computeRows(known);
  for (let row = SITE_FIRST; row < known; ++row) if (rowOf(row) != row) moveRow(row, rowOf(row));
  return 0;
}

export function knownSites(): u32 {
  return known;
}

/** The version of the names that this model has: where the registry's is another, they are to be copied. */
export function knownVersion(): u32 {
  return version;
}

/** The version of the names that this model had when it began its sums: what was gone then has nothing that they lack. */
export function begunVersion(): u32 {
  return begun;
}

/** Forgets the sums of the last dump. */
export function start(): void {
  begun = version;
  memory.fill(totals, 0, <usize>slots * SUMS_SIZE);
  memory.fill(bucketSums, 0, <usize>slots * BUCKETS_SIZE);
}

/** Adds the pairs that stand in staging (a shard's, of the sites 0 to count - 1) to the releases. */
export function mergeFrees(count: u32): void {
  merge(FREES, count);
}

/** Likewise to the allocations. */
export function mergeAllocs(count: u32): void {
  merge(ALLOCS, count);
}

function merge(pair: usize, count: u32): void {
  if (DEBUG) assert(count <= slots);
  for (let site: u32 = 0; site < count; ++site) {
    const from = staging + <usize>site * PAIR_SIZE;
    const to = totalsAt(site) + pair;
    store<u64>(to, load<u64>(to, COUNT) + load<u64>(from, COUNT), COUNT);
    store<u64>(to, load<u64>(to, BYTES) + load<u64>(from, BYTES), BYTES);
  }
}

/** Adds what stands in staging, of the sites from `first` on: the buckets, and what a shard that has not turned yet will make one. */
export function mergeBuckets(first: u32, count: u32): void {
  if (DEBUG) assert(count <= STAGED_MAX && first + count <= slots);
  let epochs = boundary.epochsNow;
  let map = passage(epochs, epochs);
  for (let i: u32 = 0; i < count; ++i) {
    const from = staging + <usize>i * STAGED_SIZE;
    const pairs = from + STAGED_PAIRS;
    if (!(load<u64>(pairs, ALLOCS + COUNT) | load<u64>(pairs, FREES + COUNT))) continue;
    if (load<u64>(from, STAGED_EPOCHS) != epochs) {
      epochs = load<u64>(from, STAGED_EPOCHS);
      map = passage(epochs, boundary.epochsNow);
    }
    addPassed(bucketsAt(first + i), changetype<Buckets>(from + STAGED_BUCKETS), liveOf(pairs), liveBytesOf(pairs), map);
  }
}

/** Begins an epoch, if it is time (boundary.ts). The sums are those of the epochs before, until they are made again. */
export function nextEpoch(now: u64): u64 {
  const before = boundary.epochsNow;
  boundary.nextEpoch(now);
  if (boundary.epochsNow == before) return before;
  // What the baselines call young is that of the epoch that was the present one.
  const map = passage(before, boundary.epochsNow);
  for (let site: u32 = 0; site < slots; ++site) {
    const at = baselineAt(site);
    if (load<u64>(at, ALLOCS + COUNT)) turnBuckets(bucketBaselineAt(site), liveOf(at), liveBytesOf(at), map);
  }
  return boundary.epochsNow;
}

/** A class is tracked from now on: the totals of this moment are its baseline, and its rows have no past. */
export function arm(cls: u32): void {
  armed |= 1 << cls;
  for (let site: u32 = 0; site < known; ++site) {
    if (siteClass(site) != cls) continue;
    markSite(site);
    historyForget(site);
  }
}

/** A class is not tracked from now on: what it releases is not heard of, so what was counted is no longer so, and it has no rows. */
export function disarm(cls: u32): void {
  armed &= ~(1 << cls);
}

export function isArmed(cls: u32): bool {
  return (armed & (1 << cls)) != 0;
}

export function isAnyArmed(): bool {
  return armed != 0;
}

/** What one site counted until now is past. */
export function markSite(site: u32): void {
  memory.copy(baselineAt(site), totalsAt(site), SUMS_SIZE);
  memory.copy(changetype<usize>(bucketBaselineAt(site)), changetype<usize>(bucketsAt(site)), BUCKETS_SIZE);
  memory.fill(priorAt(site), 0, PRIOR_SIZE);
}

/** Sums the totals by row, from the start of the process. Verify mode compares these. */
export function sumRows(): void {
  memory.fill(sums, 0, <usize>slots * SUMS_SIZE);
  for (let site: u32 = 0; site < known; ++site) addTo(rowOf(site), totalsAt(site), 1);
}

/** Brings the sums to what came since arming, and finds releases of older memory. After sumRows(), once. */
export function settle(): void {
  for (let site: u32 = 0; site < known; ++site) {
    addTo(rowOf(site), baselineAt(site), -1);
    addBuckets(bucketsAt(site), bucketBaselineAt(site), -1);
    // A row is the first of its sites, so its own buckets are those since arming already.
    if (rowOf(site) == site) continue;
    addBuckets(bucketsAt(rowOf(site)), bucketsAt(site), 1);
    clearBuckets(bucketsAt(site));
  }
  for (let row: u32 = 0; row < known; ++row) {
    if (isPrior(row)) continue;
    const count = raw(row, FREES + COUNT) - raw(row, ALLOCS + COUNT);
    const bytes = raw(row, FREES + BYTES) - raw(row, ALLOCS + BYTES);
    if (<i64>count > load<i64>(priorAt(row), COUNT)) store<u64>(priorAt(row), count, COUNT);
    if (<i64>bytes > load<i64>(priorAt(row), BYTES)) store<u64>(priorAt(row), bytes, BYTES);
  }
}

/**
 * Whether everything that a site ever allocated has been released, whatever has been armed meanwhile, and its row has found nothing
 * that is older. Of a number that was given before, this was so at that moment.
 */
export function isBalanced(site: u32): bool {
  const row = rowOf(site);
  if (load<u64>(priorAt(row), COUNT) || load<u64>(priorAt(row), BYTES)) return false;
  return totalAllocs(site) == totalFrees(site) && !totalInUse(site);
}

// What a site has counted from the start of the process.

export function totalAllocs(site: u32): u64 {
  return load<u64>(totalsAt(site), ALLOCS + COUNT);
}

export function totalFrees(site: u32): u64 {
  return load<u64>(totalsAt(site), FREES + COUNT);
}

export function totalInUse(site: u32): i64 {
  return load<i64>(totalsAt(site), ALLOCS + BYTES) - load<i64>(totalsAt(site), FREES + BYTES);
}

// What a dump shows of a row, after settle().

export function allocs(row: u32): u64 {
  return raw(row, ALLOCS + COUNT);
}

export function allocBytes(row: u32): u64 {
  return raw(row, ALLOCS + BYTES);
}

export function frees(row: u32): u64 {
  return raw(row, FREES + COUNT) - load<u64>(priorAt(row), COUNT);
}

export function freeBytes(row: u32): u64 {
  return raw(row, FREES + BYTES) - load<u64>(priorAt(row), BYTES);
}

export function inUse(row: u32): i64 {
  return <i64>(allocBytes(row) - freeBytes(row));
}

/** Objects or blocks that are not released. */
export function alive(row: u32): i64 {
  return <i64>(allocs(row) - frees(row));
}

/** Whether it is known when a row's memory was allocated: that of buffers is the server's, and has no tag. */
export function hasBirths(row: u32): bool {
  return siteClass(row) != CLASS_IOBUFFER;
}

/** Objects or blocks of a row's that are alive and of one bucket (epoch.ts). */
export function aliveOf(row: u32, bucket: u32): i64 {
  if (bucket) return <i32>bucketCount(bucketsAt(row), bucket);
  let young = alive(row);
  for (let older: u32 = 1; older <= BUCKETS; ++older) young -= <i32>bucketCount(bucketsAt(row), older);
  return young;
}

/** Likewise their bytes. */
export function inUseOf(row: u32, bucket: u32): i64 {
  if (bucket) return <i64>bucketBytes(bucketsAt(row), bucket);
  let young = inUse(row);
  for (let older: u32 = 1; older <= BUCKETS; ++older) young -= <i64>bucketBytes(bucketsAt(row), older);
  return young;
}

/** Releases of memory of a class that is older than its arming: how many. */
export function priorFrees(cls: u32): u64 {
  return priorSum(cls, COUNT);
}

/** Likewise their bytes. */
export function priorBytes(cls: u32): u64 {
  return priorSum(cls, BYTES);
}

function priorSum(cls: u32, field: usize): u64 {
  let sum = raw(SITE_PRIOR + cls, FREES + field);
  for (let row: u32 = 0; row < known; ++row) {
    if (siteClass(row) == cls && !isPrior(row)) sum += load<u64>(priorAt(row) + field);
  }
  return sum;
}

/** Sorts the rows of a class that have counted anything, largest in-use first. Returns how many; rowNumber() tells them. */
export function sortRows(cls: u32): u32 {
  let n: u32 = 0;
  for (let row: u32 = 0; row < known; ++row) {
    if (isRow(row) && siteClass(row) == cls && (allocs(row) || frees(row))) setRow(n++, row);
  }
  // Heapsort: in place, no recursion. Knuth, TAOCP 3, section 5.2.3.
  for (let i = n >>> 1; i > 0; --i) sift(i - 1, n);
  for (let end = n; end > 1;) {
    const last = rowNumber(--end);
    setRow(end, rowNumber(0));
    setRow(0, last);
    sift(0, end);
  }
  return n;
}

export function rowNumber(position: u32): u32 {
  return load<u32>(order + ((<usize>position) << 2));
}

/** Whether a site is a row of a table: the first with its name, not a sum of older memory, and of a class that is tracked now. */
export function isRow(site: u32): bool {
  return !isPrior(site) && lengthOf(site) != 0 && rowOf(site) == site && !(flagsOf(site) & NAME_HIDDEN) && isArmed(siteClass(site));
}

/** The class of a site or a row. */
export function siteClass(site: u32): u32 {
  return isPrior(site) ? site - SITE_PRIOR : lengthOf(site) ? classOfName(site) : CLASS_COUNT;
}

/** The built-in tracker's counts of a row (verify.ts). */
export function verifyAt(row: u32): usize {
  return verify + <usize>row * VERIFY_SIZE;
}

/** Counters of a row as they stand in the sums, before `prior` is taken into account. */
export function rawAllocs(row: u32): u64 {
  return raw(row, ALLOCS + COUNT);
}

export function rawFrees(row: u32): u64 {
  return raw(row, FREES + COUNT);
}

export function rawInUse(row: u32): i64 {
  return <i64>(raw(row, ALLOCS + BYTES) - raw(row, FREES + BYTES));
}

/** A site got another's name, or its number is given again: what stood under it as a row is the other row's. */
function moveRow(from: u32, to: u32): void {
  addWords(priorAt(to), priorAt(from), PRIOR_SIZE);
  addWords(verifyAt(to), verifyAt(from), VERIFY_SIZE);
  historyMove(from, to);
}

function addWords(to: usize, from: usize, size: usize): void {
  for (let at: usize = 0; at < size; at += sizeof<u64>()) store<u64>(to + at, load<u64>(to + at) + load<u64>(from + at));
  memory.fill(from, 0, size);
}

function addTo(row: u32, from: usize, sign: i64): void {
  const to = sumsAt(row);
  for (let at: usize = 0; at < SUMS_SIZE; at += sizeof<u64>()) {
    store<i64>(to + at, load<i64>(to + at) + sign * load<i64>(from + at));
  }
}

function isPrior(site: u32): bool {
  return site >= SITE_PRIOR && site < SITE_PRIOR + CLASS_COUNT;
}

function setRow(position: u32, row: u32): void {
  store<u32>(order + ((<usize>position) << 2), row);
}

function sift(root: u32, end: u32): void {
  const moved = rowNumber(root);
  for (let child: u32 = 2 * root + 1; child < end; child = 2 * root + 1) {
    if (child + 1 < end && before(rowNumber(child), rowNumber(child + 1))) ++child;
    if (!before(moved, rowNumber(child))) break;
    setRow(root, rowNumber(child));
    root = child;
  }
  setRow(root, moved);
}

/** A total order: in-use, then what is alive, then allocations, largest first; then by name. */
function before(a: u32, b: u32): bool {
  if (inUse(a) != inUse(b)) return inUse(a) > inUse(b);
  if (alive(a) != alive(b)) return alive(a) > alive(b);
  if (allocs(a) != allocs(b)) return allocs(a) > allocs(b);
  return compareNames(a, b) < 0;
}

function liveOf(pairs: usize): u32 {
  return <u32>(load<u64>(pairs, ALLOCS + COUNT) - load<u64>(pairs, FREES + COUNT));
}

function liveBytesOf(pairs: usize): u64 {
  return load<u64>(pairs, ALLOCS + BYTES) - load<u64>(pairs, FREES + BYTES);
}

function bucketsAt(site: u32): Buckets {
  return recordAt<Buckets>(bucketSums, site);
}

function bucketBaselineAt(site: u32): Buckets {
  return recordAt<Buckets>(bucketBaseline, site);
}

function totalsAt(site: u32): usize {
  return totals + <usize>site * SUMS_SIZE;
}

function sumsAt(row: u32): usize {
  return sums + <usize>row * SUMS_SIZE;
}

function baselineAt(site: u32): usize {
  return baseline + <usize>site * SUMS_SIZE;
}

function priorAt(row: u32): usize {
  return prior + <usize>row * PRIOR_SIZE;
}

function raw(row: u32, field: usize): u64 {
  return load<u64>(sumsAt(row) + field);
}
