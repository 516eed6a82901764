// SPDX-License-Identifier: Apache-2.0
//
// Decides when an epoch begins and which boundaries between older epochs are kept. The model decides this when it takes a sample.
//
// An epoch lasts a seventh of the time since the first sample, and at least the sample interval. Epochs become longer with the
// server's age, so that their numbers suffice: ten years at 10 s take 103 of the 128 numbers, at 1 s 124. When all are used, the
// last epoch continues; reported ages are then too low, never too high.
//
// The search for references watches no block of the present epoch, and after a week that lasts a day. So where a proof waits for it to end,
// the next one begins early, as long as the numbers suffice for two years from the first sample on.
//
// Older epochs are kept in five buckets. When a sixth is needed, two neighbors merge: the pair whose merged bucket is the shortest
// relative to its age. The remaining boundaries are therefore evenly spaced on a logarithmic scale. (Exponential histograms: Datar,
// Gionis, Indyk, Motwani, "Maintaining stream statistics over sliding windows", SIAM J. Computing 31, 2002. There buckets hold
// counts and merge by size; here they hold time.)
//
// Each boundary has two times, before and after the host published the epoch, because publishing takes a moment. Memory behind the
// boundary is younger than the first time; memory before it is older than the second. Ages are computed
// from the first time, so that the spans of adjacent buckets meet; ageTolerance() is their largest error.
//
//    0        8        16
//    ┌────────┬────────┐
//    │ before │ after  │   begin of bucket 0 (the present epoch), then of 1 to 4: the lanes of the word (epoch.ts)
//    └────────┴────────┘

import { BUCKETS, EPOCH_MASK, MEASURE_INTERVAL } from "../abi";
import { boundaries, BOUNDARY_SIZE } from "../base/memory";
import { recordAt } from "../base/regions";
import { beginOf, presentOf, withBegin } from "../shard/epoch";
import { measureOf } from "./environment";


@unmanaged
class Boundary {
  before: u64;
  after: u64;
}

if (offsetof<Boundary>() != BOUNDARY_SIZE) ERROR("not the size that memory.ts tells");

/**
 * An epoch lasts 1/PART of the time since the first sample; the second constant is the minimum if the sample interval is unknown.
 */
const PART: u64 = 7;
const SHORTEST: u64 = 10;
/** Seconds for which numbers are kept when epochs begin early. */
const KEPT: u64 = 2 * 365 * 86400;

/** The present epochs word. */
export let epochsNow: u64 = 0;

/**
 * Seconds since the first sample, and the host's time at the last call. If the host's clock goes back, `elapsed` does not change.
 */
let elapsed: u64 = 0;
let last: u64 = 0;
let begun: bool = false;
/** True between nextEpoch() and epochPublished(). */
let pending: bool = false;
/** The next call of nextEpoch() may begin an epoch early. */
let wanted: bool = false;

export function boundariesReset(): void {
  epochsNow = 0;
  elapsed = 0;
  last = 0;
  begun = pending = wanted = false;
}

/**
 * Begins an epoch if it is due. Returns the epochs word, which the host must publish before it takes the sample.
 * @param now monotonic seconds of the host
 */
export function nextEpoch(now: u64): u64 {
  const time = advance(now);
  const present = presentOf(epochsNow);
  const lasted = time - boundaryAt(0).before;
  const isEarly = wanted && lasted >= least();
  wanted = false;
  if (present == EPOCH_MASK || (lasted < lasting() && !isEarly)) return epochsNow;
  for (let lane = freeOne() - 1; lane > 0; --lane) {
    epochsNow = withBegin(epochsNow, lane, beginOf(epochsNow, lane - 1));
    memory.copy(changetype<usize>(boundaryAt(lane)), changetype<usize>(boundaryAt(lane - 1)), BOUNDARY_SIZE);
  }
  epochsNow = withBegin(epochsNow, 0, present + 1);
  boundaryAt(0).before = time;
  boundaryAt(0).after = time;
  pending = true;
  return epochsNow;
}

