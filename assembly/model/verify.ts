// SPDX-License-Identifier: Apache-2.0
//
// Verify mode: the server's built-in tracker is told the same IOBuffer events, and each dump compares the two accountants row by
// row. The host takes both at one moment, between two events. Each counts from a moment of its own, so what they differed by when
// verify was switched on is kept, and counts as no difference.
//
// Per row, in 64-bit integers (allocs, frees, in-use each): the built-in's, ours in the built-in's terms, and the offset.

import { CLASS_IOBUFFER, FACT_VERIFY } from "../abi";
import { fact } from "./facts";
import { isRow, knownSites, siteClass } from "./model";
import { rowOf } from "./rows";
import { rawAllocs, rawFrees, rawInUse, totalAllocs, totalFrees, totalInUse, verifyAt } from "./sums";

export const ALLOCS: usize = 0;
export const FREES: usize = 8;
export const IN_USE: usize = 16;
export const BUILTIN: usize = 0;
export const OURS: usize = 24;
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

function takeOurs(row: u32): void {
  const at = verifyAt(row);
  store<i64>(at + OURS, <i64>rawAllocs(row) - load<i64>(at + OFFSET, ALLOCS), ALLOCS);
  store<i64>(at + OURS, <i64>rawFrees(row) - load<i64>(at + OFFSET, FREES), FREES);
  store<i64>(at + OURS, rawInUse(row) - load<i64>(at + OFFSET, IN_USE), IN_USE);
}

/** Whether the row is one that either accountant has counted anything for. */
export function isCompared(row: u32): bool {
  if (!isRow(row) || siteClass(row) != CLASS_IOBUFFER) return false;
  const at = verifyAt(row);
  for (let field: usize = 0; field < OFFSET; field += sizeof<i64>()) if (load<i64>(at + field)) return true;
  return false;
}

export function differs(row: u32): bool {
  return isCompared(row) && memory.compare(verifyAt(row) + BUILTIN, verifyAt(row) + OURS, OURS - BUILTIN) != 0;
}
