// SPDX-License-Identifier: Apache-2.0
//
// Lines about suspects for diags.log: one line per suspect with all its rows, repeated only when the leaked memory has doubled, and at
// most LINES_MAX lines in LINES_SECONDS. The severity depends on how much memory has leaked and how soon memory runs out.

import { LINE_NOTE, LINE_WARNING, OWNER_SERIES_MAX } from "../abi";
import { isChanged } from "../analysis/accepted";
import { entryLeaking, isUsedEntry } from "../analysis/owner_series";
import { ranked, rankedCount } from "../analysis/ranking";
import { isActive, remainder, seriesOfEntry } from "../analysis/series";
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
 * A suspect is a note, not a warning, if it has leaked less than SMALL_BYTES and would exhaust memory in more than FAR_SECONDS. A single
 * large response takes a MiB, and a server is restarted within a year. A leak that goes on doubles, and is then reported as a warning.
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
 * Writes the next line that is due into the output region, that of the most urgent suspect first. answerSeverity() returns its severity.
 * Called after a sample until it returns 0.
 * @returns the length of the line, or 0
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
    ascii(warned ? "suspect has doubled: " : isChanged(ranked(at)) ? "accepted growth has changed: " : "new suspect: ");
    writeSuspect(at);
    return answer.end();
  }
  return 0;
}

function isSmall(at: u32, grown: u64): bool {
  const left = countsObjects(at) ? -1 : secondsUntilFull(suspectRate(at));
  return grown < SMALL_BYTES && (left < 0 || left > FAR_SECONDS);
}

/** Growth of the rows of a suspect, or the growth that was reported. */
function sum(at: u32, warned: bool): u64 {
  let all: u64 = 0;
  for (let i: u32 = 0; i < rowsOfSuspect(at); ++i) {
    const series = ranked(at + i);
    all += weighed(series, warned ? warnedOf(series) : grownBy(series));
  }
  return all;
}

/** Stores the reported growth of the rows of a suspect; for a suspect that is not due, of its new rows only. */
function keep(at: u32, due: bool): void {
  for (let i: u32 = 0; i < rowsOfSuspect(at); ++i) {
    const series = ranked(at + i);
    if (due || !warnedOf(series)) stateOf(series).warnedGrowth = pack(max<u64>(grownBy(series), 1));
  }
}

/** A check without sorting, which is slow for many suspects. An owner whose rows are suspects is not a suspect. */
function anyDue(): bool {
  for (let row: Row = 0; row < knownSites(); ++row) if (isActive(row) && isSuspect(row) && mayBeDue(row)) return true;
  for (let entry: u32 = 0; entry < OWNER_SERIES_MAX; ++entry) {
    const series = seriesOfEntry(entry);
    if (isUsedEntry(entry) && !entryLeaking(entry) && isSuspect(series) && mayBeDue(series)) return true;
  }
  return isSuspect(remainder()) && mayBeDue(remainder());
}

/** A suspect can have doubled only if one of its rows has. */
function mayBeDue(series: Series): bool {
  return !warnedOf(series) || grownBy(series) / 2 >= warnedOf(series);
}

function warnedOf(series: Series): u64 {
  return unpack(stateOf(series).warnedGrowth);
}
