// SPDX-License-Identifier: Apache-2.0
//
// The summary of a dump, directly below its header: the first answers that an operator needs, and the section to read next. At most
// SUMMARY_LINES_MAX lines (format/format.ts) of text, about as wide as a wide terminal where names allow it.
//
//   memtrack summary: dump 7 at 2026-11-26T22:04:29Z: 98.2 MiB resident: 33.2 MiB in rows, 21.9 MiB programs and idle memory, 43.1 MiB (44 %) not accounted
//   memtrack summary: 1 suspect; resident memory +12.9 MiB since warm-up (12 min), coverage - (under 16.0 MiB); 3 growing rows are undecided, 41 rows are too new to judge
//   memtrack summary: suspect: leaky.so on_transaction (leaky.c:19) and 2 more rows: +6.7 MiB in 12 min (+33.3 MiB/h); memory limit in about 20 days
//   memtrack summary: largest undecided: foo.so init (init.c:9): +97.0 MiB in 2 min (+2.8 GiB/h), 0 of 1,040 freed, too soon; verdict in 42 min at the earliest
//   memtrack summary: no row explains: +86.1 MiB not accounted, or idle in the allocator (+430 MiB/h), too soon; to see it: proxy.config.plugin.memtrack.heap 1
//   memtrack summary: read next: "Suspects:" for the evidence, "Ages of live memory" for when it was allocated
//
// No suspect is not an all-clear, so that line says by how much resident memory has changed, which share of the change the rows explain
// (coverage), and how much is undecided.

import {
  EXPLAINED_BY_HOLDER,
  FACT_DUMP,
  FACT_HEAP,
  FACT_SERVER_HEAP,
  FACT_TIME,
  MEASURE_EARLIER,
  MEASURE_INTERVAL,
  MEASURE_NOW,
  MEASURE_RSS,
  SETTING_HEAP,
  SETTING_INTERVAL,
  SETTING_LEVEL,
  VERDICT_FILLING,
  VERDICT_NEW,
} from "../abi";
import { acceptedCount } from "../analysis/accepted";
import { allocsSince, changeSince, freesSince, writeBaseline } from "../analysis/baseline";
import { rank, ranked, rankedCount, rankingStart } from "../analysis/ranking";
import { isPerReload, writeReloadProgress } from "../analysis/reloads";
import {
  coverage,
  largestUnseen,
  PART_FILES,
  PART_FREELISTS,
  PART_NOT_RESIDENT,
  PART_OLDER,
  PART_OVERHEAD,
  PART_REMAINDER,
  PART_RESIDENT,
  PART_ROWS,
  PART_UNACCOUNTED,
  partChange,
  partNow,
  partsTime,
  UNKNOWN,
} from "../analysis/resident";
import { areObjects, isActive, isObjects, isOfFreelist, remainder, writeSeriesInSentence } from "../analysis/series";
import { rankSuspects, rowsOfSuspect, secondsUntilFull, weighed } from "../analysis/urgency";
import { isRemainderSuspect, isUndecided, samplesUntilJudged, verdictOf } from "../analysis/verdict";
import { bytes, counted, duration, grouped } from "../base/humanize";
import { mulDiv, share } from "../base/muldiv";
import { begins } from "../base/reader";
import { Row, Series } from "../base/types";
import { ascii, copy, newline, unsigned, utc } from "../base/writer";
import { PLUGIN_PREFIX, REMAINDER_NAME, RESIDENT_CHANGE_MIN, SETTING_NAMES, SUMMARY_PREFIX } from "../format";
import { measureOf } from "../model/environment";
import { factOf, isInstalled, level } from "../model/facts";
import { stateOf } from "../model/history";
import { isAnyArmed, knownSites } from "../model/model";
import { samples } from "../model/timeline";
import { lengthOf, textOf } from "../registry/name";
import { secondsSince } from "./growth";
import { explanationName, verdictName } from "./labels";
import { writeReloadsMissing } from "./reload_evidence";
import { writeHolder } from "./search_section";
import { countsObjects, suspectGrowth, suspectRate, suspectTime, writeIncrease, writeLimit, writeSuspectRate } from "./suspects";

