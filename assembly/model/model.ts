// SPDX-License-Identifier: Apache-2.0
//
// The model of a dump: what all shards together allocated and released, by site, and from that by row.
//
// A dump calls start(), merges every shard's frees, then every shard's allocations, then updates the names (updateNames()), makes
// the rows' sums (sumRows()) and applies the baseline (applyBaseline()). In that order a release in the sums always has its
// allocation in them too, though the shards go on counting meanwhile: in-use is never too small.
//
// The counters of a shard run from the start of the process. A dump shows what came since arming: arm() keeps the totals of that
// moment as the baseline. IOBuffers older than the arming are released all the same, and the server does not say how old a buffer
// is: whenever a row has released more than it allocated, the difference must be such buffers. It is kept (`preArming`) and never
// taken back, so the row is right from then on.
//
// Last come every shard's buckets (mergeBuckets()): what is in use of older epochs, by site. Shards advance when they next count,
// so each site of each shard is read with the epochs that its shard then had, and mapped to the present ones. A block that was
// allocated before is in some shard, released or not, and a block that is allocated meanwhile is young: no bucket's sum is below
// zero, and what is in no bucket is young.

import {
  BUCKETS_SIZE,
  CLASS_COUNT,
  CLASS_IOBUFFER,
  NAME_HIDDEN,
  ROLE_MODEL,
  SITE_FIRST,
  SITE_PRE_ARMING,
  STAGED_BUCKETS,
  STAGED_EPOCHS,
  STAGED_MAX,
  STAGED_PAIRS,
  STAGED_SIZE,
} from "../abi";
import { bucketSums, DEBUG, PRE_ARMING_SIZE, slots, staging, sums, SUMS_SIZE, totals, VERIFY_SIZE } from "../base/memory";
import { addToValueAt, recordAt, valueAt } from "../base/regions";
import { Row, Site } from "../base/types";
import { classOfName, flagsOf, lengthOf } from "../registry/name";
import { addBuckets, addBucketsMapped, advanceBuckets, bucketMap, Buckets, clearBuckets } from "../shard/bucket";
import { Pair } from "../shard/site";
import * as boundary from "./boundary";
import { historyForget, historyMove } from "./history";
import { computeRows, resetRows, rowOf } from "./rows";
import {
  baselineAt,
  bucketBaselineAt,
  bucketsAt,
  preArmingAt,
  Sums,
  sumsAt,
  totalAllocs,
  totalFrees,
  totalInUse,
  totalsAt,
  verifyAt,
} from "./sums";

/** What mergeBuckets() is given of a site: with the buckets behind it. */
@unmanaged
class Staged {
  epochs: u64;
  allocs: u64;
  allocBytes: u64;
  frees: u64;
  freeBytes: u64;
}

if (offsetof<Staged>("epochs") != STAGED_EPOCHS || offsetof<Staged>("allocs") != STAGED_PAIRS) ERROR("not where abi.ts tells");
if (offsetof<Staged>() != STAGED_BUCKETS || STAGED_BUCKETS + BUCKETS_SIZE != STAGED_SIZE) ERROR("not the sizes that abi.ts tells");

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
 * The names of the sites 0 to count - 1, and the owners, have been copied in. Sites of one name become one row, and what rows keep
 * from dump to dump moves with them.
 * @param now the registry's version() when they were copied
 * @returns 0, or -1 where no such site can exist
 */
export function updateNames(count: u32, now: u32): i32 {
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
  merge(offsetof<Sums>("frees"), count);
}

/** Likewise to the allocations. */
export function mergeAllocs(count: u32): void {
  merge(offsetof<Sums>("allocs"), count);
}

function merge(pair: usize, count: u32): void {
  if (DEBUG) assert(count <= slots);
  for (let site: Site = 0; site < count; ++site) {
    const from = recordAt<Pair>(staging, site);
    const to = changetype<Pair>(changetype<usize>(totalsAt(site)) + pair);
    to.count = to.count + from.count;
    to.bytes = to.bytes + from.bytes;
  }
}

/**
 * Adds what stands in staging, of the sites from `first` on: the buckets, mapped from the epochs of their shard to the present
 * ones.
 */
export function mergeBuckets(first: u32, count: u32): void {
  if (DEBUG) assert(count <= STAGED_MAX && first + count <= slots);
  let epochs = boundary.epochsNow;
  let map = bucketMap(epochs, epochs);
  for (let i: u32 = 0; i < count; ++i) {
    const from = recordAt<Staged>(staging, i, STAGED_SIZE);
    if (!(from.allocs | from.frees)) continue;
    if (from.epochs != epochs) {
      epochs = from.epochs;
      map = bucketMap(epochs, boundary.epochsNow);
    }
    const buckets = changetype<Buckets>(changetype<usize>(from) + STAGED_BUCKETS);
    addBucketsMapped(bucketsAt(first + i), buckets, <u32>(from.allocs - from.frees), from.allocBytes - from.freeBytes, map);
  }
}

/** Begins an epoch, if it is time (boundary.ts). The sums are those of the epochs before, until they are made again. */
export function nextEpoch(now: u64): u64 {
  const before = boundary.epochsNow;
  boundary.nextEpoch(now);
  if (boundary.epochsNow == before) return before;
  // What the baselines call young is that of the epoch that was the present one.
  const map = bucketMap(before, boundary.epochsNow);
  for (let site: Site = 0; site < slots; ++site) {
    const at = baselineAt(site);
    if (at.allocs) advanceBuckets(bucketBaselineAt(site), <u32>(at.allocs - at.frees), at.allocBytes - at.freeBytes, map);
  }
  return boundary.epochsNow;
}

