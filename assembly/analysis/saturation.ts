// SPDX-License-Identifier: Apache-2.0
//
// Whether a growth levels off: its late part against its early one. A cache takes ever fewer new objects as it fills, because ever
// more requests find theirs in it; a leak does not care. Looked at over the whole of the growth, for in a short piece of it any
// curve is a line:
//
//     live │            _____---       late:   the last quarter
//          │       _--~~               middle: the quarter before it
//          │    _-~                    early:  the half before that
//          │  _/
//          └──┴───────┴───┴───┴─> now  the growth begins where a sixteenth of it was reached
//
// Rates are taken per time and per transaction, and the one that levels off less counts: at night a leak grows less per hour, and
// one that has nothing to do with traffic grows more per transaction. But where traffic rose, only the latter counts: more requests
// a second fill a cache faster, however much it levels off; and where the growth is not even in time, time is not what it depends
// on.

import { HISTORY_LEVELS, HISTORY_SHIFT } from "../abi";
import { Series } from "../base/types";
import { inUseAt } from "../model/history";
import { locate, oldestAge, timeAt, transactionsAt } from "../model/timeline";
import { averageSize } from "./series";

/** Shares in percent. Below this one it levels off. */
const LEVELS_OFF: u32 = 75;
const SHARE_MAX: u64 = 999;
const TRAFFIC_ROSE: u64 = 110;
const TRAFFIC_FELL: u64 = 90;
/** Where traffic is not what it was, less is to be seen of it. */
const LEVELS_OFF_UNEVEN: u32 = 90;
/** Standard deviations by which a growth has to exceed what chance does to a population at rest (verdict.ts). */
export const GROWTH_SIGMA: u64 = 5;
/** A growth younger than so many samples is too short to tell. */
const AGE_MIN: u32 = 32;
const FINEST: u32 = 1;

/** The finest level that is looked at. */
let level: u32 = FINEST;
/** The growth began between these ages in samples: at `start` there was none of it yet. */
let start: u32 = 0;
let above: u32 = 0;
/** Whether the late part had other traffic than the early one. */
let uneven: bool = false;

/** The late rate in percent of the early one, or -1 where that cannot be told. */
export function lateShare(series: Series): i32 {
  findStart(series);
  return start < AGE_MIN ? -1 : <i32>lateToEarly(series);
}

/** Whether the growth levels off, beyond what chance does to so few objects. */
export function isLevelling(series: Series): bool {
  findStart(series);
  if (start < AGE_MIN) return false;
  const late = lateToEarly(series);
  const objects = grown(series, 0, start) / averageSize(series);
  // Events of a constant rate scatter by the square root of their number (Poisson): late and early each count a part of them.
  const doubt: u64 = 100 / root(objects ? objects : 1);
  if (late + doubt >= (uneven ? LEVELS_OFF_UNEVEN : LEVELS_OFF)) return false;
  // Where it had levelled off and grows again, that is another growth, on top of what a cache may have left; but not what chance
  // does to a population at rest.
  const again = grown(series, 0, start / 4) / averageSize(series);
  if (again * again < GROWTH_SIGMA * GROWTH_SIGMA * (inUseAt(series, 0, level) / averageSize(series))) return true;
  return middleToLate(series) >= LEVELS_OFF;
}

/** Finds the ages in samples between whose points the present growth began. */
function findStart(series: Series): void {
  level = FINEST;
  start = 0;
  above = 0;
  const now = inUseAt(series, 0, level);
  const oldest = oldestAge();
  const base = inUseAt(series, oldest, level);
  if (now <= base) return;
  const limit = base + (now - base) / 16;
  start = oldest;
  // Halving finds a place where the limit is crossed; in a growth there is one such place.
  while (start - above > 1) {
    const middle = (above + start) >> 1;
    if (inUseAt(series, middle, level) <= limit) start = middle;
    else above = middle;
  }
  chooseLevel();
}

