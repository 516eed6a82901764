// SPDX-License-Identifier: Apache-2.0
//
// Trend statistics of a level of a series' history. take() loads the floors of a level, oldest first; the other functions evaluate
// them. Integers only.
//
//   rate()       Theil-Sen: the median of the slopes of all pairs of points. Theil, "A rank-invariant method of linear and
//                polynomial regression analysis" (1950); Sen, "Estimates of the regression coefficient based on Kendall's tau",
//                JASA 63 (1968). A third of the points may be arbitrary.
//   kendall()    Mann-Kendall's S over the number of pairs (Mann, Econometrica 13 (1945); Kendall, "Rank correlation methods"
//                (1975)), ties as 0. A filter only: alone it is known for false alarms (Machida, Andrzejak, Matias, Vicente, "On
//                the effectiveness of Mann-Kendall test for detection of software aging", ISSREW 2013).
//   noise()      median absolute deviation of the steps between points from their median: 0 for a smooth growth.

import { HISTORY_POINTS, HISTORY_SHIFT } from "../abi";
import { scratch, SCRATCH_SIZE } from "../base/memory";
import { mulDiv } from "../base/muldiv";
import { setValueAt, valueAt } from "../base/regions";
import { Series } from "../base/types";
import { floorAt } from "../model/history";
import { unpack } from "../model/minifloat";
import { points, timeAt } from "../model/timeline";

const PAIRS_MAX: u32 = (HISTORY_POINTS * (HISTORY_POINTS - 1)) / 2;
const VALUES: usize = 0;
const TIMES: usize = VALUES + HISTORY_POINTS * sizeof<i64>();
const SORTED: usize = TIMES + HISTORY_POINTS * sizeof<i64>();

if (SORTED + PAIRS_MAX * sizeof<i64>() > SCRATCH_SIZE) ERROR("the scratch region is too small");

/** Number of points loaded. */
export let count: u32 = 0;

/** Loads the floors of a level. Returns their number. */
export function take(series: Series, level: u32): u32 {
  count = points(level);
  for (let i: u32 = 0; i < count; ++i) {
    const back = count - 1 - i;
    set(VALUES, i, <i64>unpack(floorAt(series, level, back)));
    set(TIMES, i, timeAt(level, back));
  }
  return count;
}

/** Floor at a point; 0 is the oldest. */
export function value(i: u32): i64 {
  return get(VALUES, i);
}

/** From the first point to the last. */
export function growth(): i64 {
  return count ? value(count - 1) - value(0) : 0;
}

export function seconds(): i64 {
  return count ? get(TIMES, count - 1) - get(TIMES, 0) : 0;
}

/** Bytes per hour. */
export function rate(): i64 {
  let n: u32 = 0;
  for (let i: u32 = 0; i < count; ++i) {
    for (let j = i + 1; j < count; ++j) {
      const dt = get(TIMES, j) - get(TIMES, i);
      if (dt > 0) insert(n++, mulDiv(value(j) - value(i), 3600, dt));
    }
  }
  return median(n);
}

/** In percent: 100 if each point is above all previous points. */
export function kendall(): i32 {
  let s = 0;
  let pairs = 0;
  for (let i: u32 = 0; i < count; ++i) {
    for (let j = i + 1; j < count; ++j) {
      s += value(j) > value(i) ? 1 : value(j) < value(i) ? -1 : 0;
      ++pairs;
    }
  }
  return pairs ? (100 * s) / pairs : 0;
}

export function noise(): i64 {
  const steps = count ? count - 1 : 0;
  for (let i: u32 = 0; i < steps; ++i) insert(i, value(i + 1) - value(i));
  const middle = median(steps);
  for (let i: u32 = 0; i < steps; ++i) {
    const off = value(i + 1) - value(i) - middle;
    insert(i, off < 0 ? -off : off);
  }
  // The upper median: of alternating steps, half equal their median.
  return steps ? get(SORTED, steps >> 1) : 0;
}

/** Number of upward steps. */
export function rises(): u32 {
  let n: u32 = 0;
  for (let i: u32 = 1; i < count; ++i) if (value(i) > value(i - 1)) ++n;
  return n;
}

/** Largest upward step. */
export function largestRise(): i64 {
  let largest: i64 = 0;
  for (let i: u32 = 1; i < count; ++i) if (value(i) - value(i - 1) > largest) largest = value(i) - value(i - 1);
  return largest;
}

/** Sum of all downward steps. */
export function falls(): i64 {
  let sum: i64 = 0;
  for (let i: u32 = 1; i < count; ++i) if (value(i) < value(i - 1)) sum += value(i - 1) - value(i);
  return sum;
}

/** Samples from the first upward step to the last. */
export function run(level: u32): u32 {
  let first = count;
  let last: u32 = 0;
  for (let i: u32 = 1; i < count; ++i) {
    if (value(i) <= value(i - 1)) continue;
    if (first == count) first = i - 1;
    last = i;
  }
  return last > first ? (last - first) << (level * HISTORY_SHIFT) : 0;
}

/** Inserts a value into the first n sorted values: n + 1 afterwards. */
function insert(n: u32, value: i64): void {
  let at = n;
  for (; at > 0 && get(SORTED, at - 1) > value; --at) set(SORTED, at, get(SORTED, at - 1));
  set(SORTED, at, value);
}

/** Median of the first n sorted values; for an even number the lower one, so that growth is never overstated. */
function median(n: u32): i64 {
  return n ? get(SORTED, (n - 1) >> 1) : 0;
}

function get(what: usize, i: u32): i64 {
  return valueAt<i64>(scratch + what, i);
}

function set(what: usize, i: u32, value: i64): void {
  setValueAt<i64>(scratch + what, i, value);
}