/** A class is tracked from now on: the totals of this moment are its baseline, and its rows have no past. */
export function arm(cls: u32): void {
  armed |= 1 << cls;
  for (let site: Site = 0; site < known; ++site) {
    if (siteClass(site) != cls) continue;
    markSite(site);
    historyForget(site);
  }
}

/**
 * A class is not tracked from now on: what it releases is not heard of, so what was counted is no longer so, and it has no rows.
 */
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
export function markSite(site: Site): void {
  memory.copy(changetype<usize>(baselineAt(site)), changetype<usize>(totalsAt(site)), SUMS_SIZE);
  memory.copy(changetype<usize>(bucketBaselineAt(site)), changetype<usize>(bucketsAt(site)), BUCKETS_SIZE);
  memory.fill(changetype<usize>(preArmingAt(site)), 0, PRE_ARMING_SIZE);
}

/** Sums the totals by row, from the start of the process. Verify mode compares these. */
export function sumRows(): void {
  memory.fill(sums, 0, <usize>slots * SUMS_SIZE);
  for (let site: Site = 0; site < known; ++site) addTo(rowOf(site), totalsAt(site), 1);
}

/** Brings the sums to what came since arming, and finds releases of older memory. After sumRows(), once. */
export function applyBaseline(): void {
  for (let site: Site = 0; site < known; ++site) {
    addTo(rowOf(site), baselineAt(site), -1);
    addBuckets(bucketsAt(site), bucketBaselineAt(site), -1);
    // A row is the first of its sites, so its own buckets are those since arming already.
    if (rowOf(site) == site) continue;
    addBuckets(bucketsAt(rowOf(site)), bucketsAt(site), 1);
    clearBuckets(bucketsAt(site));
  }
  for (let row: Row = 0; row < known; ++row) {
    if (isPreArming(row)) continue;
    const count = sumsAt(row).frees - sumsAt(row).allocs;
    const bytes = sumsAt(row).freeBytes - sumsAt(row).allocBytes;
    const older = preArmingAt(row);
    if (<i64>count > <i64>older.count) older.count = count;
    if (<i64>bytes > <i64>older.bytes) older.bytes = bytes;
  }
}

/**
 * Whether everything that a site ever allocated has been released, whatever has been armed meanwhile, and its row has found nothing
 * that is older. Of a number that was given before, this was so at that moment.
 */
export function isBalanced(site: Site): bool {
  const row = rowOf(site);
  if (preArmingAt(row).count || preArmingAt(row).bytes) return false;
  return totalAllocs(site) == totalFrees(site) && !totalInUse(site);
}

/** Whether it is known when a row's memory was allocated: that of buffers is the server's, and has no tag. */
export function hasBirths(row: Row): bool {
  return siteClass(row) != CLASS_IOBUFFER;
}

/** Releases of memory of a class that is older than its arming: how many. */
export function preArmingFrees(cls: u32): u64 {
  let sum = sumsAt(SITE_PRE_ARMING + cls).frees;
  for (let row: Row = 0; row < known; ++row) if (hasPreArming(row, cls)) sum += preArmingAt(row).count;
  return sum;
}

/** Likewise their bytes. */
export function preArmingBytes(cls: u32): u64 {
  let sum = sumsAt(SITE_PRE_ARMING + cls).freeBytes;
  for (let row: Row = 0; row < known; ++row) if (hasPreArming(row, cls)) sum += preArmingAt(row).bytes;
  return sum;
}

function hasPreArming(row: Row, cls: u32): bool {
  return siteClass(row) == cls && !isPreArming(row);
}

/** Whether a site is a row of a table: the first with its name, not a sum of older memory, and of a class that is tracked now. */
export function isRow(site: Site): bool {
  return (
    !isPreArming(site) && lengthOf(site) != 0 && rowOf(site) == site && !(flagsOf(site) & NAME_HIDDEN) && isArmed(siteClass(site))
  );
}

/** The class of a site or a row. */
export function siteClass(site: Site): u32 {
  return isPreArming(site) ? site - SITE_PRE_ARMING : lengthOf(site) ? classOfName(site) : CLASS_COUNT;
}

/** A site got another's name, or its number is given again: what stood under it as a row is the other row's. */
function moveRow(from: Row, to: Row): void {
  moveCounts(changetype<usize>(preArmingAt(to)), changetype<usize>(preArmingAt(from)), PRE_ARMING_SIZE);
  moveCounts(verifyAt(to), verifyAt(from), VERIFY_SIZE);
  historyMove(from, to);
}

function moveCounts(to: usize, from: usize, size: usize): void {
  for (let i: usize = 0; i < size / sizeof<u64>(); ++i) addToValueAt<u64>(to, i, valueAt<u64>(from, i));
  memory.fill(from, 0, size);
}

function addTo(row: Row, from: Sums, sign: i64): void {
  const to = sumsAt(row);
  for (let i: usize = 0; i < SUMS_SIZE / sizeof<u64>(); ++i) {
    addToValueAt<i64>(changetype<usize>(to), i, sign * valueAt<i64>(changetype<usize>(from), i));
  }
}

function isPreArming(site: Site): bool {
  return site >= SITE_PRE_ARMING && site < SITE_PRE_ARMING + CLASS_COUNT;
}
