// SPDX-License-Identifier: Apache-2.0
//
// What is alive of older epochs, by site: of five buckets (epoch.ts) bytes and how many. What belongs to the present epoch is the rest,
// and is not stored: an allocation writes nothing here, nor does the release of what is young.
//
//    0            8            16           24           32           40    44    48    52    56    60    64
//    ┌────────────┬────────────┬────────────┬────────────┬────────────┬─────┬─────┬─────┬─────┬─────┬─────┐
//    │ bytes of 1 │ of 2       │ of 3       │ of 4       │ of 5       │ 1   │ 2   │ 3   │ 4   │ 5   │  0  │   a cache line
//    └────────────┴────────────┴────────────┴────────────┴────────────┴─────┴─────┴─────┴─────┴─────┴─────┘
//
// A shard has these (allocated here, released elsewhere: one may be below zero), and the model their sums and those at arming. All are
// modular: sums and differences are exact while what is alive fits, 2^31 of one site and bucket.

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

/** Adds what another one has, bucket by bucket, or takes it away. */
export function addBuckets(to: Buckets, from: Buckets, sign: i32): void {
  for (let bucket: u32 = 1; bucket <= BUCKETS; ++bucket) {
    addOld(to, bucket, <u32>sign * bucketCount(from, bucket), <u64>(<i64>sign) * bucketBytes(from, bucket));
  }
}

export function clearBuckets(at: Buckets): void {
  memory.fill(changetype<usize>(at), 0, BUCKETS_SIZE);
}

/**
 * Where the buckets of one word, 0 the present epoch's, are in a later one: four bits each. Buckets that nothing can be in yet stay where
 * they are.
 */
export function passage(from: u64, to: u64): u32 {
  let map: u32 = 0;
  let oldest = false;
  for (let bucket: u32 = 0; bucket <= BUCKETS; ++bucket) {
    const begin = beginOf(from, bucket);
    map |= (oldest ? bucket : bucketOf(to, begin)) << (bucket * 4);
    oldest = oldest || !begin;
  }
  return map;
}

/** Nothing moves. */
export const SAME: u32 = 0x543210;

/**
 * The passage of one new epoch, of which there are five: young becomes 1, those before `join` go up by one, and that one keeps its place
 * and takes in the one before it. 0 where more than one epoch has begun.
 */
export function joinOf(map: u32): u32 {
  if (map == 0x543211) return 1;
  if (map == 0x543221) return 2;
  if (map == 0x543321) return 3;
  if (map == 0x544321) return 4;
  return map == 0x554321 ? 5 : 0;
}

/** Adds what somebody has of another word: `live` and `liveBytes` in all, `from` by bucket; `map` is the passage from that word. */
export function addPassed(to: Buckets, from: Buckets, live: u32, liveBytes: u64, map: u32): void {
  if (map == SAME) return addSame(to, from);
  let young = live;
  let youngBytes = liveBytes;
  for (let bucket: u32 = 1; bucket <= BUCKETS; ++bucket) {
    const count = bucketCount(from, bucket);
    const bytes = bucketBytes(from, bucket);
    young -= count;
    youngBytes -= bytes;
    addOld(to, (map >>> (bucket * 4)) & 15, count, bytes);
  }
  if (map & 15) addOld(to, map & 15, young, youngBytes);
}

/** Without loops: it is done for each site of each shard, mostly for nothing. */
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

/** Not 0 where there is any: two counts at once, the last with the zero behind it. */
// @ts-ignore: decorator
@inline
function anyCount(at: Buckets): u64 {
  const counts = changetype<usize>(at) + COUNTS;
  return valueAt<u64>(counts, 0) | valueAt<u64>(counts, 1) | valueAt<u64>(counts, 2);
}

/** Takes buckets from one word to the next. `live` and `liveBytes` are those of the site in all. Straight: it is done for every site. */
// @ts-ignore: decorator
@inline
export function pushBuckets(at: Buckets, live: u32, liveBytes: u64, join: u32): void {
  const b1 = at.bytes1;
  const b2 = at.bytes2;
  const b3 = at.bytes3;
  const b4 = at.bytes4;
  const b5 = at.bytes5;
  const c1 = at.count1;
  const c2 = at.count2;
  const c3 = at.count3;
  const c4 = at.count4;
  const c5 = at.count5;
  const young = live - c1 - c2 - c3 - c4 - c5;
  const youngBytes = liveBytes - b1 - b2 - b3 - b4 - b5;
  if (join == 5) {
    at.bytes5 = b5 + b4;
    at.count5 = c5 + c4;
  }
  if (join >= 4) {
    at.bytes4 = join == 4 ? b4 + b3 : b3;
    at.count4 = join == 4 ? c4 + c3 : c3;
  }
  if (join >= 3) {
    at.bytes3 = join == 3 ? b3 + b2 : b2;
    at.count3 = join == 3 ? c3 + c2 : c2;
  }
  if (join >= 2) {
    at.bytes2 = join == 2 ? b2 + b1 : b1;
    at.count2 = join == 2 ? c2 + c1 : c1;
  }
  at.bytes1 = join == 1 ? b1 + youngBytes : youngBytes;
  at.count1 = join == 1 ? c1 + young : young;
}

/** As pushBuckets(), over any number of epochs. */
export function turnBuckets(at: Buckets, live: u32, liveBytes: u64, map: u32): void {
  let young = live;
  let youngBytes = liveBytes;
  // The oldest first: none gets a smaller number, so what is in the way has gone already.
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
