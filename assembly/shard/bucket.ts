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
export function addPassed(to: usize, from: usize, live: u32, liveBytes: u64, map: u32): void {
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
function addSame(to: usize, from: usize): void {
  const b1 = load<u64>(from);
  const b2 = load<u64>(from, 8);
  const b3 = load<u64>(from, 16);
  const b4 = load<u64>(from, 24);
  const b5 = load<u64>(from, 32);
  const counts = load<u64>(from, COUNT) | load<u64>(from, COUNT + 8) | load<u64>(from, COUNT + 16);
  if (!(b1 | b2 | b3 | b4 | b5 | counts)) return;
  store<u64>(to, load<u64>(to) + b1);
  store<u64>(to, load<u64>(to, 8) + b2, 8);
  store<u64>(to, load<u64>(to, 16) + b3, 16);
  store<u64>(to, load<u64>(to, 24) + b4, 24);
  store<u64>(to, load<u64>(to, 32) + b5, 32);
  for (let bucket: u32 = 1; bucket <= BUCKETS; ++bucket) addOld(to, bucket, bucketCount(from, bucket), 0);
}

/** Takes buckets from one word to the next. `live` and `liveBytes` are those of the site in all. Straight: it is done for every site. */
// @ts-ignore: decorator
@inline
export function pushBuckets(at: usize, live: u32, liveBytes: u64, join: u32): void {
  const b1 = load<u64>(at);
  const b2 = load<u64>(at, 8);
  const b3 = load<u64>(at, 16);
  const b4 = load<u64>(at, 24);
  const b5 = load<u64>(at, 32);
  const c1 = load<u32>(at, COUNT);
  const c2 = load<u32>(at, COUNT + 4);
  const c3 = load<u32>(at, COUNT + 8);
  const c4 = load<u32>(at, COUNT + 12);
  const c5 = load<u32>(at, COUNT + 16);
  const young = live - c1 - c2 - c3 - c4 - c5;
  const youngBytes = liveBytes - b1 - b2 - b3 - b4 - b5;
  if (join == 5) {
    store<u64>(at, b5 + b4, 32);
    store<u32>(at, c5 + c4, COUNT + 16);
  }
  if (join >= 4) {
    store<u64>(at, join == 4 ? b4 + b3 : b3, 24);
    store<u32>(at, join == 4 ? c4 + c3 : c3, COUNT + 12);
  }
  if (join >= 3) {
    store<u64>(at, join == 3 ? b3 + b2 : b2, 16);
    store<u32>(at, join == 3 ? c3 + c2 : c2, COUNT + 8);
  }
  if (join >= 2) {
    store<u64>(at, join == 2 ? b2 + b1 : b1, 8);
    store<u32>(at, join == 2 ? c2 + c1 : c1, COUNT + 4);
  }
  store<u64>(at, join == 1 ? b1 + youngBytes : youngBytes);
  store<u32>(at, join == 1 ? c1 + young : young, COUNT);
}

/** As pushBuckets(), over any number of epochs. */
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
