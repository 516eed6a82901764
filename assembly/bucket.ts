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

import { BUCKETS, BUCKETS_SIZE } from "./abi";
import { beginOf, bucketOf } from "./epoch";

const COUNT: usize = 40;

// @ts-ignore: decorator
@inline
export function subtractOld(at: usize, bucket: u32, size: u64): void {
  const bytes = at + ((<usize>(bucket - 1)) << 3);
  const count = at + COUNT + ((<usize>(bucket - 1)) << 2);
  store<u64>(bytes, load<u64>(bytes) - size);
  store<u32>(count, load<u32>(count) - 1);
}

export function bucketBytes(at: usize, bucket: u32): u64 {
  return load<u64>(at + ((bucket - 1) << 3));
}

export function bucketCount(at: usize, bucket: u32): u32 {
  return load<u32>(at + COUNT + ((bucket - 1) << 2));
}

// @ts-ignore: decorator
@inline
export function addOld(at: usize, bucket: u32, count: u32, bytes: u64): void {
  const toBytes = at + ((<usize>(bucket - 1)) << 3);
  const toCount = at + COUNT + ((<usize>(bucket - 1)) << 2);
  store<u64>(toBytes, load<u64>(toBytes) + bytes);
  store<u32>(toCount, load<u32>(toCount) + count);
}

/** Adds what another one has, bucket by bucket, or takes it away. */
export function addBuckets(to: usize, from: usize, sign: i32): void {
  for (let bucket: u32 = 1; bucket <= BUCKETS; ++bucket) {
    addOld(to, bucket, <u32>sign * bucketCount(from, bucket), <u64>(<i64>sign) * bucketBytes(from, bucket));
  }
}

export function clearBuckets(at: usize): void {
  memory.fill(at, 0, BUCKETS_SIZE);
}

/** Where the buckets of one word, 0 the present epoch's, are in another: four bits each. */
export function passage(from: u64, to: u64): u32 {
  let map: u32 = 0;
  for (let bucket: u32 = 0; bucket <= BUCKETS; ++bucket) map |= bucketOf(to, beginOf(from, bucket)) << (bucket * 4);
  return map;
}

/** Adds what somebody has of another word: `live` and `liveBytes` in all, `from` by bucket; `map` is the passage from that word. */
export function addPassed(to: usize, from: usize, live: u32, liveBytes: u64, map: u32): void {
  let young = live;
  let youngBytes = liveBytes;
  for (let bucket: u32 = 1; bucket <= BUCKETS; ++bucket) {
    const count = bucketCount(from, bucket);
    const bytes = bucketBytes(from, bucket);
    young -= count;
    youngBytes -= bytes;
    if (count || bytes) addOld(to, (map >>> (bucket * 4)) & 15, count, bytes);
  }
  if (map & 15) addOld(to, map & 15, young, youngBytes);
}

/** Takes buckets from one word to a later one. `live` and `liveBytes` are those of the site in all. */
// @ts-ignore: decorator
@inline
export function turnBuckets(at: usize, live: u32, liveBytes: u64, map: u32): void {
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
