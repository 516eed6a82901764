// SPDX-License-Identifier: Apache-2.0
//
// Suspects in order of urgency: rows with the verdict `leak`, and owners with that verdict whose rows do not have it. The fastest
// growth comes first, because all share the same memory limit.

import { OWNER_SERIES_MAX } from "../abi";
import { RANKED_MAX } from "../base/memory";
import { mulDiv } from "../base/muldiv";
import { Row, Series } from "../base/types";
import { headroom } from "../model/environment";
import { knownSites } from "../model/model";
import { entryLeaking } from "./owner_series";
import { rank, rankedCount, rankingStart } from "./ranking";
import { isActive, isObjects, seriesOfEntry } from "./series";
import * as trend from "./trend";
import { isSuspect, levelOf } from "./verdict";

/** Bytes assumed per object: the memory of its parts may be as large. */
export const OBJECT_WEIGHT: u64 = 256;

/** Bytes (or objects) per hour: the robust slope of the level that shows its growth best. */
export function rateOf(series: Series): i64 {
  trend.take(series, levelOf(series));
  return trend.rate();
}

/** Sorts all suspects. Returns their number. */
export function rankSuspects(): u32 {
  rankingStart(RANKED_MAX);
  for (let row: Row = 0; row < knownSites(); ++row) if (isActive(row) && isSuspect(row)) rank(row, urgency(row));
  for (let entry: u32 = 0; entry < OWNER_SERIES_MAX; ++entry) {
    const series = seriesOfEntry(entry);
    if (isActive(series) && isSuspect(series) && !entryLeaking(entry)) rank(series, urgency(series));
  }
  return rankedCount();
}

/** Bytes per hour. */
function urgency(series: Series): u64 {
  return <u64>max<i64>(rateOf(series), 0) * (isObjects(series) ? OBJECT_WEIGHT : 1);
}

/** Seconds until this growth alone would exhaust the remaining memory, or -1 if unknown. */
export function secondsLeft(series: Series, rate: i64): i64 {
  const left = headroom();
  if (isObjects(series) || left < 0 || rate <= 0) return -1;
  return mulDiv(left, 3600, rate);
}