/** Floors of about a sixteenth of the growth, so that all parts are seen with the same eyes: in finer ones a peak looks higher. */
function chooseLevel(): void {
  level = FINEST;
  while (level + 1 < HISTORY_LEVELS && start >= 16 << ((level + 1) * HISTORY_SHIFT)) ++level;
}

function lateToEarly(series: Series): u64 {
  uneven = false;
  const quarter = start / 4;
  const half = start / 2;
  const late = grown(series, 0, quarter);
  const first = grown(series, min(half, above), above);
  const begin = grown(series, above, start);
  const byTime = percent(
    late,
    span(time(0), time(quarter)),
    first + begin,
    earlySpan(time(half), time(above), time(start), first, begin),
  );
  const requests = span(transactions(0), transactions(quarter));
  const early = earlySpan(transactions(half), transactions(above), transactions(start), first, begin);
  if (!requests || !early) return byTime;
  const byRequests = percent(late, requests, first + begin, early);
  const traffic = percent(
    requests,
    span(time(0), time(quarter)),
    span(transactions(half), transactions(start)),
    span(time(half), time(start)),
  );
  uneven = traffic > TRAFFIC_ROSE || traffic < TRAFFIC_FELL;
  return traffic > TRAFFIC_ROSE || !isEven(series) ? byRequests : max(byTime, byRequests);
}

/**
 * What passed from the beginning of the growth to its half. The point in which it began may have been idle for most of its time: it
 * counts for no more than what it grew by took afterwards.
 */
function earlySpan(half: u64, above: u64, start: u64, first: u64, begin: u64): u64 {
  const sure = span(half, above);
  const unsure = span(above, start);
  if (!first) return sure + unsure;
  const due = begin < 1 << 30 ? (sure * begin) / first : sure * (begin / first);
  return sure + (due < unsure ? due : unsure);
}

/** Whether the middle went on in time as the late part does: else time is not what it grows by. */
function isEven(series: Series): bool {
  const ratio = middleToLateByTime(series);
  return ratio >= LEVELS_OFF && ratio <= (100 * 100) / LEVELS_OFF;
}

function middleToLateByTime(series: Series): u64 {
  const quarter = start / 4;
  const half = start / 2;
  const late = grown(series, 0, quarter);
  return percent(grown(series, quarter, half), span(time(quarter), time(half)), late, span(time(0), time(quarter)));
}

function middleToLate(series: Series): u64 {
  const quarter = start / 4;
  const half = start / 2;
  const late = grown(series, 0, quarter);
  const middle = grown(series, quarter, half);
  const byTime = middleToLateByTime(series);
  const requests = span(transactions(0), transactions(quarter));
  const before = span(transactions(quarter), transactions(half));
  if (!requests || !before) return byTime;
  return max(byTime, percent(middle, before, late, requests));
}

function span(young: u64, old: u64): u64 {
  return young > old ? young - old : 0;
}

/** 100 * (late / lateSpan) / (early / earlySpan), in two steps and bounded. */
function percent(late: u64, lateSpan: u64, early: u64, earlySpan: u64): u64 {
  if (!late) return 0;
  const lateRate = (late << 10) / (lateSpan ? lateSpan : 1);
  const earlyRate = (early << 10) / (earlySpan ? earlySpan : 1);
  if (!earlyRate || lateRate / earlyRate > SHARE_MAX / 100) return SHARE_MAX;
  return (lateRate * 100) / earlyRate;
}

function grown(series: Series, young: u32, old: u32): u64 {
  const now = inUseAt(series, young, level);
  const before = inUseAt(series, old, level);
  return now > before ? now - before : 0;
}

function time(age: u32): u64 {
  const found = locate(age, level);
  return timeAt(found >>> 8, found & 0xff);
}

function transactions(age: u32): u64 {
  const found = locate(age, level);
  return transactionsAt(found >>> 8, found & 0xff);
}

/** The integer square root, by Newton's iteration from above; at least 1. */
export function root(value: u64): u64 {
  if (value < 4) return 1;
  let x = value;
  let next = (x >> 1) + 1;
  while (next < x) {
    x = next;
    next = (x + value / x) >> 1;
  }
  return x;
}
