// SPDX-License-Identifier: Apache-2.0
//
// Replies to plugin messages about the analysis, one line each in the output region.

import { GAP_NONE, LINE_NOTE, LINE_WARNING, SEARCHED_MAX, SETTING_SEARCH } from "../abi";
import { writeBaselines } from "../analysis/baseline";
import { isSearchable } from "../analysis/proof";
import { isActive, nameContains, writeSeries } from "../analysis/series";
import { requestSearch } from "../analysis/watch_list";
import * as answer from "../base/answer";
import {
  blocksOf,
  heldOf,
  holderLength,
  holderText,
  isBlind,
  isSearched,
  lostOf,
  passesOf,
  probablyLostOf,
  unsureOf,
  watchedOf,
} from "../model/findings";
import { lastingGap } from "../model/gaps";
import { knownSites } from "../model/model";
import { reloadCount } from "../model/reloads";
import { samples } from "../model/timeline";
import { bytes as writeBytes, counted } from "../base/humanize";
import { input, output, outputEnd } from "../base/memory";
import { Row } from "../base/types";
import { ascii, begin, copy, position, unsigned, writeSanitized } from "../base/writer";
import { SETTING_NAMES } from "../format";
import { writeGap } from "./gap";

/** Maximum number of bytes shown of an unknown name. */
const NAME_SHOWN: u32 = 64;

/** Writes the state of the analysis; `suspects` is their number in the last sample. Returns the line's length. */
export function writeStatus(level: u32, interval: u64, suspects: u64): u32 {
  begin(output, outputEnd);
  ascii("level ");
  unsigned(level);
  if (interval) {
    ascii(", a sample every ");
    unsigned(interval);
    ascii(" s");
  } else ascii(", sampling is off");
  ascii("; ");
  counted(samples, " sample");
  ascii(" so far, ");
  counted(reloadCount, " configuration reload");
  ascii(", ");
  counted(suspects, " suspect");
  ascii("; baselines: ");
  writeBaselines();
  return <u32>(position() - output);
}

/**
 * Writes the state of the search for references.
 * @param percent of a processor that it may take
 * @param sites watched by the last pass
 * @param passes since the start, of which some were complete
 * @param bytes read by the last pass, in `milliseconds`
 * @returns the line's length
 */
export function writeSearchStatus(percent: u32, sites: u32, passes: u64, complete: u64, bytes: u64, milliseconds: u64): u32 {
  begin(output, outputEnd);
  ascii("search for references: ");
  if (!percent) ascii("off, ");
  counted(sites, " site");
  ascii(" watched, ");
  unsigned(complete);
  ascii(" of ");
  unsigned(passes);
  ascii(" passes so far were complete");
  if (passes) {
    ascii("; the last one read ");
    writeBytes(bytes);
    ascii(" in ");
    unsigned(milliseconds);
    ascii(" ms");
  }
  if (lastingGap() != GAP_NONE) ascii("; ");
  writeGap();
  return <u32>(position() - output);
}

/**
 * Searches the rows whose names contain the text in the input region, and answers the message that asks for it.
 * @param percent of a processor that the search may take
 * @returns the length of a line, which answerSeverity() belongs to
 */
export function answerSearch(length: u32, percent: u32): u32 {
  requestSearch(length);
  begin(output, outputEnd);
  let rows: u32 = 0;
  let named: u32 = 0;
  let found: u32 = 0;
  for (let row: Row = 0; row < knownSites(); ++row) {
    if (!isActive(row)) continue;
    ++rows;
    if (!nameContains(row, input, length)) continue;
    ++named;
    if (isSearchable(row)) ++found;
  }
  answer.begin(found && percent ? LINE_NOTE : LINE_WARNING);
  ascii("search: ");
  if (found) {
    counted(found, " row");
    if (found > SEARCHED_MAX) {
      ascii(", the largest ");
      unsigned(SEARCHED_MAX);
      ascii(" of them at a time");
    }
    ascii(" from now on");
  } else {
    ascii("none of ");
    counted(rows, " row");
    ascii(named ? " with known addresses" : "");
    ascii(' has a name that contains "');
    writeSanitized(input, length);
    ascii(named ? '"; IOBuffers and freelists cannot be searched' : '" so far; upper and lower case differ');
  }
  if (!percent) {
    ascii("; ");
    ascii(unchecked(SETTING_NAMES[SETTING_SEARCH]));
    ascii(" is 0: nothing is searched while it is");
  }
  return answer.end();
}

let nextRow: Row = 0;

/** The lines of writeSearchedRow() begin with the first row again. */
export function beginSearchedRows(): void {
  nextRow = 0;
}

/**
 * Writes what the search found of the next row that it has searched:
 * `searched: memory/plugin/foo.so lose (foo.c:12): 64 of 500 blocks watched, 57 lost, 3 probably, 0 held, 4 unsure, after 28 passes; held by ...`.
 * Returns the line's length; 0 behind the last row.
 */
export function writeSearchedRow(): u32 {
  while (nextRow < knownSites() && !(isActive(nextRow) && isSearched(nextRow))) ++nextRow;
  if (nextRow >= knownSites()) return 0;
  const row = nextRow++;
  begin(output, outputEnd);
  ascii("searched: ");
  writeSeries(row);
  ascii(": ");
  unsigned(watchedOf(row));
  ascii(" of ");
  unsigned(blocksOf(row));
  ascii(" blocks watched, ");
  unsigned(lostOf(row));
  ascii(" lost, ");
  unsigned(probablyLostOf(row));
  ascii(" probably, ");
  unsigned(heldOf(row));
  ascii(" held, ");
  unsigned(unsureOf(row));
  ascii(" unsure, after ");
  unsigned(passesOf(row));
  ascii(" passes");
  if (isBlind(row)) ascii("; the search is blind here");
  const length = holderLength(row);
  if (length) {
    ascii("; ");
    copy(holderText(row), length);
  }
  return <u32>(position() - output);
}

/** Writes that no baseline has the name in the input region, and which baselines exist. Returns the line's length. */
export function denyBaseline(nameLength: u32): u32 {
  begin(output, outputEnd);
  ascii('no baseline is named "');
  copy(input, min(nameLength, NAME_SHOWN));
  ascii('"; baselines: ');
  writeBaselines();
  return <u32>(position() - output);
}