/** Suspects with a line of their own. */
const SUSPECTS_SHOWN: u32 = 3;
/** A shorter span says nothing about an hour. */
const RATE_SECONDS_MIN: u64 = 60;
/** Fewer bytes around the blocks of rows are not told from idle memory. */
const AROUND_MIN: i64 = 1 << 20;
/** Percentage of unaccounted memory from which on the reconciliation is the section to read. */
const MUCH: u64 = 50;

/** @param slot the baseline of the dump's growth */
export function renderSummary(slot: u32): void {
  if (!level()) return nothingTracked();
  resident();
  if (!samples || !isAnyArmed()) return noSamples();
  const suspects = rankSuspects();
  verdictLine(suspects, slot);
  let shown: u32 = 0;
  for (let at: u32 = 0; at < rankedCount() && shown < SUSPECTS_SHOWN; at += rowsOfSuspect(at)) {
    suspectLine(at);
    ++shown;
  }
  const undecided = undecidedLine(slot);
  const unseen = unseenLine(slot);
  next(suspects > 0, undecided, unseen);
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
  next(false, false, false);
}

function resident(): void {
  line();
  dump();
  if (!isResidentKnown()) ascii("resident memory is not known");
  else {
    bytes(measureOf(MEASURE_RSS));
    ascii(" resident");
  }
  ascii(": ");
  bytes(<u64>partNow(PART_ROWS));
  ascii(" in rows");
  if (isResidentKnown()) {
    const around = partNow(PART_OVERHEAD) >= AROUND_MIN ? partNow(PART_OVERHEAD) : 0;
    if (around) {
      ascii(", ");
      bytes(<u64>around);
      ascii(" around their blocks");
    }
    const whole = partNow(PART_RESIDENT) + partNow(PART_NOT_RESIDENT);
    const rest = whole - partNow(PART_ROWS) - around - partNow(PART_UNACCOUNTED);
    if (rest > 0) {
      ascii(", ");
      bytes(<u64>rest);
      ascii(partNow(PART_OLDER) > 0 ? " programs, older and idle memory" : " programs and idle memory");
    }
    ascii(", ");
    bytes(unaccounted());
    ascii(" (");
    unsigned(unaccountedShare());
    ascii(" %) not accounted");
    if (partNow(PART_NOT_RESIDENT) > 0) {
      ascii(", less ");
      bytes(<u64>partNow(PART_NOT_RESIDENT));
      ascii(" that is not resident");
    }
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

function isResidentKnown(): bool {
  return partNow(PART_RESIDENT) != UNKNOWN;
}

function unaccounted(): u64 {
  return <u64>max<i64>(partNow(PART_UNACCOUNTED), 0);
}

function unaccountedShare(): u64 {
  return share(unaccounted(), measureOf(MEASURE_RSS));
}

/** The number of suspects, the share of the growth that the rows explain, and the number of rows that may still become suspects. */
function verdictLine(suspects: u32, slot: u32): void {
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
  const accepted = acceptedCount();
  if (accepted) {
    ascii(", ");
    unsigned(accepted);
    ascii(" accepted");
  }
  ascii("; ");
  residentChange(slot);
  ascii("; ");
  rows(growing, " growing row", " undecided, ");
  rows(young, " row", " too new to judge");
  newline();
}

/** `resident memory +120 MiB since warm-up (12 min), coverage 3 %`. */
function residentChange(slot: u32): void {
  const change = partChange(PART_RESIDENT, slot);
  if (change == UNKNOWN) return ascii("change of resident memory not known, coverage -");
  ascii("resident memory ");
  ascii(change < 0 ? "-" : "+");
  bytes(<u64>(change < 0 ? -change : change));
  ascii(" since ");
  writeBaseline(slot);
  const span = spanOfParts(slot);
  if (span) {
    ascii(" (");
    duration(span);
    ascii(")");
  }
  const share = coverage(slot);
  ascii(", coverage ");
  if (share != UNKNOWN) {
    unsigned(share);
    ascii(" %");
  } else {
    ascii("- (under ");
    bytes(RESIDENT_CHANGE_MIN);
    ascii(")");
  }
}

/** Seconds since the parts were stored for a baseline; 0 if not known. */
function spanOfParts(slot: u32): u64 {
  const since = partsTime(slot);
  const now = measureOf(MEASURE_NOW);
  return since && now + 1 > since ? now + 1 - since : 0;
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
  released(row, slot);
  writeWhy(row);
  writeReloadProgress(row);
  if (isPerReload(row)) writeReloadsMissing(row);
  else writeVerdictTime(samplesUntilJudged(row));
  newline();
  return true;
}

/** The largest growth in no row, and what would show it. Returns whether there is one. */
function unseenLine(slot: u32): bool {
  const which = isRemainderSuspect() ? PART_REMAINDER : largestUnseen(slot);
  const change = partChange(which, slot);
  if (change < <i64>RESIDENT_CHANGE_MIN && !isRemainderSuspect()) return false;
  line();
  ascii("no row explains: ");
  writeIncrease(<u64>max<i64>(change, 0), false);
  ascii(" ");
  if (which == PART_FILES) ascii("programs, libraries and mapped files");
  else if (which == PART_FREELISTS) ascii("idle in the server's freelists");
  else ascii(REMAINDER_NAME);
  const span = spanOfParts(slot);
  if (span >= RATE_SECONDS_MIN && change > 0) {
    ascii(" (");
    writeIncrease(<u64>mulDiv(change, 3600, <i64>span), false);
    ascii("/h)");
  }
  if (which == PART_REMAINDER) {
    const verdict = verdictOf(remainder());
    ascii(", ");
    ascii(verdict == VERDICT_FILLING ? explanationName(stateOf(remainder()).explanation) : verdictName(verdict));
    writeAdvice();
  }
  newline();
  return true;
}

/** What to switch on so that rows show more; if everything is on, what it can be. */
function writeAdvice(): void {
  const noHeap = !isInstalled(FACT_HEAP);
  const earlier = measureOf(MEASURE_EARLIER) != 0;
  if (!noHeap && level() > 1 && !earlier)
    return ascii(
      isInstalled(FACT_SERVER_HEAP)
        ? "; it can be stacks of the server's threads, shared memory, contents of objects"
        : "; it can be the server's own heap, its threads' stacks, shared memory, contents of objects",
    );
  ascii("; to see more: ");
  if (noHeap) writeSetting(SETTING_HEAP, 1);
  if (noHeap && level() < 2) ascii(", ");
  if (level() < 2) writeSetting(SETTING_LEVEL, 2);
  if (!earlier) return;
  if (noHeap || level() < 2) ascii("; ");
  ascii("memtrack.so first in plugin.config, and a restart");
}

function writeSetting(which: u32, value: u64): void {
  ascii(unchecked(SETTING_NAMES[which]));
  ascii(" ");
  unsigned(value);
}

/** `0 of 1,040 freed`; not of a freelist, whose events are not known. */
function released(row: Row, slot: u32): void {
  if (isOfFreelist(row)) return;
  grouped(freesSince(row, slot));
  ascii(" of ");
  grouped(allocsSince(row, slot));
  ascii(areObjects(row) ? " destroyed, " : " freed, ");
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

/** `too soon`, `held by foo.so table (.bss)`. */
function writeWhy(row: Row): void {
  if (verdictOf(row) == VERDICT_NEW) return ascii("too few samples");
  const why = stateOf(row).explanation;
  if (why != EXPLAINED_BY_HOLDER || !writeHolder(row)) ascii(explanationName(why));
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
function next(suspects: bool, undecided: bool, unseen: bool): void {
  line();
  ascii("read next: ");
  if (suspects) ascii('"Suspects:" for the evidence, "Ages of live memory" for when it was allocated');
  else if (undecided) ascii('"Growth since" for what grows and why it is undecided');
  else if (unseen || (isResidentKnown() && unaccountedShare() >= MUCH)) ascii('"Reconciliation:" for the parts of resident memory');
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
