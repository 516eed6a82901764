// SPDX-License-Identifier: Apache-2.0
//
// The section of verify mode: what memtrack and the built-in tracker counted of IOBuffers, and the rows on which they disagree.

import { CLASS_IOBUFFER } from "../abi";
import { ascii, byte, copy, signed, unsigned } from "../base/writer";
import { isRow, knownSites, siteClass } from "../model/model";
import { verifyAt } from "../model/sums";
import { ALLOCS, BUILTIN, differs, FREES, IN_USE, isCompared, OURS } from "../model/verify";
import { lengthOf, textOf } from "../registry/name";
import { bar } from "./table";

/** Writes the section of a dump: both totals, the number of rows that differ, and each such row. */
export function renderVerify(): void {
  let compared: u32 = 0;
  let differing: u32 = 0;
  for (let row: u32 = 0; row < knownSites(); ++row) {
    if (!isCompared(row)) continue;
    ++compared;
    if (differs(row)) ++differing;
  }
  ascii("\nVerify: IOBuffer events counted by memtrack and by the built-in tracker, ");
  unsigned(differing);
  ascii(" of ");
  unsigned(compared);
  ascii(" rows differ\n");
  ascii("Allocs     | Frees      | Size In-use          | Accountant | Location\n");
  ascii("-----------|------------|----------------------|------------|------------------------------\n");
  line(sum(OURS, ALLOCS), sum(OURS, FREES), sum(OURS, IN_USE), "memtrack");
  ascii("TOTAL\n");
  line(sum(BUILTIN, ALLOCS), sum(BUILTIN, FREES), sum(BUILTIN, IN_USE), "built-in");
  ascii("TOTAL\n");
  for (let row: u32 = 0; row < knownSites(); ++row) {
    if (!differs(row)) continue;
    rowLine(row, OURS, "memtrack");
    rowLine(row, BUILTIN, "built-in");
  }
}

function rowLine(row: u32, whose: usize, accountant: string): void {
  const at = verifyAt(row) + whose;
  line(load<i64>(at, ALLOCS), load<i64>(at, FREES), load<i64>(at, IN_USE), accountant);
  copy(textOf(row), lengthOf(row));
  byte(0x0a);
}

function line(allocs: i64, frees: i64, inUse: i64, accountant: string): void {
  signed(allocs, 10);
  bar();
  signed(frees, 10);
  bar();
  signed(inUse, 20);
  bar();
  ascii(accountant);
  ascii("   | ");
}

function sum(whose: usize, field: usize): i64 {
  let total: i64 = 0;
  for (let row: u32 = 0; row < knownSites(); ++row) {
    if (isRow(row) && siteClass(row) == CLASS_IOBUFFER) total += load<i64>(verifyAt(row) + whose + field);
  }
  return total;
}
