// SPDX-License-Identifier: Apache-2.0
//
// The summary of a dump, directly below its header: the first answers that an operator needs, and the section to read next. At most
// SUMMARY_LINES_MAX lines (format/format.ts) of text, about as wide as a wide terminal where names allow it.
//
//   memtrack summary: dump 7 at 2026-11-26T22:04:29Z: 98.2 MiB resident: 33.2 MiB in rows, 21.9 MiB programs and idle memory, 43.1 MiB (44 %) not accounted
//   memtrack summary: 1 suspect; 3 growing rows are undecided, 41 rows are too new to judge
//   memtrack summary: suspect: leaky.so on_transaction (leaky.c:19) and 2 more rows: +6.7 MiB in 12 min (+33.3 MiB/h); memory limit in about 20 days
//   memtrack summary: largest undecided: foo.so init (init.c:9): +97.0 MiB in 2 min (+2.8 GiB/h), 0 of 1,040 freed, too soon; verdict in 42 min at the earliest
//   memtrack summary: read next: "Suspects:" for the evidence, "Ages of live memory" for when it was allocated
//
// No suspect is not an all-clear, so that line says how much is undecided, and how much memory is in no row.

import { CLASS_COUNT, FACT_DUMP, FACT_TIME, MEASURE_INTERVAL, MEASURE_RSS, SETTING_INTERVAL, VERDICT_NEW } from "../abi";
import { allocsSince, changeSince, freesSince, writeBaseline } from "../analysis/baseline";
import { rank, ranked, rankedCount, rankingStart } from "../analysis/ranking";
import { isPerReload, writeReloadProgress } from "../analysis/reloads";
import { isActive, isObjects, writeSeriesInSentence } from "../analysis/series";
import { rankSuspects, rowsOfSuspect, secondsUntilFull, weighed } from "../analysis/urgency";
import { isUndecided, samplesUntilJudged, verdictOf } from "../analysis/verdict";
import { bytes, counted, duration, grouped } from "../base/humanize";
import { mulDiv, share } from "../base/muldiv";
import { begins } from "../base/reader";
import { Row, Series } from "../base/types";
import { ascii, copy, newline, unsigned, utc } from "../base/writer";
import { PLUGIN_PREFIX, SETTING_NAMES, SUMMARY_PREFIX } from "../format";
import { measureOf } from "../model/environment";
import { factOf, level } from "../model/facts";
import { stateOf } from "../model/history";
import { isAnyArmed, knownSites } from "../model/model";
import { samples } from "../model/timeline";
import { lengthOf, textOf } from "../registry/name";
import { secondsSince } from "./growth";
import { explanationName } from "./labels";
import { isResidentKnown, notAccounted, trackedBytes } from "./reconciliation";
import { writeReloadsMissing } from "./reload_evidence";
import { countsObjects, suspectGrowth, suspectRate, suspectTime, writeIncrease, writeLimit, writeSuspectRate } from "./suspects";

/** Suspects with a line of their own. */
const SUSPECTS_SHOWN: u32 = 3;
/** A shorter span says nothing about an hour. */
const RATE_SECONDS_MIN: u64 = 60;
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
  line();
  dump();
  ascii("nothing is tracked at level 0");
  if (isResidentKnown()) {
    ascii("; ");
    bytes(measureOf(MEASURE_RSS));
    ascii(" resident");
  }
  newline();
}

function noSamples(): void {
  line();
  ascii("growth is not judged yet: no sample so far (interval: ");
  ascii(unchecked(SETTING_NAMES[SETTING_INTERVAL]));
  ascii("; 0 means never)\n");
  next(false, false);
}

function resident(): void {
  let held: i64 = 0;
  for (let cls: u32 = 0; cls < CLASS_COUNT; ++cls) held += trackedBytes(cls);
  held = max<i64>(held, 0);
  line();
  dump();
  if (!isResidentKnown()) ascii("resident memory is not known");
  else {
    bytes(measureOf(MEASURE_RSS));
    ascii(" resident");
  }
  ascii(": ");
  bytes(<u64>held);
  ascii(" in rows");
  if (isResidentKnown()) {
    const rest = <i64>measureOf(MEASURE_RSS) - held - <i64>unaccounted();
    if (rest > 0) {
      ascii(", ");
      bytes(<u64>rest);
      ascii(" programs and idle memory");
    }
    ascii(", ");
    bytes(unaccounted());
    ascii(" (");
    unsigned(unaccountedShare());
    ascii(" %) not accounted");
  }
  newline();
}