/** The next epoch may begin with the next sample, if `spare` numbers or more are left when it has. */
export function wantEpoch(spare: u32): void {
  wanted = wanted || spareEpochs() > spare;
}

/** Numbers of epochs that are left beside those that the time until KEPT takes. */
export function spareEpochs(): u32 {
  let left = EPOCH_MASK - presentOf(epochsNow);
  for (let time = elapsed; left && time < KEPT; time += max(least(), time / PART)) --left;
  return left;
}

/** The host has published the epochs word. */
export function epochPublished(now: u64): void {
  const time = advance(now);
  if (pending) boundaryAt(0).after = time;
  pending = false;
}

/** Number of buckets of older epochs in use. */
export function oldBuckets(): u32 {
  let lane: u32 = 0;
  while (lane < BUCKETS && beginOf(epochsNow, lane)) ++lane;
  return lane;
}

/** Seconds since the first sample. */
export function secondsOfEpochs(now: u64): u64 {
  return begun && now > last ? elapsed + (now - last) : elapsed;
}

/** Age of the boundary at which a bucket of older epochs ends, in seconds. Memory in this bucket, or in an older bucket, is older. */
export function olderThanBucket(bucket: u32, now: u64): u64 {
  const time = secondsOfEpochs(now);
  return bucket && time > boundaryAt(bucket - 1).before ? time - boundaryAt(bucket - 1).before : 0;
}

/**
 * Age of the boundary at which a bucket begins. Memory in this bucket is younger. u64.MAX_VALUE for the oldest bucket, whose beginning
 * is not stored here.
 */
export function youngerThanBucket(bucket: u32, now: u64): u64 {
  return bucket < oldBuckets() ? olderThanBucket(bucket + 1, now) : u64.MAX_VALUE;
}

/** The largest error of these ages, in seconds: the time that a host took to publish an epoch, and one for the truncated seconds. */
export function ageTolerance(): u64 {
  let longest: u64 = 0;
  for (let lane: u32 = 0; lane < oldBuckets(); ++lane) longest = max(longest, boundaryAt(lane).after - boundaryAt(lane).before);
  return longest + 1;
}

/** Duration of the present epoch. */
function lasting(): u64 {
  return max(least(), elapsed / PART);
}

function least(): u64 {
  const interval = measureOf(MEASURE_INTERVAL);
  return interval && interval <= u32.MAX_VALUE ? interval : SHORTEST;
}

/**
 * Index after the boundary to drop: the first unused boundary, or else the boundary whose removal merges the two buckets into the
 * bucket that is shortest relative to its age. For ages, (end - begin) / begin is smallest where end / begin is largest.
 */
function freeOne(): u32 {
  const inUse = oldBuckets();
  if (inUse < BUCKETS) return inUse + 1;
  let best: u32 = 2;
  for (let lane: u32 = 2; lane <= BUCKETS; ++lane) {
    if (endAge(lane) * beginAge(best) >= endAge(best) * beginAge(lane)) best = lane;
  }
  return best;
}

/** Age of the bucket's end after removal of the boundary that would move to `lane`. */
function endAge(lane: u32): u64 {
  return age(lane - 2);
}
function beginAge(lane: u32): u64 {
  return lane < BUCKETS ? age(lane) : min<u64>(elapsed, u32.MAX_VALUE);
}

/** Fits in half a word: in seconds, 136 years. */
function age(lane: u32): u64 {
  return min<u64>(elapsed - boundaryAt(lane).before, u32.MAX_VALUE);
}

function advance(now: u64): u64 {
  elapsed = secondsOfEpochs(now);
  begun = true;
  last = now;
  return elapsed;
}

function boundaryAt(lane: u32): Boundary {
  return recordAt<Boundary>(boundaries, lane);
}
