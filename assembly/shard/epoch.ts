// SPDX-License-Identifier: Apache-2.0
//
// Epochs packed into a word: the present epoch, and the first epochs of the older buckets. The model computes it (boundary.ts), the
// host publishes it, and each shard keeps the last word that it advanced to (shard.ts).
//
//      39      32 31      24 23      16 15       8 7        0
//     ┌──────────┬──────────┬──────────┬──────────┬──────────┐
//     │ begins 4 │ begins 3 │ begins 2 │ begins 1 │ present  │      begins 1 > begins 2 > ...; 0 where no boundary exists yet
//     └──────────┴──────────┴──────────┴──────────┴──────────┘
//
//     epochs   0 ... | 3 4 5 6 | 7 8 9 | 10 11 | 12 | 13          the word 3, 7, 10, 12, 13
//     bucket      5       4        3       2      1    0          0 holds the present epoch: nothing is stored for it
//
// Each new epoch makes a new word, which merges two neighboring buckets when there are too many. A bucket is never split. Each
// bucket of an older word is therefore part of a single bucket of any later word, and bucket numbers never decrease.

import { BUCKETS, EPOCH_MASK } from "../abi";

const LANE_BITS: u64 = 8;
const EACH: u64 = 0x0101010101;
const TOPS: u64 = 0x8080808080;
/** Position of the sum of all lanes in a product with EACH. */
const SUM_SHIFT: u64 = 32;

// @ts-ignore: decorator
@inline
export function presentOf(word: u64): u32 {
  return (<u32>word) & EPOCH_MASK;
}

/**
 * Bucket of an epoch: the number of lanes that hold a later epoch. All lanes are compared at once: each lane, with its top bit set,
 * minus (epoch + 1) keeps that bit if the lane is later.
 */
// @ts-ignore: decorator
@inline
export function bucketOf(word: u64, epoch: u32): u32 {
  const later = ((word | TOPS) - EACH * (<u64>epoch + 1)) & TOPS;
  return (<u32>(((later >> (LANE_BITS - 1)) * EACH) >> SUM_SHIFT)) & 7;
}

/** First epoch of a bucket. */
export function beginOf(word: u64, bucket: u32): u32 {
  return bucket < BUCKETS ? (<u32>(word >> (<u64>bucket * LANE_BITS))) & EPOCH_MASK : 0;
}

/** The word with the first epoch of `bucket` replaced. */
export function withBegin(word: u64, bucket: u32, epoch: u32): u64 {
  const shift = <u64>bucket * LANE_BITS;
  return (word & ~((<u64>EPOCH_MASK) << shift)) | ((<u64>epoch) << shift);
}
