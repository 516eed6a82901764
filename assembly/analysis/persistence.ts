// SPDX-License-Identifier: Apache-2.0
//
// Streaks: for how many consecutive analyses a row was among the few with by far the largest growth. After Chromium's leak detector
// (components/metrics/leak_detector/leak_analyzer.cc, 2015): the RANKING_SIZE largest changes since the last analysis are sorted.
// The first change that is less than half of the previous change marks a drop; the rows before the drop are the suspects. Each of
// them scores another point; all other rows return to zero. Changes are changes of floors (history.ts), not of momentary values.

import { Row } from "../base/types";
import { floorAt, stateOf } from "../model/history";
import { unpack } from "../model/minifloat";
import { completed, points } from "../model/timeline";
import { keyAt, rank, ranked, rankedCount, rankingStart } from "./ranking";
import { isActive } from "./series";

const RANKING_SIZE: u32 = 16;
const DROP_FACTOR: u64 = 2;
const STREAK_MAX: u32 = 255;
/** Level whose points are compared. */
const LEVEL: u32 = 1;

/** After a sample: evaluates the changes of all rows below `rows`, if the level has a new point. */
export function scoreStreaks(rows: u32): void {
  if (completed <= LEVEL || points(LEVEL) < 2) return;
  const n = rankChanges(rows);
  const suspects = beforeDrop(n);
  for (let row: Row = 0; row < rows; ++row) {
    const streak = stateOf(row).streak;
    if (streak && !isAmong(row, suspects)) stateOf(row).streak = 0;
  }
  for (let i: u32 = 0; i < suspects; ++i) {
    const streak = stateOf(ranked(i)).streak;
    if (streak < STREAK_MAX) stateOf(ranked(i)).streak = <u8>(streak + 1);
  }
}

/** Sorts the largest positive changes. Returns their number. */
function rankChanges(rows: u32): u32 {
  rankingStart(RANKING_SIZE);
  for (let row: Row = 0; row < rows; ++row) {
    const now = floorAt(row, LEVEL, 0);
    const before = floorAt(row, LEVEL, 1);
    if (now > before && isActive(row)) rank(row, unpack(now) - unpack(before));
  }
  return rankedCount();
}

/**
 * Number of changes before the first drop. In a ranking that is not full, the end counts as a drop, because the next row did not
 * grow.
 */
function beforeDrop(n: u32): u32 {
  for (let i: u32 = 0; i + 1 < n; ++i) if (keyAt(i) > keyAt(i + 1) * DROP_FACTOR) return i + 1;
  return n < RANKING_SIZE ? n : 0;
}

function isAmong(row: Row, suspects: u32): bool {
  for (let i: u32 = 0; i < suspects; ++i) if (ranked(i) == row) return true;
  return false;
}
