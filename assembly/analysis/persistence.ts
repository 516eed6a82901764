// SPDX-License-Identifier: Apache-2.0
//
// Streaks: how often running a row was among the few that grew by far the most. After Chromium's leak detector
// (components/metrics/leak_detector/leak_analyzer.cc, 2015): the largest RANKING_SIZE changes since the last analysis are put in
// order; before the first that is less than half of the one above it stand the suspects, where there is such a drop; each of them
// scores one more, and every other row is back at zero. Changes are those of floors (history.ts), not of momentary values.

import { scratch } from "../base/memory";
import { floorAt, setStreak, streakOf } from "../model/history";
import { unpack } from "../model/minifloat";
import { completed, points } from "../model/timeline";
import { isSubject } from "./series";

const RANKING_SIZE: u32 = 16;
const DROP_FACTOR: u64 = 2;
const STREAK_MAX: u32 = 255;
/** Points of this level are compared. */
const LEVEL: u32 = 1;

const ENTRY: usize = 16;
const ROW: usize = 8;

/** After a sample: looks at the changes of all rows below `rows`, where the level has a new point. */
export function scoreStreaks(rows: u32): void {
  if (completed <= LEVEL || points(LEVEL) < 2) return;
  const n = rank(rows);
  const suspects = beforeDrop(n);
  for (let row: u32 = 0; row < rows; ++row) {
    const streak = streakOf(row);
    if (streak && !isAmong(row, suspects)) setStreak(row, 0);
  }
  for (let i: u32 = 0; i < suspects; ++i) {
    const streak = streakOf(rowAt(i));
    if (streak < STREAK_MAX) setStreak(rowAt(i), streak + 1);
  }
}

/** Puts the largest changes upwards in order. Returns how many. */
function rank(rows: u32): u32 {
  let n: u32 = 0;
  for (let row: u32 = 0; row < rows; ++row) {
    const now = floorAt(row, LEVEL, 0);
    const before = floorAt(row, LEVEL, 1);
    if (now <= before || !isSubject(row)) continue;
    const change = unpack(now) - unpack(before);
    if (n == RANKING_SIZE && change <= changeAt(n - 1)) continue;
    let at = n < RANKING_SIZE ? n++ : n - 1;
    for (; at > 0 && changeAt(at - 1) < change; --at) memory.copy(entryAt(at), entryAt(at - 1), ENTRY);
    store<u64>(entryAt(at), change);
    store<u32>(entryAt(at), row, ROW);
  }
  return n;
}

/** How many stand before the first drop. A row that did not grow is the end of a ranking that is not full. */
function beforeDrop(n: u32): u32 {
  for (let i: u32 = 0; i + 1 < n; ++i) if (changeAt(i) > changeAt(i + 1) * DROP_FACTOR) return i + 1;
  return n < RANKING_SIZE ? n : 0;
}

function isAmong(row: u32, suspects: u32): bool {
  for (let i: u32 = 0; i < suspects; ++i) if (rowAt(i) == row) return true;
  return false;
}

function changeAt(i: u32): u64 {
  return load<u64>(entryAt(i));
}

function rowAt(i: u32): u32 {
  return load<u32>(entryAt(i), ROW);
}

function entryAt(i: u32): usize {
  return scratch + <usize>i * ENTRY;
}
