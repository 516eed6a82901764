// SPDX-License-Identifier: Apache-2.0
//
// Memory in use from older epochs, by site: bytes and count in each of five buckets (epoch.ts). Memory of the present epoch is the
// remainder and is not stored: allocating, and releasing a young block, writes nothing here.
//
//    0            8            16           24           32           40    44    48    52    56    60    64
//    ┌────────────┬────────────┬────────────┬────────────┬────────────┬─────┬─────┬─────┬─────┬─────┬─────┐
//    │ bytes of 1 │ of 2       │ of 3       │ of 4       │ of 5       │ 1   │ 2   │ 3   │ 4   │ 5   │  0  │   a cache line
//    └────────────┴────────────┴────────────┴────────────┴────────────┴─────┴─────┴─────┴─────┴─────┴─────┘
//
// A shard has one such record per site. A bucket of a shard may be negative (allocated elsewhere, released here). The model has the
// sums over all shards, and their values at arming. All numbers are modular: sums and differences are exact up to 2^31 blocks of a
// site and bucket.

import { BUCKETS, BUCKETS_SIZE } from "../abi";
import { addToValueAt, valueAt } from "../base/regions";
import { beginOf, bucketOf } from "./epoch";


@unmanaged
export class Buckets {
  bytes1: u64;
  bytes2: u64;
  bytes3: u64;
  bytes4: u64;
  bytes5: u64;
  count1: u32;
  count2: u32;
  count3: u32;
  count4: u32;
  count5: u32;
  zero: u32;
}

if (offsetof<Buckets>() != BUCKETS_SIZE) ERROR("not the size that abi.ts tells");

const COUNTS: usize = offsetof<Buckets>("count1");

// @ts-ignore: decorator
@inline
export function bucketBytes(at: Buckets, bucket: u32): u64 {
  return valueAt<u64>(changetype<usize>(at), bucket - 1);
}

// @ts-ignore: decorator
@inline
export function bucketCount(at: Buckets, bucket: u32): u32 {
  return valueAt<u32>(changetype<usize>(at) + COUNTS, bucket - 1);
}

// @ts-ignore: decorator
@inline
export function addOld(at: Buckets, bucket: u32, count: u32, bytes: u64): void {
  addToValueAt<u64>(changetype<usize>(at), bucket - 1, bytes);
  addToValueAt<u32>(changetype<usize>(at) + COUNTS, bucket - 1, count);
}

// @ts-ignore: decorator
@inline
export function subtractOld(at: Buckets, bucket: u32, size: u64): void {
  addOld(at, bucket, -1, -size);
}

/** Adds (sign 1) or subtracts (sign -1) all buckets of another site or point in time. */
export function addBuckets(to: Buckets, from: Buckets, sign: i32): void {
  for (let bucket: u32 = 1; bucket <= BUCKETS; ++bucket) {
    addOld(to, bucket, <u32>sign * bucketCount(from, bucket), <u64>(<i64>sign) * bucketBytes(from, bucket));
  }
}

export function clearBuckets(at: Buckets): void {
  memory.fill(changetype<usize>(at), 0, BUCKETS_SIZE);
}

/**
 * Maps each bucket of the word `from` to the bucket of the later word `to` that contains it: four bits per bucket, bucket 0 (the
 * present epoch) lowest. Buckets that are necessarily empty keep their number.
 */
export function bucketMap(from: u64, to: u64): u32 {
  let map: u32 = 0;
  let oldest = false;
  for (let bucket: u32 = 0; bucket <= BUCKETS; ++bucket) {
    const begin = beginOf(from, bucket);
    map |= (oldest ? bucket : bucketOf(to, begin)) << (bucket * 4);
    oldest = oldest || !begin;
  }
  return map;
}

/** Map from a word to the same word. */
export const SAME: u32 = 0x543210;

/**
 * The map of a single new epoch moves bucket 0 to 1, 1 to 2 and so on, up to the bucket into which two buckets merge. Returns that
 * bucket, or 0 if the map covers several epochs.
 */
export function mergedBucket(map: u32): u32 {
  if (map == 0x543211) return 1;
  if (map == 0x543221) return 2;
  if (map == 0x543321) return 3;
  if (map == 0x544321) return 4;
  return map == 0x554321 ? 5 : 0;
}

/**
 * Adds the buckets of an older word through `map`, the map to the present word. `alive` and `inUse` are the site's totals over all
 * buckets.
 */
