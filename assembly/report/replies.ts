// SPDX-License-Identifier: Apache-2.0
//
// Replies to plugin messages about the analysis, one line each in the output region.

import { writeBaselines } from "../analysis/baseline";
import { isActive, writeSeries } from "../analysis/series";
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
import { knownSites } from "../model/model";
import { reloadCount } from "../model/reloads";
import { samples } from "../model/timeline";
import { bytes as writeBytes, counted } from "../base/humanize";
import { input, output, outputEnd } from "../base/memory";
import { Row } from "../base/types";
import { ascii, begin, copy, position, unsigned } from "../base/writer";

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
  return <u32>(position() - output);
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
