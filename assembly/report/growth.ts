// SPDX-License-Identifier: Apache-2.0
//
// Growth since a baseline: the rows and the owners with the largest changes, with their verdicts and the evidence as columns. The
// remainder of resident memory stands before the rows; what only allocations tell is not known of it.
//
//   Change        live bytes now minus live bytes at the baseline; for objects whose bytes are not known, their number
//   Per hour      Change divided by the time since the baseline
//   Per 1000 tx   Change per 1,000 transactions
//   Kind          for rows: the class, or the kind of object; REMAINDER_KIND for the remainder
//   Old %         share of the live bytes that is older than the age in the title; for IOBuffers, at least this share (age.ts)
//   Kept %        probability that an allocation is never released, by Laplace's rule of succession: 1 - (frees + 1) / (allocs + 2).
//                 (Scalene, Berger et al., OSDI 2023, uses the same rule, but divides by allocs - frees + 2, fewer than the number of
//                 trials.)
//   Streak        see persistence.ts
//   Proof         what the search for references says, see analysis/proof.ts
//   Late %        the late part of the growth compared with the early part, see saturation.ts

import {
  EXPLAINED_BY_HOLDER,
  EXPLAINED_BY_NOTHING,
  EXPLAINED_BY_RELOAD,
  MEASURE_NOW,
  OWNER_SERIES_MAX,
  VERDICT_FILLING,
} from "../abi";
import { oldBytes, reportedAge } from "../analysis/age";
import {
  allocsSince,
  ARMING,
  baselineTime,
  baselineTransactions,
  changeSince,
  freesSince,
  writeBaseline,
} from "../analysis/baseline";
import { proofOf } from "../analysis/proof";
import { offered, rank, ranked, rankedCount, rankingStart } from "../analysis/ranking";
import { isPerReload, writeReloadProgress } from "../analysis/reloads";
import { lateShare } from "../analysis/saturation";
import {
  allocs,
  frees,
  inUse,
  isActive,
  isOfFreelist,
  isRemainder,
  isRowSeries,
  remainder,
  seriesOfEntry,
  writeSeries,
} from "../analysis/series";
import { verdictOf } from "../analysis/verdict";
import { SPACE } from "../base/chars";
import { duration } from "../base/humanize";
import { mulDiv, percent } from "../base/muldiv";
import { Row, Series } from "../base/types";
import { ascii, byte, newline } from "../base/writer";
import { REMAINDER_KIND, SECTION_GROWTH, SECTION_OWNERS_GROWTH } from "../format";
import { measureOf } from "../model/environment";
import { armed } from "../model/facts";
import { stateOf } from "../model/history";
import { knownSites } from "../model/model";
import { samples, transactionsAt } from "../model/timeline";
import { explanationName, proofName, rowKindName, verdictName } from "./labels";
import { writeHolder } from "./search_section";
import * as table from "./table";

/** Writes at most `most` rows, those with the largest changes. */
export function renderGrowth(slot: u32, most: u32): void {
  rankingStart(most);
  for (let row: Row = 0; row < knownSites(); ++row) offer(row, slot);
  render(SECTION_GROWTH, slot, "row");
}

/** Writes all owners that changed. */
export function renderOwnersGrowth(slot: u32): void {
  rankingStart(OWNER_SERIES_MAX);
  for (let entry: u32 = 0; entry < OWNER_SERIES_MAX; ++entry) offer(seriesOfEntry(entry), slot);
  render(SECTION_OWNERS_GROWTH, slot, "owner");
}

function offer(series: Series, slot: u32): void {
  if (!isActive(series)) return;
  const change = changeSince(series, slot);
  if (change) rank(series, <u64>(change < 0 ? -change : change));
}