/** Which dump: `grep` prints the summaries of a file alone. */
function dump(): void {
  ascii("dump ");
  unsigned(factOf(FACT_DUMP));
  ascii(" at ");
  utc(factOf(FACT_TIME));
  ascii(": ");
}

function unaccounted(): u64 {
  return <u64>max<i64>(notAccounted(), 0);
}

function unaccountedShare(): u64 {
  return share(unaccounted(), measureOf(MEASURE_RSS));
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
  line();
  if (suspects) counted(suspects, " suspect");
  else ascii("no suspect so far");
  if (suspects > SUSPECTS_SHOWN) ascii(" (the fastest below)");
  ascii("; ");
  rows(growing, " growing row", " undecided, ");
  rows(young, " row", " too new to judge");
  if (!suspects && isResidentKnown() && unaccounted()) {
    ascii("; growth of the ");
    bytes(unaccounted());
    ascii(" not accounted is not judged");
  }
  newline();
}

/** `no row is new`, `1 row is new`, `2 rows are new`. */
function rows(count: u32, noun: string, state: string): void {
  if (count) counted(count, noun);
  else {
    ascii("no");
    ascii(noun);
  }
  ascii(count > 1 ? " are" : " is");
  ascii(state);
}

function suspectLine(at: u32): void {
  const rows = rowsOfSuspect(at);
  line();
  ascii("suspect: ");
  writeShort(ranked(at));
  if (rows > 1) {
    ascii(" and ");
    counted(rows - 1, " more row");
  }
  ascii(": ");
  writeIncrease(suspectGrowth(at), countsObjects(at));
  ascii(" in ");
  duration(suspectTime(at));
  ascii(" (");
  writeSuspectRate(at);
  ascii(")");
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
  line();
  ascii("largest undecided: ");
  writeShort(row);
  ascii(": ");
  writeGrowth(row, <u64>changeSince(row, slot), slot);
  ascii(", ");
  grouped(freesSince(row, slot));
  ascii(" of ");
  grouped(allocsSince(row, slot));
  ascii(isObjects(row) ? " destroyed, " : " freed, ");
  ascii(verdictOf(row) == VERDICT_NEW ? "too few samples" : explanationName(stateOf(row).explanation));
  writeReloadProgress(row);
  if (isPerReload(row)) writeReloadsMissing(row);
  else writeVerdictTime(samplesUntilJudged(row));
  newline();
  return true;
}

/** `+136 MiB in 12 min (+680 MiB/h)`: the columns Change and Per hour of the section on growth. */
function writeGrowth(row: Row, change: u64, slot: u32): void {
  writeIncrease(change, isObjects(row));
  const span = secondsSince(slot);
  if (!span) {
    ascii(" since ");
    return writeBaseline(slot);
  }
  ascii(" in ");
  duration(span);
  if (span < RATE_SECONDS_MIN) return;
  ascii(" (");
  writeIncrease(<u64>mulDiv(<i64>change, 3600, <i64>span), isObjects(row));
  ascii("/h)");
}

/** When the verdict can come, after so many samples. */
export function writeVerdictTime(missing: u32): void {
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

/** The section to read next: what its title begins with, to search for. */
function next(suspects: bool, undecided: bool): void {
  line();
  ascii("read next: ");
  if (suspects) ascii('"Suspects:" for the evidence, "Ages of live memory" for when it was allocated');
  else if (undecided) ascii('"Growth since" for what grows and why it is undecided');
  else if (isResidentKnown() && unaccountedShare() >= MUCH) ascii('"Reconciliation:" for the parts of resident memory');
  else ascii('"Owners:" for what each plugin holds');
  newline();
}

function line(): void {
  ascii(SUMMARY_PREFIX);
}

/** The name of a row without the common prefix of all plugins' rows. */
function writeShort(series: Series): void {
  if (series < knownSites() && begins(textOf(series), lengthOf(series), PLUGIN_PREFIX)) {
    copy(textOf(series) + PLUGIN_PREFIX.length, lengthOf(series) - PLUGIN_PREFIX.length);
  } else writeSeriesInSentence(series);
}
