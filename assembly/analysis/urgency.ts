// SPDX-License-Identifier: Apache-2.0
//
// Suspects in order of urgency. Rows with the verdict `leak`, owners with that verdict whose rows do not have it, and the remainder if it
// has that verdict, are suspects; rows with one cause (cause.ts) are one suspect, and adjacent in the ranking. The fastest growth comes first, because all share the
// same memory limit.

import { OWNER_SERIES_MAX } from "../abi";
import { RANKED_MAX } from "../base/memory";
import { mulDiv } from "../base/muldiv";
import { Row, Series } from "../base/types";
import { headroom } from "../model/environment";
import { knownSites } from "../model/model";
import { isSameCause } from "./cause";
import { entryLeaking } from "./owner_series";
import { groupAt, keyAt, rank, ranked, rankedCount, rankingStart, setOrder, sortRanked } from "./ranking";
import { isReloadLeak } from "./reloads";
import { isActive, isObjects, remainder, seriesOfEntry } from "./series";
import * as trend from "./trend";
import { growingFor, grownBy, isSuspect, levelOf } from "./verdict";

/** Bytes assumed per object whose bytes are not known: the memory of its parts may be as large. */
export const OBJECT_WEIGHT: u64 = 256;

/**
 * Bytes (or objects) per hour: the robust slope of the level that shows its growth best; of a growth per reload, which can be flat most
 * of the time, the average.
 */
export function rateOf(series: Series): i64 {
  const seconds = growingFor(series);
  if (isReloadLeak(series) && seconds) return mulDiv(<i64>grownBy(series), 3600, seconds);
  trend.take(series, levelOf(series));
  return trend.rate();
}

/** Sorts the rows of all suspects. Returns the number of suspects. */
export function rankSuspects(): u32 {
  rankingStart(RANKED_MAX);
  for (let row: Row = 0; row < knownSites(); ++row) if (isActive(row) && isSuspect(row)) rank(row, urgency(row));
  for (let entry: u32 = 0; entry < OWNER_SERIES_MAX; ++entry) {
    const series = seriesOfEntry(entry);
    if (isActive(series) && isSuspect(series) && !entryLeaking(entry)) rank(series, urgency(series));
  }
  if (isActive(remainder()) && isSuspect(remainder())) rank(remainder(), urgency(remainder()));
  return groupByCause();
}

/** Sums the urgency of the rows of each cause. The group of a row is, before sorting, the position of the most urgent row of its cause. */
function groupByCause(): u32 {
  let causes: u32 = 0;
  for (let i: u32 = 0; i < rankedCount(); ++i) {
    let first: u32 = 0;
    while (first < i && (groupAt(first) != first || !isSameCause(ranked(first), ranked(i)))) ++first;
    if (first == i) ++causes;
    else setOrder(first, saturated(keyAt(first), keyAt(i)), first);
    setOrder(i, first == i ? keyAt(i) : 0, first);
  }
  for (let i: u32 = 0; i < rankedCount(); ++i) setOrder(i, keyAt(groupAt(i)), groupAt(i));
  sortRanked();
  return causes;
}

function saturated(a: u64, b: u64): u64 {
  return a + b < a ? u64.MAX_VALUE : a + b;
}

/** The number of rows of the suspect whose first row is at this position of the ranking. */
export function rowsOfSuspect(position: u32): u32 {
  let end = position + 1;
  while (end < rankedCount() && groupAt(end) == groupAt(position)) ++end;
  return end - position;
}

/** Bytes per hour; an object whose bytes are not known counts as OBJECT_WEIGHT bytes. */
function urgency(series: Series): u64 {
  return weighed(series, <u64>max<i64>(rateOf(series), 0));
}

/** Bytes; an object whose bytes are not known counts as OBJECT_WEIGHT bytes. */
export function weighed(series: Series, amount: u64): u64 {
  return isObjects(series) ? amount * OBJECT_WEIGHT : amount;
}

/** Seconds until this growth alone would exhaust the remaining memory, or -1 if unknown. */
export function secondsLeft(series: Series, rate: i64): i64 {
  return isObjects(series) ? -1 : secondsUntilFull(rate);
}

/** The same for a rate in bytes per hour. */
export function secondsUntilFull(rate: i64): i64 {
  const left = headroom();
  return left < 0 || rate <= 0 ? -1 : mulDiv(left, 3600, rate);
}
