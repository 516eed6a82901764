// SPDX-License-Identifier: Apache-2.0
//
// Verify mode: the server's built-in tracker is told the same IOBuffer events, and each dump compares the two accountants row by
// row. The host takes both at one moment, between two events. Each counts from a moment of its own, so what they differed by when
// verify was switched on is kept, and counts as no difference.
//
// Per row, in 64-bit integers (allocs, frees, in-use each): the built-in's, ours in the built-in's terms, and the offset.

import { CLASS_IOBUFFER, FACT_VERIFY } from "../abi";
import { fact } from "../report/header";
import {
  isRow,
  knownSites,
  rawAllocs,
  rawFrees,
  rawInUse,
  siteClass,
  totalAllocs,
  totalFrees,
  totalInUse,
  verifyAt,
} from "./model";
import { lengthOf, textOf } from "../registry/name";
import { rowOf } from "./rows";
import { ascii, byte, copy, signed, unsigned } from "../base/writer";

const ALLOCS: usize = 0;
const FREES: usize = 8;
const IN_USE: usize = 16;
const BUILTIN: usize = 0;
const OURS: usize = 24;
const OFFSET: usize = 48;

/** Forgets the built-in's counts of the last dump. */
export function verifyStart(): void {
  for (let row: u32 = 0; row < knownSites(); ++row) memory.fill(verifyAt(row) + BUILTIN, 0, OURS - BUILTIN);
}

/** One row of the built-in tracker. Rows with one name add up. Returns 0, or -1 where this model does not know the site. */
export function verifyRow(site: u32, allocs: i64, frees: i64, inUse: i64): i32 {
  if (site >= knownSites()) return -1;
  const at = verifyAt(rowOf(site)) + BUILTIN;
  store<i64>(at, load<i64>(at, ALLOCS) + allocs, ALLOCS);
  store<i64>(at, load<i64>(at, FREES) + frees, FREES);
  store<i64>(at, load<i64>(at, IN_USE) + inUse, IN_USE);
  return 0;
}

/** From now on the two are to agree: keeps what they differ by. Called after the rows, before settle(). */
export function verifyMark(): void {
  fact(FACT_VERIFY, 1);
  for (let row: u32 = 0; row < knownSites(); ++row) {
    const at = verifyAt(row);
    memory.fill(at + OFFSET, 0, OFFSET - OURS);
    takeOurs(row);
    store<i64>(at + OFFSET, load<i64>(at + OURS, ALLOCS) - load<i64>(at + BUILTIN, ALLOCS), ALLOCS);
    store<i64>(at + OFFSET, load<i64>(at + OURS, FREES) - load<i64>(at + BUILTIN, FREES), FREES);
    store<i64>(at + OFFSET, load<i64>(at + OURS, IN_USE) - load<i64>(at + BUILTIN, IN_USE), IN_USE);
  }
}

/** The number of a site is given again: what it counted is not the next one's. */
export function verifyForget(site: u32): void {
  const at = verifyAt(site);
  memory.fill(at, 0, OFFSET);
  store<u64>(at + OFFSET, totalAllocs(site), ALLOCS);
  store<u64>(at + OFFSET, totalFrees(site), FREES);
  store<i64>(at + OFFSET, totalInUse(site), IN_USE);
}

/** Compares. Called after the rows, before settle(). Returns the number of rows that differ. */
export function verifyCompare(): u32 {
  let differing: u32 = 0;
  for (let row: u32 = 0; row < knownSites(); ++row) {
    takeOurs(row);
    if (differs(row)) ++differing;
  }
  return differing;
}

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
  ascii(" | ");
  signed(frees, 10);
  ascii(" | ");
  signed(inUse, 20);
  ascii(" | ");
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

function takeOurs(row: u32): void {
  const at = verifyAt(row);
  store<i64>(at + OURS, <i64>rawAllocs(row) - load<i64>(at + OFFSET, ALLOCS), ALLOCS);
  store<i64>(at + OURS, <i64>rawFrees(row) - load<i64>(at + OFFSET, FREES), FREES);
  store<i64>(at + OURS, rawInUse(row) - load<i64>(at + OFFSET, IN_USE), IN_USE);
}

/** Whether the row is one that either accountant has counted anything for. */
function isCompared(row: u32): bool {
  if (!isRow(row) || siteClass(row) != CLASS_IOBUFFER) return false;
  const at = verifyAt(row);
  for (let field: usize = 0; field < OFFSET; field += sizeof<i64>()) if (load<i64>(at + field)) return true;
  return false;
}

function differs(row: u32): bool {
  return isCompared(row) && memory.compare(verifyAt(row) + BUILTIN, verifyAt(row) + OURS, OURS - BUILTIN) != 0;
}
