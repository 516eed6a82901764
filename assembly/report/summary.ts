// SPDX-License-Identifier: Apache-2.0
//
// The summary of a dump, directly below its header: the first answers that an operator needs, and the section to read next. At most
// SUMMARY_LINES_MAX lines (format/format.ts) of text, of at most 160 bytes where names allow it.
//
//   memtrack summary: 92.3 MiB resident: the rows below hold 8.1 MiB; 35.2 MiB (38 %) are not accounted
//   memtrack summary: 1 suspect; undecided: 12 growing rows and 41 rows with too few samples
//   memtrack summary: suspect: leaky.so on_transaction (leaky.c:19) and 2 more rows: +33.3 MiB/h; limit in about 20 days
//   memtrack summary: largest undecided growth: foo.so init (init.c:9): +97.0 MiB since start-up (too soon; verdict in 42 min at the earliest)
//   memtrack summary: read next: Suspects for the evidence, Ages for when it was allocated
//
// Zero suspects is not an all-clear, so the number of undecided rows and the unaccounted memory are always reported with it.

import { CLASS_COUNT, MEASURE_INTERVAL, MEASURE_RSS, SETTING_INTERVAL, VERDICT_NEW } from "../abi";
import { changeSince, writeBaseline } from "../analysis/baseline";
import { rank, ranked, rankedCount, rankingStart } from "../analysis/ranking";
import { isActive, isObjects, writeSeriesInSentence } from "../analysis/series";
import { rankSuspects, rowsOfSuspect, secondsUntilFull, weighed } from "../analysis/urgency";
import { isUndecided, samplesUntilJudged, verdictOf } from "../analysis/verdict";
import { bytes, counted, duration } from "../base/humanize";
import { percent } from "../base/muldiv";
import { Row, Series } from "../base/types";
import { ascii, copy, newline, unsigned } from "../base/writer";
import { PLUGIN_PREFIX, SETTING_NAMES, SUMMARY_PREFIX } from "../format";
import { measureOf } from "../model/environment";
import { level } from "../model/facts";
import { stateOf } from "../model/history";
import { isAnyArmed, knownSites } from "../model/model";
import { samples } from "../model/timeline";
import { lengthOf, textOf } from "../registry/name";
import { explanationName } from "./labels";
import { isResidentKnown, notAccounted, trackedBytes } from "./reconciliation";
import { countsObjects, suspectRate, writeLimit, writeSuspectRate } from "./suspects";

/** Suspects with a line of their own. */
const SUSPECTS_SHOWN: u32 = 3;
/** Percentage of unaccounted memory from which on the reconciliation is the section to read. */
const MUCH: u64 = 50;

/** @param slot the baseline of the dump's growth */
export function renderSummary(slot: u32): void {
  if (!level()) return nothingTracked();
  resident();
  if (!samples || !isAnyArmed()) return noSamples();
  const suspects = rankSuspects();
  verdictLine(suspects);
  let shown: u32 = 0;
  for (let at: u32 = 0; at < rankedCount() && shown < SUSPECTS_SHOWN; at += rowsOfSuspect(at)) {
    suspectLine(at);
    ++shown;
  }
  const undecided = undecidedLine(slot);
  next(suspects > 0, undecided);
}

function nothingTracked(): void {
  ascii(SUMMARY_PREFIX);
  ascii("nothing is tracked at level 0");
  if (isResidentKnown()) {
    ascii("; ");
    bytes(measureOf(MEASURE_RSS));
    ascii(" resident");
  }
  newline();
}

function noSamples(): void {
  ascii(SUMMARY_PREFIX);
  ascii("growth is not judged: no sample has been taken (");
  ascii(unchecked(SETTING_NAMES[SETTING_INTERVAL]));
  ascii(")\n");
  next(false, false);
}

function resident(): void {
  let held: i64 = 0;
  for (let cls: u32 = 0; cls < CLASS_COUNT; ++cls) held += trackedBytes(cls);
  ascii(SUMMARY_PREFIX);
  if (isResidentKnown()) {
    bytes(measureOf(MEASURE_RSS));
    ascii(" resident");
  } else ascii("resident memory is not known");
  ascii(": the rows below hold ");
  bytes(<u64>max<i64>(held, 0));
  if (isResidentKnown()) {
    ascii("; ");
    bytes(unaccounted());
    ascii(" (");
    unsigned(unaccountedShare());
    ascii(" %) are not accounted");
  }
  newline();
}