export function addBucketsMapped(to: Buckets, from: Buckets, alive: u32, inUse: u64, map: u32): void {
  if (map == SAME) return addSame(to, from);
  let young = alive;
  let youngBytes = inUse;
  for (let bucket: u32 = 1; bucket <= BUCKETS; ++bucket) {
    const count = bucketCount(from, bucket);
    const bytes = bucketBytes(from, bucket);
    young -= count;
    youngBytes -= bytes;
    addOld(to, (map >>> (bucket * 4)) & 15, count, bytes);
  }
  if (map & 15) addOld(to, map & 15, young, youngBytes);
}

/** Without loops: it runs for each site of each shard, and most sites have no older epochs. */
function addSame(to: Buckets, from: Buckets): void {
  const b1 = from.bytes1;
  const b2 = from.bytes2;
  const b3 = from.bytes3;
  const b4 = from.bytes4;
  const b5 = from.bytes5;
  if (!(b1 | b2 | b3 | b4 | b5 | anyCount(from))) return;
  to.bytes1 = to.bytes1 + b1;
  to.bytes2 = to.bytes2 + b2;
  to.bytes3 = to.bytes3 + b3;
  to.bytes4 = to.bytes4 + b4;
  to.bytes5 = to.bytes5 + b5;
  for (let bucket: u32 = 1; bucket <= BUCKETS; ++bucket) addOld(to, bucket, bucketCount(from, bucket), 0);
}

/** Nonzero if any count is. Reads two counts at a time; the last read includes the zero behind the counts. */
// @ts-ignore: decorator
@inline
function anyCount(at: Buckets): u64 {
  const counts = changetype<usize>(at) + COUNTS;
  return valueAt<u64>(counts, 0) | valueAt<u64>(counts, 1) | valueAt<u64>(counts, 2);
}

/**
 * Advances buckets by one epoch. `alive` and `inUse` are the site's totals over all buckets. Without loops: it runs for every site.
 * The bytes, then the counts, and both read again: what needs more registers than there are takes a hook's stack (stack_test.c).
 * @param merged the bucket into which two buckets merge
 */
// @ts-ignore: decorator
@inline
export function advanceBucketsByOne(at: Buckets, alive: u32, inUse: u64, merged: u32): void {
  advanceBytes(at, inUse, merged);
  advanceCounts(at, alive, merged);
}

// @ts-ignore: decorator
@inline
function advanceBytes(at: Buckets, inUse: u64, merged: u32): void {
  const young = inUse - at.bytes1 - at.bytes2 - at.bytes3 - at.bytes4 - at.bytes5;
  if (merged == 5) at.bytes5 += at.bytes4;
  if (merged >= 4) at.bytes4 = merged == 4 ? at.bytes4 + at.bytes3 : at.bytes3;
  if (merged >= 3) at.bytes3 = merged == 3 ? at.bytes3 + at.bytes2 : at.bytes2;
  if (merged >= 2) at.bytes2 = merged == 2 ? at.bytes2 + at.bytes1 : at.bytes1;
  at.bytes1 = merged == 1 ? at.bytes1 + young : young;
}

// @ts-ignore: decorator
@inline
function advanceCounts(at: Buckets, alive: u32, merged: u32): void {
  const young = alive - at.count1 - at.count2 - at.count3 - at.count4 - at.count5;
  if (merged == 5) at.count5 += at.count4;
  if (merged >= 4) at.count4 = merged == 4 ? at.count4 + at.count3 : at.count3;
  if (merged >= 3) at.count3 = merged == 3 ? at.count3 + at.count2 : at.count2;
  if (merged >= 2) at.count2 = merged == 2 ? at.count2 + at.count1 : at.count1;
  at.count1 = merged == 1 ? at.count1 + young : young;
}

/** Like advanceBucketsByOne(), for any number of epochs. */
export function advanceBuckets(at: Buckets, alive: u32, inUse: u64, map: u32): void {
  let young = alive;
  let youngBytes = inUse;
  // Oldest first: no bucket moves to a smaller number, so the target has already moved on.
  for (let bucket = BUCKETS; bucket > 0; --bucket) {
    const count = bucketCount(at, bucket);
    const bytes = bucketBytes(at, bucket);
    young -= count;
    youngBytes -= bytes;
    const to = (map >>> (bucket * 4)) & 15;
    if (to == bucket || (!count && !bytes)) continue;
    addOld(at, to, count, bytes);
    addOld(at, bucket, -count, -bytes);
  }
  if (map & 15) addOld(at, map & 15, young, youngBytes);
}
