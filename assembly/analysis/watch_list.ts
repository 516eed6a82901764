// SPDX-License-Identifier: Apache-2.0
//
// The sites whose blocks the search for references watches: those of suspects, the most urgent first, then of growth that is undecided,
// and of rows whose search was asked for. A list of entries (site, class, bytes of a block) in the output region.

import { ARGUMENT_MAX, SEARCHED_MAX, SITE_FIRST, VERDICT_FILLING, WATCH_BYTES, WATCH_CLASS, WATCH_SIZE, WATCH_SITE } from "../abi";
import { asked, input, output, outputEnd } from "../base/memory";
import { Row, Site } from "../base/types";
import { begin } from "../base/writer";
import { noteSearch } from "../model/findings";
import { knownSites, siteClass } from "../model/model";
import { rowOf } from "../model/rows";
import { isSearchable } from "./proof";
import { rank, ranked, rankedCount, rankingStart } from "./ranking";
import { averageSize, inUse, isActive, isRowSeries, nameContains } from "./series";
import { rankSuspects } from "./urgency";
import { isUndecided, verdictOf } from "./verdict";

/** Entries of the last list. */
let count: u32 = 0;
/** Length of the text in the region `asked`; none: nothing was asked for. */
const NONE: u32 = u32.MAX_VALUE;
let askedLength: u32 = NONE;

export function watchListReset(): void {
  askedLength = NONE;
  count = 0;
}

/** Searches the rows whose names contain the text in the input region too; every row if it is empty. */
export function requestSearch(length: u32): void {
  askedLength = min(length, ARGUMENT_MAX);
  memory.copy(asked, input, askedLength);
  writeWatchList();
}

/** The search asks whether there is something to watch. It changes with a sample or a request, and each of them makes the list. */
export function isWatching(): bool {
  noteSearch();
  return count != 0;
}

/** The search asks what to watch. Returns the length of the list in bytes. */
export function watchList(): u32 {
  noteSearch();
  return writeWatchList();
}

/** Writes the watch list. Returns its length in bytes. */
export function writeWatchList(): u32 {
  count = 0;
  begin(output + SEARCHED_MAX * WATCH_SIZE, outputEnd);
  rankSuspects();
  addRanked();
  if (askedLength != NONE) {
    rankingStart(SEARCHED_MAX);
    for (let row: Row = 0; row < knownSites(); ++row)
      if (isActive(row) && nameContains(row, asked, askedLength)) rank(row, inUse(row));
    addRanked();
  }
  rankingStart(SEARCHED_MAX);
  for (let row: Row = 0; row < knownSites(); ++row) {
    if (isActive(row) && verdictOf(row) == VERDICT_FILLING && isUndecided(row)) rank(row, inUse(row));
  }
  addRanked();
  return count * WATCH_SIZE;
}

function addRanked(): void {
  for (let i: u32 = 0; i < rankedCount(); ++i) if (isRowSeries(ranked(i))) addRow(ranked(i));
}

function addRow(row: Row): void {
  const cls = siteClass(row);
  const bytes = <u32>min(averageSize(row), <u64>u32.MAX_VALUE);
  if (!isSearchable(row)) return;
  for (let site = max(row, SITE_FIRST); site < knownSites(); ++site) if (rowOf(site) == row) add(site, cls, bytes);
}

function add(site: Site, cls: u32, bytes: u32): void {
  for (let at = output; at < output + count * WATCH_SIZE; at += WATCH_SIZE) if (load<u32>(at, WATCH_SITE) == site) return;
  if (count == SEARCHED_MAX) return;
  const at = output + count++ * WATCH_SIZE;
  store<u32>(at, site, WATCH_SITE);
  store<u32>(at, cls, WATCH_CLASS);
  store<u32>(at, bytes, WATCH_BYTES);
}
