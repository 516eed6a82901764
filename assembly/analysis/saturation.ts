// SPDX-License-Identifier: Apache-2.0
//
// Detects whether a growth levels off, by comparing its late part with its early part. A cache stores ever fewer new objects as it
// fills, because more requests find theirs in it; a leak is not affected. The whole growth is examined, because in a short part of
// it any curve is a line:
//
//     live │            _____---       late:   the last quarter
//          │       _--~~               middle: the quarter before
//          │    _-~                    early:  the half before
//          │  _/
//          └──┴───────┴───┴───┴─> now  the growth begins where it reached a sixteenth
//
// Rates are computed per time and per transaction, and the rate that levels off less decides: at night a leak grows less per hour,
// and a leak independent of traffic grows more per transaction. If traffic rose, only the rate per transaction counts: more
// requests per second fill a cache faster, even while it levels off. The same applies if the growth is uneven in time, because it
// then does not depend on time. Whether a growth that slows down per transaction only, or only a little, levels off, is in doubt.

import { HISTORY_LEVELS, HISTORY_SHIFT } from "../abi";
import { Series } from "../base/types";
import { inUseAt } from "../model/history";
import { locate, oldestAge, timeAt, transactionsAt } from "../model/timeline";
import { averageSize } from "./series";

/** Shares in percent. Below this share the growth levels off. */
const LEVELS_OFF: u32 = 75;
const SHARE_MAX: u64 = 999;
const TRAFFIC_ROSE: u64 = 110;
const TRAFFIC_FELL: u64 = 90;
/** With changed traffic the levelling is less visible. */
const LEVELS_OFF_UNEVEN: u32 = 90;
/** Standard deviations by which a growth must exceed random changes of a population at rest (verdict.ts). */
export const GROWTH_SIGMA: u64 = 5;
/** A growth of fewer samples is too short to decide. */
const AGE_MIN: u32 = 32;
const FINEST: u32 = 1;

/** The finest level that is examined. */
let level: u32 = FINEST;
/** Ages in samples between which the growth began: at `start` it had not begun. */
let start: u32 = 0;
let above: u32 = 0;
/** Whether traffic differed between the late and the early part. */
let uneven: bool = false;
/** The late rate per time in percent of the early one. */
let byTime: u64 = 0;

/** The late rate in percent of the early rate, or -1 if undecidable. */
export function lateShare(series: Series): i32 {
  findStart(series);
  return start < AGE_MIN ? -1 : <i32>lateToEarly(series);
}

/** Whether and how surely a growth levels off. */
export enum Levelling {
  NO,
  PERHAPS,
  YES,
}

/** Whether the growth levels off by more than chance would cause for so few objects. */
export function levelling(series: Series): Levelling {
  findStart(series);
  if (start < AGE_MIN) return Levelling.NO;
  const late = lateToEarly(series);
  const objects = grown(series, 0, start) / averageSize(series);
  // The number of events at a constant rate has a standard deviation of its square root (Poisson); late and early each count a part
  // of the events.
  const doubt: u64 = 100 / root(objects ? objects : 1);
  if (late + doubt >= (uneven ? LEVELS_OFF_UNEVEN : LEVELS_OFF)) return Levelling.NO;
  // If it had levelled off and grows again, that is a second growth, in addition to a cache's remaining growth; unless it is within
  // the random changes of a population at rest.
  const again = grown(series, 0, start / 4) / averageSize(series);
  const isRest = again * again < GROWTH_SIGMA * GROWTH_SIGMA * (inUseAt(series, 0, level) / averageSize(series));
  if (!isRest && middleToLate(series) < LEVELS_OFF) return Levelling.NO;
  return max(late, byTime) + doubt >= LEVELS_OFF ? Levelling.PERHAPS : Levelling.YES;
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
  // Bisection finds a place where the limit is crossed; a growth has only one.
  while (start - above > 1) {
    const middle = (above + start) >> 1;
    if (inUseAt(series, middle, level) <= limit) start = middle;
    else above = middle;
  }
  chooseLevel();
}

/**
 * Chooses floors of about a sixteenth of the growth, so that all parts have the same resolution: in finer floors a peak appears
 * higher.
 */
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
  byTime = percent(
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
 * Time or transactions from the beginning of the growth to its half. The point in which it began may have been idle most of the
 * time: it counts only in proportion to its share of the growth.
 */
function earlySpan(half: u64, above: u64, start: u64, first: u64, begin: u64): u64 {
  const sure = span(half, above);
  const unsure = span(above, start);
  if (!first) return sure + unsure;
  const due = begin < 1 << 30 ? (sure * begin) / first : sure * (begin / first);
  return sure + (due < unsure ? due : unsure);
}

/** Whether the middle part grew in time like the late part; if not, the growth does not depend on time. */
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

/** Integer square root, by Newton's iteration from above; at least 1. */
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