function render(section: u32, slot: u32, what: string): void {
  table.title(section);
  byte(SPACE);
  writeSince(slot);
  ascii(": ");
  table.shownOf(rankedCount(), offered, what);
  ascii(offered == 1 ? " that changed" : " that changed, largest change first");
  ascii("; old: more than ");
  duration(reportedAge());
  newline();
  table.head(section);
  // Always, so that a reader finds its verdict.
  if (section == SECTION_GROWTH && isActive(remainder())) line(section, remainder(), slot);
  for (let i: u32 = 0; i < rankedCount(); ++i) {
    line(section, ranked(i), slot);
  }
}

function line(section: u32, series: Series, slot: u32): void {
  table.row(section);
  cells(section, series, slot);
  newline();
}

/** Writes the baseline's name, and how long ago it was set if that is known. */
function writeSince(slot: u32): void {
  writeBaseline(slot);
  const span = secondsSince(slot);
  if (!span) return;
  ascii(", ");
  duration(span);
  ascii(" ago");
}

/** Seconds since a baseline was set; 0 if unknown. */
export function secondsSince(slot: u32): u64 {
  const now = measureOf(MEASURE_NOW);
  if (slot == ARMING) return armed();
  return now > baselineTime(slot) ? now - baselineTime(slot) : 0;
}

function cells(section: u32, series: Series, slot: u32): void {
  const change = changeSince(series, slot);
  const verdict = verdictOf(series);
  table.textCell(verdictName(verdict));
  const why = verdict == VERDICT_FILLING ? stateOf(series).explanation : EXPLAINED_BY_NOTHING;
  if (isPerReload(series) || (why == EXPLAINED_BY_HOLDER && isRowSeries(series))) explanationCell(series);
  else table.textCell(explanationName(why));
  table.signedCell(change);
  const span = secondsSince(slot);
  if (<i64>span > 0) table.signedCell(mulDiv(change, 3600, <i64>span));
  else table.unknownCell();
  table.beginText();
  writeSeries(series);
  table.endText(section);
  if (isRemainder(series)) table.textCell(REMAINDER_KIND);
  else if (isRowSeries(series)) table.textCell(rowKindName(series));
  perThousand(change, slot);
  if (isRemainder(series)) unknownCells(ALLOCATION_CELLS);
  else allocationCells(series, slot);
  if (isRowSeries(series)) table.unsignedCell(stateOf(series).streak);
  else table.unknownCell();
  const late = lateShare(series);
  if (late < 0) table.unknownCell();
  else table.unsignedCell(<u64>late);
  if (section == SECTION_GROWTH) table.textCell(proofName(proofOf(series)));
}

/** Number of cells that allocationCells() writes. */
const ALLOCATION_CELLS: u32 = 4;

function allocationCells(series: Series, slot: u32): void {
  table.unsignedCell(allocsSince(series, slot));
  table.unsignedCell(freesSince(series, slot));
  share(series, percent(oldBytes(series), inUse(series)));
  share(series, keptShare(series));
}

function unknownCells(count: u32): void {
  for (let i: u32 = 0; i < count; ++i) table.unknownCell();
}

/** `per reload, 3 of 8`, `held by foo.so table (.bss)`, wider than its column. */
function explanationCell(series: Series): void {
  table.beginCell();
  if (isPerReload(series)) {
    ascii(explanationName(EXPLAINED_BY_RELOAD));
    writeReloadProgress(series);
  } else if (!writeHolder(series)) ascii(explanationName(EXPLAINED_BY_HOLDER));
  table.endCell();
}

/** Writes a share that is known where the events are. */
function share(series: Series, value: u64): void {
  if (isOfFreelist(series)) table.unknownCell();
  else table.unsignedCell(value);
}

function perThousand(change: i64, slot: u32): void {
  const now = samples ? transactionsAt(0, 0) : 0;
  const requests = now - baselineTransactions(slot);
  if (<i64>requests <= 0) table.unknownCell();
  else table.signedCell(mulDiv(change, 1000, <i64>requests));
}

function keptShare(series: Series): u64 {
  const n = allocs(series);
  const freed = frees(series);
  return freed > n ? 0 : percent(n + 1 - freed, n + 2);
}
