// SPDX-License-Identifier: Apache-2.0
//
// The model of a dump: allocations and releases summed over all shards, by site, and then by row.
//
// A dump calls start(), merges every shard's frees, then every shard's allocations, updates the names (updateNames()), sums the
// rows (sumRows()) and applies the baseline (applyBaseline()). Because frees come first, each release in the sums has its
// allocation in the sums too, although the shards continue to count: in-use is never too low.
//
// A shard's counters run from the start of the process. A dump shows counts since arming: arm() stores the totals of that moment as
// the baseline. IOBuffers older than the arming are released later all the same, and the server does not tell how old a buffer is.
// If a row has released more than it allocated, the difference must be such older buffers. The model stores it (`preArming`) and
// never reduces it, so the row is correct from then on.
//
// Finally it merges every shard's buckets (mergeBuckets()): memory in use from older epochs, by site. A shard advances its epochs
// only when it next counts, so each site is read together with its shard's epochs at that moment and mapped to the present epochs.
// A block allocated before the merge is in some shard, released or not; a block allocated during the merge is young. Therefore no
// bucket's sum is negative, and memory in no bucket is young.

import {
  BUCKETS_SIZE,
  CLASS_COUNT,
  CLASS_FREELIST,
  CLASS_IOBUFFER,
  NAME_HIDDEN,
  NAME_UNTRACKED,
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
import { findingsForget, findingsReset } from "./findings";
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

/** Input of mergeBuckets() for a site. The buckets follow. */
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

/** Number of sites for which this model has names, and the registry's version of these names: now, and when the sums were begun. */
let known: u32 = SITE_FIRST;
let version: u32 = 0;
let begun: u32 = 0;

/** A bit for each class that is tracked. */
let armed: u32 = ALL_CLASSES;
/** How often a class was armed or disarmed. If this has changed, sums do not continue earlier sums. */
export let switches: u32 = 0;

export function reset(role: u32): void {
  known = SITE_FIRST;
  version = begun = 0xffffffff;
  armed = ALL_CLASSES;
  switches = 0;
  boundary.boundariesReset();
  if (role != ROLE_MODEL) return;
  resetRows();
  findingsReset();
}

/**
 * Takes over new names. The host has copied the names of the sites 0 to count - 1, and the owners, into this instance. Sites with
 * one name become one row, and data that rows keep between dumps moves along.
 * @param now the registry's version() at the time of the copy
 * @returns 0, or -1 if no such site can exist
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

/** Version of this model's names. If the registry has another version, the host must copy the names. */
export function knownVersion(): u32 {
  return version;
}

/** Version of this model's names when it began its sums: the sums are complete for every module that was gone in that version. */
export function begunVersion(): u32 {
  return begun;
}

/** Clears the sums of the last dump. */
export function start(): void {
  begun = version;
  memory.fill(totals, 0, <usize>slots * SUMS_SIZE);
  memory.fill(bucketSums, 0, <usize>slots * BUCKETS_SIZE);
}

/** Adds the pairs in staging (from a shard, sites 0 to count - 1) to the frees. */
export function mergeFrees(count: u32): void {
  merge(offsetof<Sums>("frees"), count);
}

/** Adds the pairs in staging to the allocations. */
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

/** Adds the records in staging, for the sites from `first` on: maps the buckets from their shard's epochs to the present epochs. */
export function mergeBuckets(first: u32, count: u32): void {
  if (DEBUG) assert(count <= STAGED_MAX && first + count <= slots);
  let epochs = boundary.epochsNow;
  let map = bucketMap(epochs, epochs);
  for (let i: u32 = 0; i < count; ++i) {
    const from = recordAt<Staged>(staging, i, STAGED_SIZE);
    if (!(from.allocs | from.frees | from.allocBytes | from.freeBytes)) continue;
    if (from.epochs != epochs) {
      epochs = from.epochs;
      map = bucketMap(epochs, boundary.epochsNow);
    }
    const buckets = changetype<Buckets>(changetype<usize>(from) + STAGED_BUCKETS);
    addBucketsMapped(bucketsAt(first + i), buckets, <u32>(from.allocs - from.frees), from.allocBytes - from.freeBytes, map);
  }
}

/** Begins an epoch if it is due (boundary.ts). The sums refer to the previous epochs until they are made again. */
export function nextEpoch(now: u64): u64 {
  const before = boundary.epochsNow;
  boundary.nextEpoch(now);
  if (boundary.epochsNow == before) return before;
  // Memory that was young in the baselines belongs to the epoch that has just ended.
  const map = bucketMap(before, boundary.epochsNow);
  for (let site: Site = 0; site < slots; ++site) {
    const at = baselineAt(site);
    if (at.allocs) advanceBuckets(bucketBaselineAt(site), <u32>(at.allocs - at.frees), at.allocBytes - at.freeBytes, map);
  }
  return boundary.epochsNow;
}

/** Starts tracking a class: the present totals become its baseline, and the history of its rows is cleared. */
export function arm(cls: u32): void {
  armed |= 1 << cls;
  ++switches;
  for (let site: Site = 0; site < known; ++site) {
    if (siteClass(site) != cls) continue;
    markSite(site);
    historyForget(site);
    findingsForget(site);
  }
}

/** Stops tracking a class. Its releases are not seen from now on, so its counts become invalid and its rows disappear. */
export function disarm(cls: u32): void {
  if (isArmed(cls)) ++switches;
  armed &= ~(1 << cls);
}

export function isArmed(cls: u32): bool {
  return (armed & (1 << cls)) != 0;
}

export function isAnyArmed(): bool {
  return armed != 0;
}

/** Makes a site's present totals its baseline. */
export function markSite(site: Site): void {
  memory.copy(changetype<usize>(baselineAt(site)), changetype<usize>(totalsAt(site)), SUMS_SIZE);
  memory.copy(changetype<usize>(bucketBaselineAt(site)), changetype<usize>(bucketsAt(site)), BUCKETS_SIZE);
  memory.fill(changetype<usize>(preArmingAt(site)), 0, PRE_ARMING_SIZE);
}

/** Sums the totals by row, from the start of the process. Verify mode compares these sums. */
export function sumRows(): void {
  memory.fill(sums, 0, <usize>slots * SUMS_SIZE);
  for (let site: Site = 0; site < known; ++site) addTo(rowOf(site), totalsAt(site), 1);
}

/** Subtracts the baseline from the sums and detects releases of older memory. Called once after sumRows(). */
export function applyBaseline(): void {
  for (let site: Site = 0; site < known; ++site) {
    addTo(rowOf(site), baselineAt(site), -1);
    addBuckets(bucketsAt(site), bucketBaselineAt(site), -1);
    // A row is the first of its sites, so its own buckets already count since arming.
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
 * Whether all memory that a site ever allocated has been released, regardless of armings, and its row has no releases of older
 * memory. For a number that was assigned before, this was true at the time of reassignment.
 */
export function isBalanced(site: Site): bool {
  if (isUntracked(site)) return true;
  const row = rowOf(site);
  if (preArmingAt(row).count || preArmingAt(row).bytes) return false;
  return totalAllocs(site) == totalFrees(site) && !totalInUse(site);
}

/** Whether the allocation times of a row's memory are known. The server allocates buffers, which have no tag. */
export function hasBirths(row: Row): bool {
  return siteClass(row) != CLASS_IOBUFFER && !isGauge(row);
}

/** Whether only what is in use is known of a row: its counts are no events, but changes between readings (freelists.ts). */
export function isGauge(row: Row): bool {
  return siteClass(row) == CLASS_FREELIST;
}

/** Whether a site counts frees of memory that nobody was seen to allocate. It is no row of a table. */
export function isUntracked(site: Site): bool {
  return lengthOf(site) != 0 && (flagsOf(site) & NAME_UNTRACKED) != 0;
}

/** Number of these frees. */
export function untrackedFrees(site: Site): u64 {
  return sumsAt(site).frees;
}

/** Bytes of these frees. */
export function untrackedBytes(site: Site): u64 {
  return preArmingAt(site).bytes;
}

/** Number of releases of a class's memory that is older than the arming, except those of sites of which isUntracked() is true. */
export function preArmingFrees(cls: u32): u64 {
  let sum = sumsAt(SITE_PRE_ARMING + cls).frees;
  for (let row: Row = 0; row < known; ++row) if (hasPreArming(row, cls)) sum += preArmingAt(row).count;
  return sum;
}

/** Bytes of these releases. */
export function preArmingBytes(cls: u32): u64 {
  let sum = sumsAt(SITE_PRE_ARMING + cls).freeBytes;
  for (let row: Row = 0; row < known; ++row) if (hasPreArming(row, cls)) sum += preArmingAt(row).bytes;
  return sum;
}

function hasPreArming(row: Row, cls: u32): bool {
  return siteClass(row) == cls && !isPreArming(row) && !isUntracked(row);
}

/** Whether a site is a row of a table: the first site with its name, not a sum of older memory, and of a tracked class. */
export function isRow(site: Site): bool {
  return (
    !isPreArming(site) &&
    lengthOf(site) != 0 &&
    rowOf(site) == site &&
    !(flagsOf(site) & (NAME_HIDDEN | NAME_UNTRACKED)) &&
    isArmed(siteClass(site))
  );
}

/** Class of a site or a row. */
export function siteClass(site: Site): u32 {
  return isPreArming(site) ? site - SITE_PRE_ARMING : lengthOf(site) ? classOfName(site) : CLASS_COUNT;
}

/** Moves a row's data: its site was renamed, or its number reassigned. */
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