function unaccounted(): u64 {
  return <u64>max<i64>(notAccounted(), 0);
}

function unaccountedShare(): u64 {
  return percent(unaccounted(), measureOf(MEASURE_RSS));
}

/** The number of suspects, and of rows that may still become suspects. */
function verdictLine(suspects: u32): void {
  let growing: u32 = 0;
  let young: u32 = 0;
  for (let row: Row = 0; row < knownSites(); ++row) {
    if (!isActive(row) || !isUndecided(row)) continue;
    if (verdictOf(row) == VERDICT_NEW) ++young;
    else ++growing;
  }
  ascii(SUMMARY_PREFIX);
  counted(suspects, " suspect");
  if (suspects > SUSPECTS_SHOWN) ascii(", the fastest below");
  ascii("; undecided: ");
  counted(growing, " growing row");
  ascii(" and ");
  counted(young, " row");
  ascii(" with too few samples\n");
}

function suspectLine(at: u32): void {
  const rows = rowsOfSuspect(at);
  ascii(SUMMARY_PREFIX);
  ascii("suspect: ");
  writeShort(ranked(at));
  if (rows > 1) {
    ascii(" and ");
    counted(rows - 1, " more row");
  }
  ascii(": ");
  writeSuspectRate(at);
  const left = countsObjects(at) ? -1 : secondsUntilFull(suspectRate(at));
  if (left >= 0) writeLimit(<u64>left);
  newline();
}

/** The largest growth that is undecided. Returns whether there is one. */
function undecidedLine(slot: u32): bool {
  rankingStart(1);
  for (let row: Row = 0; row < knownSites(); ++row) {
    const change = isActive(row) ? changeSince(row, slot) : 0;
    if (change > 0 && isUndecided(row)) rank(row, weighed(row, <u64>change));
  }
  if (!rankedCount()) return false;
  const row = ranked(0);
  const change = <u64>changeSince(row, slot);
  ascii(SUMMARY_PREFIX);
  ascii("largest undecided growth: ");
  writeShort(row);
  ascii(": +");
  if (isObjects(row)) counted(change, " object");
  else bytes(change);
  ascii(" since ");
  writeBaseline(slot);
  ascii(" (");
  ascii(verdictOf(row) == VERDICT_NEW ? "too few samples" : explanationName(stateOf(row).explanation));
  writeVerdictTime(samplesUntilJudged(row));
  ascii(")\n");
  return true;
}

/** When the verdict can come, after so many samples. */
function writeVerdictTime(missing: u32): void {
  if (!missing) return ascii("; judged again with each sample");
  const interval = measureOf(MEASURE_INTERVAL);
  if (interval) {
    ascii("; verdict in ");
    duration(missing * interval);
  } else {
    ascii("; verdict after ");
    counted(missing, " sample");
  }
  ascii(" at the earliest");
}

/** The section to read next. */
function next(suspects: bool, undecided: bool): void {
  ascii(SUMMARY_PREFIX);
  ascii("read next: ");
  if (suspects) ascii("Suspects for the evidence, Ages for when it was allocated\n");
  else if (undecided) ascii("Growth for what grows and why it is not decided\n");
  else if (isResidentKnown() && unaccountedShare() >= MUCH) ascii("Reconciliation for what resident memory is made of\n");
  else ascii("Owners for who holds what\n");
}

/** The name of a row without the common prefix of all plugins' rows. */
function writeShort(series: Series): void {
  if (series < knownSites() && isOfPlugin(series)) {
    copy(textOf(series) + PLUGIN_PREFIX.length, lengthOf(series) - PLUGIN_PREFIX.length);
  } else writeSeriesInSentence(series);
}

function isOfPlugin(row: Row): bool {
  const n = PLUGIN_PREFIX.length;
  if (<i32>lengthOf(row) < n) return false;
  for (let i = 0; i < n; ++i) if (load<u8>(textOf(row) + i) != <u8>PLUGIN_PREFIX.charCodeAt(i)) return false;
  return true;
}
