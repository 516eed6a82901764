// SPDX-License-Identifier: Apache-2.0
//
// Times of the samples, and values sampled with them. All rows are sampled together, so the times are stored once. Level 0 keeps
// the last samples; four points of a level make a point of the next. Thus 7 levels of 11 points reach back from the last sample
// over 45,000 samples (at 10 s: 5 days), each level with at least 11 points.
//
//   level 2    |. . . .|. . . .|. . . .|. . . .|                        a point: 16 samples
//   level 1                    | | | | | | | | | | |                    a point: 4 samples
//   level 0                                  |||||||||||  <- now        a point: a sample
//
// The bytes of a point:
//
//    0      4      8              16             24
//    ┌──────┬──────┬──────────────┬──────────────┐
//    │ time │ open │ transactions │ RAM cache    │   time and transactions of its first sample, otherwise the lowest value
//    └──────┴──────┴──────────────┴──────────────┘
//
// Times are the host's monotonic seconds since the first sample. A time that goes back (an error in the host, a replaced clock)
// counts as the usual interval later: time never goes back here. Gaps keep their true length, so rates over a gap are correct.

import { HISTORY_LEVELS, HISTORY_POINTS, HISTORY_SHIFT } from "../abi";
import { TICK_SIZE, timeline } from "../base/memory";
import { recordAt } from "../base/regions";


@unmanaged
class Tick {
  time: u32;
  open: u32;
  transactions: u64;
  ramCache: u64;
}

if (offsetof<Tick>() != TICK_SIZE) ERROR("not the size that memory.ts tells");

const GROUP: u32 = 1 << HISTORY_SHIFT;

/** Number of samples taken. */
export let samples: u32 = 0;
/** Number of levels, level 0 included, that completed a point at the last sample. */
export let completed: u32 = 0;

let elapsed: u32 = 0;
let last: u64 = 0;
let interval: u32 = 0;

export function timelineReset(): void {
  samples = 0;
  completed = 0;
  elapsed = 0;
  interval = 0;
}

/** Stores the time of a sample. */
export function tick(now: u64, transactions: u64, open: u32, ramCache: u64): void {
  if (samples) {
    const step = now > last ? now - last : <u64>(interval ? interval : 1);
    const most: u64 = u32.MAX_VALUE - elapsed;
    interval = <u32>(step < most ? step : most);
    elapsed += interval;
  }
  last = now;
  ++samples;
  const at = tickAt(0, 0);
  at.time = elapsed;
  at.open = open;
  at.transactions = transactions;
  at.ramCache = ramCache;
  for (completed = 1; completed < HISTORY_LEVELS && isComplete(completed); ++completed) decimate(completed);
}

function decimate(level: u32): void {
  const to = tickAt(level, 0);
  // A rising floor is the floor of the first sample; so time and transactions are taken from that sample too.
  memory.copy(changetype<usize>(to), changetype<usize>(tickAt(level - 1, GROUP - 1)), TICK_SIZE);
  for (let back: u32 = 0; back < GROUP - 1; ++back) {
    const from = tickAt(level - 1, back);
    if (from.open < to.open) to.open = from.open;
    if (from.ramCache < to.ramCache) to.ramCache = from.ramCache;
  }
}

function isComplete(level: u32): bool {
  return !(samples & ((1 << (level * HISTORY_SHIFT)) - 1));
}

/** Seconds from the first sample to the last. */
export function elapsedSeconds(): u32 {
  return elapsed;
}

/** The same up to another time, in the host's monotonic seconds. */
export function elapsedAt(now: u64): u32 {
  const step = samples && now > last ? now - last : 0;
  const most: u64 = u32.MAX_VALUE - elapsed;
  return elapsed + <u32>(step < most ? step : most);
}

/** Number of points in a level. */
export function points(level: u32): u32 {
  const made = samples >>> (level * HISTORY_SHIFT);
  return made < HISTORY_POINTS ? made : HISTORY_POINTS;
}

/** Index of the point `back` points before a level's last. */
export function slotOf(level: u32, back: u32): u32 {
  return ((samples >>> (level * HISTORY_SHIFT)) - 1 - back) % HISTORY_POINTS;
}

/** Number of samples since a level's last point. */
export function stale(level: u32): u32 {
  return samples & ((1 << (level * HISTORY_SHIFT)) - 1);
}

/**
 * Finds the point that represents the sample `age` samples ago: level << 8 | points back. Uses the finest level that reaches so
 * far, but none finer than `from`. A sample younger than all of that level's points is represented by the last point.
 */
export function locate(age: u32, from: u32): u32 {
  let found: u32 = 0;
  for (let level = from; level < HISTORY_LEVELS && points(level); ++level) {
    const back = age > stale(level) ? (age - stale(level)) >>> (level * HISTORY_SHIFT) : 0;
    if (back < points(level)) return (level << 8) | back;
    found = (level << 8) | (points(level) - 1);
  }
  return found;
}

/** Age, in samples, of the oldest sample that a point represents. */
export function oldestAge(): u32 {
  let oldest: u32 = 0;
  for (let level: u32 = 0; level < HISTORY_LEVELS && points(level); ++level) {
    oldest = stale(level) + (points(level) << (level * HISTORY_SHIFT)) - 1;
  }
  return oldest;
}

export function timeAt(level: u32, back: u32): u32 {
  return tickAt(level, back).time;
}

export function openAt(level: u32, back: u32): u32 {
  return tickAt(level, back).open;
}

export function transactionsAt(level: u32, back: u32): u64 {
  return tickAt(level, back).transactions;
}

export function ramCacheAt(level: u32, back: u32): u64 {
  return tickAt(level, back).ramCache;
}

function tickAt(level: u32, back: u32): Tick {
  return recordAt<Tick>(timeline, level * HISTORY_POINTS + slotOf(level, back));
}

/** Transactions in the last `seconds` seconds, or in a slightly longer time: back to the nearest point. */
export function transactionsWithin(seconds: u32): u64 {
  if (!samples) return 0;
  const now = transactionsAt(0, 0);
  for (let level: u32 = 0; level < HISTORY_LEVELS && points(level); ++level) {
    for (let back: u32 = 0; back < points(level); ++back) {
      if (elapsed - timeAt(level, back) >= seconds) return now - transactionsAt(level, back);
    }
  }
  return now - transactionsAt(locate(oldestAge(), 0) >>> 8, locate(oldestAge(), 0) & 0xff);
}
