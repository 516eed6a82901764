// SPDX-License-Identifier: Apache-2.0
//
// The section of verify mode: what memtrack and the built-in tracker counted of IOBuffers, and the rows on which they disagree.
//
// Both begin to count at some time, and buffers from before that time are released later. If a row has released more bytes than it
// allocated, the excess is removed from both counts, so that no number is negative and differences are kept.

import { CLASS_IOBUFFER } from "../abi";
import { SPACE } from "../base/chars";
import { bytes } from "../base/humanize";
import { Row } from "../base/types";
import { ascii, byte, newline, unsigned } from "../base/writer";
import { SECTION_VERIFY } from "../format";
import { isRow, knownSites, siteClass } from "../model/model";
import { builtinOf, Counts, differs, isCompared, oursOf } from "../model/verify";
import { show } from "../registry/name";
import * as table from "./table";

const OURS: string = "memtrack";
const BUILTIN: string = "built-in";

/** Writes the section of a dump: both totals, the number of rows that differ, and each such row. */
export function renderVerify(): void {
  let compared: u32 = 0;
  let differing: u32 = 0;
  let older: i64 = 0;
  for (let row: Row = 0; row < knownSites(); ++row) {
    if (!isCompared(row)) continue;
    ++compared;
    if (differs(row)) ++differing;
    older += olderBytes(row);
  }
  table.title(SECTION_VERIFY);
  byte(SPACE);
  unsigned(differing);
  ascii(" of ");
  unsigned(compared);
  ascii(" rows differ");
  if (older) {
    ascii("; without ");
    bytes(<u64>older);
    ascii(" of buffers from before counting began");
  }
  newline();
  table.head(SECTION_VERIFY);
  totalLine(true);
  totalLine(false);
  for (let row: Row = 0; row < knownSites(); ++row) {
    if (!differs(row)) continue;
    rowLine(row, oursOf(row), OURS);
    rowLine(row, builtinOf(row), BUILTIN);
  }
}

function totalLine(ours: bool): void {
  let allocs: i64 = 0;
  let frees: i64 = 0;
  let inUse: i64 = 0;
  for (let row: Row = 0; row < knownSites(); ++row) {
    if (!isRow(row) || siteClass(row) != CLASS_IOBUFFER) continue;
    const counts = ours ? oursOf(row) : builtinOf(row);
    allocs += counts.allocs;
    frees += counts.frees;
    inUse += counts.inUse + olderBytes(row);
  }
  line(allocs, frees, inUse, ours ? OURS : BUILTIN);
  ascii("TOTAL\n");
}

function rowLine(row: Row, counts: Counts, accountant: string): void {
  line(counts.allocs, counts.frees, counts.inUse + olderBytes(row), accountant);
  show(row);
  newline();
}

/** Released bytes of buffers that were allocated before counting began. */
function olderBytes(row: Row): i64 {
  return max<i64>(0, max(-oursOf(row).inUse, -builtinOf(row).inUse));
}

function line(allocs: i64, frees: i64, inUse: i64, accountant: string): void {
  table.row(SECTION_VERIFY);
  table.signedCell(allocs);
  table.signedCell(frees);
  table.signedCell(inUse);
  table.textCell(accountant);
}
