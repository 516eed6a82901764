// SPDX-License-Identifier: Apache-2.0
//
// Rows in full, for `traffic_ctl plugin msg memtrack 'show TEXT'`: all rows whose name, as in the column Location, contains the text,
// also those that other sections leave out. The text is compared byte for byte, and upper and lower case differ.
//
//   Show: 1 row whose name contains 'compress'
//   No  | Verdict | Size In-use | ... | Location
//     1 | leak    |        1152 | ... | memory/plugin/compress.so Gzip::Configuration::Parse+0x14a
//
//   Show, why and history: ...
//   No  | Seconds ago | Samples | Live   | Allocated | What
//     1 |           - |       - |      - |         - | leak: +144 bytes a reload, 8 reloads for 102 s, 8 allocated, 0 freed
//     1 |          10 |       1 |   1152 |         0 | samples

import {
  ARGUMENT_MAX,
  EXPLAINED_BY_HOLDER,
  EXPLAINED_BY_NOTHING,
  HISTORY_LEVELS,
  HISTORY_SHIFT,
  VERDICT_ACCEPTED,
  VERDICT_CHURN,
  VERDICT_FILLING,
  VERDICT_LEAK,
  VERDICT_NEW,
} from "../abi";
import { offered, rank, ranked, rankedCount, rankingStart } from "../analysis/ranking";
import { isPerReload, growthPerReload, reloadsOf, writeReloadProgress } from "../analysis/reloads";
import { lateShare } from "../analysis/saturation";
import { allocs, frees, inUse, isActive, isObjects, nameContains, writeSeries } from "../analysis/series";
import { samplesUntilJudged, verdictOf } from "../analysis/verdict";
import { DOUBLE_QUOTE, isControl, QUESTION_MARK, SPACE } from "../base/chars";
import { counted } from "../base/humanize";
import { input, pattern, SHOWN_MAX } from "../base/memory";
import { Row } from "../base/types";
import { ascii, byte, newline, unsigned } from "../base/writer";
import { SECTION_SHOW, SECTION_SHOW_HISTORY } from "../format";
import { ageOf, allocatedAt, floorAt, stateOf } from "../model/history";
import { unpack } from "../model/minifloat";
import { holderLength } from "../model/findings";
import { knownSites } from "../model/model";
import { elapsedSeconds, points, samples, stale, timeAt } from "../model/timeline";
import { explanationName, rowKindName, verdictName } from "./labels";
import { writePerReload, writeReloadsMissing } from "./reload_evidence";
import { writeChain } from "./search_section";
import { writeVerdictTime } from "./summary";
import { writeGrowth } from "./suspects";
import * as table from "./table";

/** Length of the text in the region `pattern`; 0: no section. */
let length: u32 = 0;

export function showReset(): void {
  length = 0;
}

/** The next dump shows the rows whose names contain the text in the input region. */
export function selectRows(textLength: u32): void {
  length = min(textLength, ARGUMENT_MAX);
  memory.copy(pattern, input, length);
}

export function renderShow(): void {
  if (!length) return;
  rankingStart(SHOWN_MAX);
  let all: u32 = 0;
  for (let row: Row = 0; row < knownSites(); ++row) {
    if (!isActive(row)) continue;
    ++all;
    if (nameContains(row, pattern, length)) rank(row, inUse(row));
  }
  if (offered) {
    renderRows();
    renderHistories();
  } else renderNone(all);
  length = 0;
}

function renderNone(rows: u32): void {
  ascii('\nmemtrack note="show: none of ');
  counted(rows, " row");
  ascii(" has a name that contains ");
  writePattern();
  ascii('; upper and lower case differ"\n');
}

function renderRows(): void {
  const shown = rankedCount();
  table.title(SECTION_SHOW);
  byte(SPACE);
  table.shownOf(shown, offered, "row");
  ascii(offered == 1 ? " whose name contains " : " whose names contain ");
  writePattern();
  if (shown < offered) {
    ascii(", the largest; not shown: ");
    unsigned(offered - shown);
  }
  newline();
  table.head(SECTION_SHOW);
  for (let i: u32 = 0; i < shown; ++i) {
    const row = ranked(i);
    table.row(SECTION_SHOW);
    table.unsignedCell(i + 1);
    table.textCell(verdictName(verdictOf(row)));
    table.unsignedCell(inUse(row));
    table.unsignedCell(allocs(row));
    table.unsignedCell(frees(row));
    table.textCell(rowKindName(row));
    writeSeries(row);
    newline();
  }
}

