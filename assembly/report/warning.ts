// SPDX-License-Identifier: Apache-2.0
//
// Lines on suspects for where operators look: one for each new suspect, with all its rows, never again for the same unless what it
// leaked has doubled, and at most LINES_MAX in LINES_SECONDS. How grave a line is depends on what is at stake.

import { LINE_NOTE, LINE_WARNING, OWNER_SERIES_MAX } from "../abi";
import { entryLeaking, isUsedEntry } from "../analysis/owner_series";
import { ranked, rankedCount } from "../analysis/ranking";
import { isActive, seriesOfEntry } from "../analysis/series";
import { rankSuspects, rowsOfSuspect, secondsUntilFull, weighed } from "../analysis/urgency";
import { grownBy, isSuspect } from "../analysis/verdict";
import * as answer from "../base/answer";
import { Row, Series } from "../base/types";
import { ascii } from "../base/writer";
import { stateOf } from "../model/history";
import { pack, unpack } from "../model/minifloat";
import { knownSites } from "../model/model";
import { elapsedSeconds } from "../model/timeline";
import { countsObjects, suspectRate, writeSuspect } from "./suspects";

const LINES_MAX: u32 = 10;
const LINES_SECONDS: u32 = 3600;
/**
 * Less than this, which would fill memory in more than that time, is a note and no warning. A MiB is what a single large response
 * takes, and in a year a server has been restarted. What keeps growing doubles, is said again, and is a warning then.
 */
const SMALL_BYTES: u64 = 1 << 20;
const FAR_SECONDS: i64 = 365 * 86400;

let said: u32 = 0;
let since: u32 = 0;

export function warningReset(): void {
  said = 0;
  since = 0;
}

/**
 * The next line that is due, in the output region, the most urgent suspect's first; how grave it is, answerSeverity() says. After a
 * sample, until there is none.
 * @returns its length, or 0
 */
export function nextWarning(): u32 {
  if (elapsedSeconds() - since >= LINES_SECONDS) {
    since = elapsedSeconds();
    said = 0;
  }
  if (said >= LINES_MAX || !anyDue()) return 0;
  rankSuspects();
  for (let at: u32 = 0; at < rankedCount(); at += rowsOfSuspect(at)) {
    const grown = sum(at, false);
    const warned = sum(at, true);
    const due = !warned || grown / 2 >= warned;
    keep(at, due);
    if (!due) continue;
    ++said;
    answer.begin(isSmall(at, grown) ? LINE_NOTE : LINE_WARNING);
    ascii(warned ? "a suspect has doubled: " : "new suspect: ");
    writeSuspect(at);
    return answer.end();
  }
  return 0;
}

function isSmall(at: u32, grown: u64): bool {
  const left = countsObjects(at) ? -1 : secondsUntilFull(suspectRate(at));
  return grown < SMALL_BYTES && (left < 0 || left > FAR_SECONDS);
}

/** What a suspect's rows grew by, or what was warned of. */
function sum(at: u32, warned: bool): u64 {
  let all: u64 = 0;
  for (let i: u32 = 0; i < rowsOfSuspect(at); ++i) {
    const series = ranked(at + i);
    all += weighed(series, warned ? warnedOf(series) : grownBy(series));
  }
  return all;
}

/** Remembers what is warned of now; of a suspect that is not due, what its rows had that are new in it. */
function keep(at: u32, due: bool): void {
  for (let i: u32 = 0; i < rowsOfSuspect(at); ++i) {
    const series = ranked(at + i);
    if (due || !warnedOf(series)) stateOf(series).warnedGrowth = pack(max<u64>(grownBy(series), 1));
  }
}

/** A look without putting them in order, which takes a while where there are many. An owner whose rows are suspects is none. */
function anyDue(): bool {
  for (let row: Row = 0; row < knownSites(); ++row) if (isActive(row) && isSuspect(row) && mayBeDue(row)) return true;
  for (let entry: u32 = 0; entry < OWNER_SERIES_MAX; ++entry) {
    const series = seriesOfEntry(entry);
    if (isUsedEntry(entry) && !entryLeaking(entry) && isSuspect(series) && mayBeDue(series)) return true;
  }
  return false;
}

/** Where rows together have doubled, one of them has. */
function mayBeDue(series: Series): bool {
  return !warnedOf(series) || grownBy(series) / 2 >= warnedOf(series);
}

function warnedOf(series: Series): u64 {
  return unpack(stateOf(series).warnedGrowth);
}
