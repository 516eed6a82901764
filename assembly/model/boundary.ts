// SPDX-License-Identifier: Apache-2.0
//
// When epochs begin, and which of the old ones stay apart. The model decides, when a sample is taken.
//
// An epoch lasts a seventh of the time since the first sample, and the samples' interval at least: they become longer as the server
// becomes older, so that their numbers last. Ten years at 10 s take 103 of the 128 that there are, at 1 s 124. When these are used
// up, the last one stays; ages are then too young, never too old.
//
// Of the old ones five buckets are kept. Where a sixth comes, two neighbours are joined: those whose joint bucket is the shortest
// for its age, so that what is left lies evenly on a logarithmic scale. (Exponential histograms: Datar, Gionis, Indyk, Motwani,
// "Maintaining stream statistics over sliding windows", SIAM J. Computing 31, 2002. There buckets hold counts and are joined by
// size; here they hold time.)
//
// Of each boundary two times are kept, for a host takes a moment to publish: before it did, and after. What is behind the boundary
// is younger than the first, what is before it is older than the second.
//
//    0        8        16
//    ┌────────┬────────┐
//    │ before │ after  │   where bucket 0 (the present epoch) begins, then 1 to 4: the lanes of the word (epoch.ts)
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

/** The part of the time since the first sample that an epoch lasts, and the shortest one where the interval is not known. */
const PART: u64 = 7;
const SHORTEST: u64 = 10;

/** The epochs of now. */
export let epochsNow: u64 = 0;

/** Seconds since the first sample, and the host's time then. A clock that goes back stands still here. */
let elapsed: u64 = 0;
let last: u64 = 0;
let begun: bool = false;
/** Between nextEpoch() and epochPublished(). */
let pending: bool = false;

export function boundariesReset(): void {
  epochsNow = 0;
  elapsed = 0;
  last = 0;
  begun = pending = false;
}

/**
 * Begins an epoch, if it is time. Returns the epochs that the host is to publish before it takes the sample.
 * @param now the host's monotonic seconds
 */
export function nextEpoch(now: u64): u64 {
  const time = advance(now);
  const present = presentOf(epochsNow);
  if (present == EPOCH_MASK || time - boundaryAt(0).before < lasting()) return epochsNow;
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

/** The host has published them. */
export function epochPublished(now: u64): void {
  const time = advance(now);
  if (pending) boundaryAt(0).after = time;
  pending = false;
}

/** Buckets of older epochs that there are. */
export function oldBuckets(): u32 {
  let lane: u32 = 0;
  while (lane < BUCKETS && beginOf(epochsNow, lane)) ++lane;
  return lane;
}

/** Seconds since the first sample. */
export function secondsOfEpochs(now: u64): u64 {
  return begun && now > last ? elapsed + (now - last) : elapsed;
}

/** What is in a bucket, or in an older one, is older than so many seconds. */
export function olderThanBucket(bucket: u32, now: u64): u64 {
  const time = secondsOfEpochs(now);
  // Both times are cut to whole seconds.
  return bucket && time > boundaryAt(bucket - 1).after ? time - boundaryAt(bucket - 1).after - 1 : 0;
}

/** What is in a bucket is younger than so many seconds; 0 where it is the oldest one, whose beginning is not known here. */
export function youngerThanBucket(bucket: u32, now: u64): u64 {
  return bucket < oldBuckets() ? secondsOfEpochs(now) - boundaryAt(bucket).before + 1 : 0;
}

/** How long the present epoch is to last. */
function lasting(): u64 {
  const interval = measureOf(MEASURE_INTERVAL);
  const least = interval && interval <= u32.MAX_VALUE ? interval : SHORTEST;
  return max(least, elapsed / PART);
}

/**
 * The lane behind the first one that can be given up: one that is not in use, or the one between the two buckets whose joint one
 * would be the shortest for its age. (end - begin) / begin, all being ages, is the least where end / begin is the largest.
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

/** Ages of the bucket that would be there without the boundary that is about to become that of `lane`. */
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
