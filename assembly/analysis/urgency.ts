// SPDX-License-Identifier: Apache-2.0
//
// Suspects in order: rows, and owners none of whose rows is one, whose verdict is `leak`. The most urgent is the one that grows by
// most, for all have the same limit.

import { FOLLOWED_MAX } from "../abi";
import { RANKED_MAX } from "../base/memory";
import { mulDiv } from "../base/muldiv";
import { room } from "../model/environment";
import { knownSites } from "../model/model";
import { entryLeaking } from "./owner_series";
import { rank, rankedCount, rankingStart } from "./ranking";
import { isObjects, isSubject, subjectOfEntry } from "./series";
import * as trend from "./trend";
import { isSuspect, levelOf } from "./verdict";

/** Bytes that an object stands for: what it is made of may take as many. */
export const OBJECT_WEIGHT: u64 = 256;

/** Bytes (or objects) per hour, by the robust slope of the level that shows its growth best. */
export function rateOf(subject: u32): i64 {
  trend.take(subject, levelOf(subject));
  return trend.rate();
}

/** Puts all suspects in order. Returns how many. */
export function rankSuspects(): u32 {
  rankingStart(RANKED_MAX);
  for (let row: u32 = 0; row < knownSites(); ++row) if (isSubject(row) && isSuspect(row)) rank(row, urgency(row));
  for (let entry: u32 = 0; entry < FOLLOWED_MAX; ++entry) {
    const subject = subjectOfEntry(entry);
    if (isSubject(subject) && isSuspect(subject) && !entryLeaking(entry)) rank(subject, urgency(subject));
  }
  return rankedCount();
}

/** Bytes an hour. */
function urgency(subject: u32): u64 {
  return <u64>max<i64>(rateOf(subject), 0) * (isObjects(subject) ? OBJECT_WEIGHT : 1);
}

/** Seconds until that growth alone would use up the memory that is left, or -1 where that cannot be told. */
export function secondsLeft(subject: u32, rate: i64): i64 {
  const left = room();
  if (isObjects(subject) || left < 0 || rate <= 0) return -1;
  return mulDiv(left, 3600, rate);
}
