// SPDX-License-Identifier: Apache-2.0
//
// Verify mode: the server's built-in tracker receives the same IOBuffer events, and each dump compares both accountants row by row.
// The host reads both between two events. Each counts from a different start, so the differences at the time verify was switched on
// are stored and subtracted.
//
// Per row, in 64-bit integers (allocs, frees, in-use each): the built-in tracker's counts, memtrack's counts under the built-in's
// definitions, and the offset.

import { CLASS_IOBUFFER, FACT_VERIFY } from "../abi";
import { VERIFY_SIZE } from "../base/memory";
import { Row, Site } from "../base/types";
import { setHeaderNumber } from "./facts";
import { isRow, knownSites, siteClass } from "./model";
import { rowOf } from "./rows";
import { rawAllocs, rawFrees, rawInUse, totalAllocs, totalFrees, totalInUse, verifyAt } from "./sums";


@unmanaged
export class Counts {
  allocs: i64;
  frees: i64;
  inUse: i64;
}

const COUNTS_SIZE: usize = offsetof<Counts>();

if (COUNTS_SIZE != VERIFY_SIZE / 3) ERROR("not the size that memory.ts tells");

/** The built-in tracker's counts of a row in the last dump with verify. */
export function builtinOf(row: Row): Counts {
  return changetype<Counts>(verifyAt(row));
}

/** memtrack's counts of a row, under the built-in's definitions. */
export function oursOf(row: Row): Counts {
  return changetype<Counts>(verifyAt(row) + COUNTS_SIZE);
}

function offsetOf(row: Row): Counts {
  return changetype<Counts>(verifyAt(row) + 2 * COUNTS_SIZE);
}

/** Clears the built-in tracker's counts of the last dump. */
export function verifyStart(): void {
  for (let row: Row = 0; row < knownSites(); ++row) clearCounts(builtinOf(row));
}

/** Adds a row of the built-in tracker. Rows with the same name add up. Returns 0, or -1 if this model does not know the site. */
export function verifyRow(site: Site, allocs: i64, frees: i64, inUse: i64): i32 {
  if (site >= knownSites()) return -1;
  const to = builtinOf(rowOf(site));
  to.allocs = to.allocs + allocs;
  to.frees = to.frees + frees;
  to.inUse = to.inUse + inUse;
  return 0;
}

/** Stores the present differences as the offsets: from now on both must agree. Called after the rows, before applyBaseline(). */
export function verifyMark(): void {
  setHeaderNumber(FACT_VERIFY, 1);
  for (let row: Row = 0; row < knownSites(); ++row) {
    const offset = offsetOf(row);
    clearCounts(offset);
    takeOurs(row);
    const ours = oursOf(row);
    const builtin = builtinOf(row);
    offset.allocs = ours.allocs - builtin.allocs;
    offset.frees = ours.frees - builtin.frees;
    offset.inUse = ours.inUse - builtin.inUse;
  }
}

/** Resets a reassigned number: counts of its former site do not belong to the next. */
export function verifyForget(site: Site): void {
  clearCounts(builtinOf(site));
  clearCounts(oursOf(site));
  const offset = offsetOf(site);
  offset.allocs = totalAllocs(site);
  offset.frees = totalFrees(site);
  offset.inUse = totalInUse(site);
}

/** Compares both accountants. Called after the rows, before applyBaseline(). Returns the number of rows that differ. */
export function verifyCompare(): u32 {
  let differing: u32 = 0;
  for (let row: Row = 0; row < knownSites(); ++row) {
    takeOurs(row);
    if (differs(row)) ++differing;
  }
  return differing;
}

/** Whether either accountant has counted anything for a row. */
export function isCompared(row: Row): bool {
  if (!isRow(row) || siteClass(row) != CLASS_IOBUFFER) return false;
  return hasCounts(builtinOf(row)) || hasCounts(oursOf(row));
}

export function differs(row: Row): bool {
  if (!isCompared(row)) return false;
  return memory.compare(changetype<usize>(builtinOf(row)), changetype<usize>(oursOf(row)), COUNTS_SIZE) != 0;
}

function takeOurs(row: Row): void {
  const ours = oursOf(row);
  const offset = offsetOf(row);
  ours.allocs = <i64>rawAllocs(row) - offset.allocs;
  ours.frees = <i64>rawFrees(row) - offset.frees;
  ours.inUse = rawInUse(row) - offset.inUse;
}

function hasCounts(counts: Counts): bool {
  return (counts.allocs | counts.frees | counts.inUse) != 0;
}

function clearCounts(counts: Counts): void {
  memory.fill(changetype<usize>(counts), 0, COUNTS_SIZE);
}
