// SPDX-License-Identifier: Apache-2.0
//
// Epochs in one word: the present one, and where the buckets of older ones begin. It is made by the model (boundary.ts), published
// by the host, and each shard has the one that it last met (shard.ts).
//
//      39      32 31      24 23      16 15       8 7        0
//     ┌──────────┬──────────┬──────────┬──────────┬──────────┐
//     │ begins 4 │ begins 3 │ begins 2 │ begins 1 │ present  │      begins 1 > begins 2 > ..., 0 where there is none yet
//     └──────────┴──────────┴──────────┴──────────┴──────────┘
//
//     epochs   0 ... | 3 4 5 6 | 7 8 9 | 10 11 | 12 | 13          the word 3, 7, 10, 12, 13
//     bucket      5       4        3       2      1    0          0 is the present epoch's: nothing is stored for it
//
// A word comes from the one before it by a new epoch, and by joining two neighbours where there are too many: no bucket is ever
// divided. So a bucket of an older word is a part of one of any later word, and no bucket gets a smaller number.

import { BUCKETS, EPOCH_MASK } from "../abi";

const LANE_BITS: u64 = 8;
const EACH: u64 = 0x0101010101;
const TOPS: u64 = 0x8080808080;
/** Where a product with EACH has the sum of all lanes. */
const SUM_SHIFT: u64 = 32;

// @ts-ignore: decorator
@inline
export function presentOf(word: u64): u32 {
  return (<u32>word) & EPOCH_MASK;
}

/**
 * The bucket of an epoch: how many of the lanes are later. All lanes are compared at once: a lane with its top bit set, less what
 * is one more than the epoch, keeps that bit where it is later.
 */
// @ts-ignore: decorator
@inline
export function bucketOf(word: u64, epoch: u32): u32 {
  const later = ((word | TOPS) - EACH * (<u64>epoch + 1)) & TOPS;
  return (<u32>(((later >> (LANE_BITS - 1)) * EACH) >> SUM_SHIFT)) & 7;
}

/** The first epoch of a bucket. */
export function beginOf(word: u64, bucket: u32): u32 {
  return bucket < BUCKETS ? (<u32>(word >> (<u64>bucket * LANE_BITS))) & EPOCH_MASK : 0;
}

/** The word whose bucket begins so. */
export function withBegin(word: u64, bucket: u32, epoch: u32): u64 {
  const shift = <u64>bucket * LANE_BITS;
  return (word & ~((<u64>EPOCH_MASK) << shift)) | ((<u64>epoch) << shift);
}
