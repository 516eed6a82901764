// SPDX-License-Identifier: Apache-2.0
//
// Counters of the model: totals of each site over all shards, sums of each row, the values of both at arming, releases of older
// memory, and the buckets of older epochs (bucket.ts).
//
//    0            8            16           24           32
//    ┌────────────┬────────────┬────────────┬────────────┐
//    │ allocs     │ allocBytes │ frees      │ freeBytes  │   totals and baseline by site, sums by row
//    ├────────────┼────────────┼────────────┴────────────┘
//    │ count      │ bytes      │                             preArming by row
//    └────────────┴────────────┘

import { BUCKETS } from "../abi";
import {
  baseline,
  bucketBaseline,
  bucketSums,
  PRE_ARMING_SIZE,
  preArming,
  sums,
  SUMS_SIZE,
  totals,
  verify,
  VERIFY_SIZE,
} from "../base/memory";
import { recordAt } from "../base/regions";
import { Row, Site } from "../base/types";
import { bucketBytes, bucketCount, Buckets } from "../shard/bucket";
import { Pair } from "../shard/site";


@unmanaged
export class Sums {
  allocs: u64;
  allocBytes: u64;
  frees: u64;
  freeBytes: u64;
}

if (offsetof<Sums>() != SUMS_SIZE || offsetof<Pair>() != PRE_ARMING_SIZE) ERROR("not the sizes that memory.ts tells");

export function totalsAt(site: Site): Sums {
  return recordAt<Sums>(totals, site);
}

export function baselineAt(site: Site): Sums {
  return recordAt<Sums>(baseline, site);
}

export function sumsAt(row: Row): Sums {
  return recordAt<Sums>(sums, row);
}

export function preArmingAt(row: Row): Pair {
  return recordAt<Pair>(preArming, row);
}

/** Buckets of a site; after applyBaseline() also of a row. */
export function bucketsAt(site: Site): Buckets {
  return recordAt<Buckets>(bucketSums, site);
}

export function bucketBaselineAt(site: Site): Buckets {
  return recordAt<Buckets>(bucketBaseline, site);
}

/** The built-in tracker's counts for a row (verify.ts). */
export function verifyAt(row: Row): usize {
  return verify + <usize>row * VERIFY_SIZE;
}

/** A row's counters in the sums, without `preArming`. */
export function rawAllocs(row: Row): u64 {
  return sumsAt(row).allocs;
}

export function rawFrees(row: Row): u64 {
  return sumsAt(row).frees;
}

export function rawInUse(row: Row): i64 {
  return <i64>(sumsAt(row).allocBytes - sumsAt(row).freeBytes);
}

// A site's counters since the start of the process.

export function totalAllocs(site: Site): u64 {
  return totalsAt(site).allocs;
}

export function totalFrees(site: Site): u64 {
  return totalsAt(site).frees;
}

export function totalInUse(site: Site): i64 {
  return <i64>(totalsAt(site).allocBytes - totalsAt(site).freeBytes);
}

/** Blocks that are allocated and not released. */
export function totalAlive(site: Site): u64 {
  return totalAllocs(site) - min(totalFrees(site), totalAllocs(site));
}

// A row's values in a dump, after applyBaseline().

export function allocs(row: Row): u64 {
  return sumsAt(row).allocs;
}

export function allocBytes(row: Row): u64 {
  return sumsAt(row).allocBytes;
}

export function frees(row: Row): u64 {
  return sumsAt(row).frees - preArmingAt(row).count;
}

export function freeBytes(row: Row): u64 {
  return sumsAt(row).freeBytes - preArmingAt(row).bytes;
}

export function inUse(row: Row): i64 {
  return <i64>(allocBytes(row) - freeBytes(row));
}

/** Objects or blocks not yet released. */
export function alive(row: Row): i64 {
  return <i64>(allocs(row) - frees(row));
}

/** A row's live objects or blocks in a bucket (epoch.ts). */
export function aliveOf(row: Row, bucket: u32): i64 {
  if (bucket) return <i32>bucketCount(bucketsAt(row), bucket);
  let young = alive(row);
  for (let older: u32 = 1; older <= BUCKETS; ++older) young -= <i32>bucketCount(bucketsAt(row), older);
  return young;
}

/** A row's live bytes in a bucket. */
export function inUseOf(row: Row, bucket: u32): i64 {
  if (bucket) return <i64>bucketBytes(bucketsAt(row), bucket);
  let young = inUse(row);
  for (let older: u32 = 1; older <= BUCKETS; ++older) young -= <i64>bucketBytes(bucketsAt(row), older);
  return young;
}