/** The text in quotes, without characters that would end the line or a quoted text. */
function writePattern(): void {
  ascii("'");
  for (let i: u32 = 0; i < length; ++i) {
    const c = <u32>load<u8>(pattern + i);
    byte(isControl(c) || c == DOUBLE_QUOTE ? QUESTION_MARK : c);
  }
  ascii("'");
}

function renderHistories(): void {
  table.title(SECTION_SHOW_HISTORY);
  ascii(" the lowest live bytes of each point, ");
  counted(samples, " sample");
  ascii(" in all\n");
  table.head(SECTION_SHOW_HISTORY);
  for (let i: u32 = 0; i < rankedCount(); ++i) {
    sentence(i + 1, ranked(i));
    reloads(i + 1, ranked(i));
    if (ageOf(ranked(i))) history(i + 1, ranked(i));
  }
}

function sentence(number: u32, row: Row): void {
  table.row(SECTION_SHOW_HISTORY);
  table.unsignedCell(number);
  for (let i = 0; i < 4; ++i) table.unknownCell();
  const verdict = verdictOf(row);
  ascii(verdictName(verdict));
  ascii(": ");
  if (verdict == VERDICT_LEAK || verdict == VERDICT_ACCEPTED) writeGrowth(row);
  else if (verdict == VERDICT_NEW) {
    counted(ageOf(row), " sample");
    ascii(" so far");
    writeVerdictTime(samplesUntilJudged(row));
  } else if (verdict == VERDICT_FILLING) writeWhy(row);
  else ascii(verdict == VERDICT_CHURN ? "it does not grow; what it holds is replaced all the time" : "it does not grow");
  newline();
}

function writeWhy(row: Row): void {
  const explanation = stateOf(row).explanation;
  if (explanation == EXPLAINED_BY_HOLDER && holderLength(row)) writeChain(row);
  else if (explanation != EXPLAINED_BY_NOTHING) ascii(explanationName(explanation));
  writeReloadProgress(row);
  if (isPerReload(row)) {
    ascii(": ");
    writePerReload(growthPerReload(row), reloadsOf(row), isObjects(row));
    return writeReloadsMissing(row);
  }
  const late = lateShare(row);
  if (late >= 0) {
    ascii("; the last quarter grew at ");
    unsigned(<u64>late);
    ascii(" % of the rate of the first half");
  }
  writeVerdictTime(samplesUntilJudged(row));
}

/** What the judgement by reloads knows. */
function reloads(number: u32, row: Row): void {
  const state = stateOf(row);
  if (!state.reloadSteps) return;
  pointCells(number, unpack(state.reloadStart));
  ascii("before the first of ");
  counted(reloadsOf(row), " reload");
  ascii(" at which it grew\n");
  pointCells(number, unpack(state.reloadBefore));
  ascii("before the last reload\n");
  pointCells(number, unpack(state.reloadFloor));
  ascii("since the last reload\n");
}

function pointCells(number: u32, live: u64): void {
  table.row(SECTION_SHOW_HISTORY);
  table.unsignedCell(number);
  table.unknownCell();
  table.unknownCell();
  table.unsignedCell(live);
  table.unknownCell();
}

/** All points of all levels, the newest of each level first; no point that ended before the row existed. */
function history(number: u32, row: Row): void {
  for (let level: u32 = 0; level < HISTORY_LEVELS; ++level) {
    const size: u32 = 1 << (level * HISTORY_SHIFT);
    for (let back: u32 = 0; back < points(level); ++back) {
      if (stale(level) + back * size >= ageOf(row)) break;
      table.row(SECTION_SHOW_HISTORY);
      table.unsignedCell(number);
      table.unsignedCell(elapsedSeconds() - timeAt(level, back));
      table.unsignedCell(size);
      table.unsignedCell(unpack(floorAt(row, level, back)));
      const allocated = allocatedAt(row, level, back);
      if (allocated < 0) table.unknownCell();
      else table.unsignedCell(<u64>allocated);
      ascii("samples\n");
    }
  }
}
