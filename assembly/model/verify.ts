// SPDX-License-Identifier: Apache-2.0
//
// Verify mode: the server's built-in tracker is told the same IOBuffer events, and each dump compares the two accountants row by
// row. The host takes both at one moment, between two events. Each counts from a moment of its own, so what they differed by when
// verify was switched on is kept, and counts as no difference.
//
// Per row, in 64-bit integers (allocs, frees, in-use each): the built-in's, ours in the built-in's terms, and the offset.

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

/** The built-in's counts of a row, as of the last dump with verify. */
export function builtinOf(row: Row): Counts {
  return changetype<Counts>(verifyAt(row));
}

/** Ours, in the built-in's terms. */
export function oursOf(row: Row): Counts {
  return changetype<Counts>(verifyAt(row) + COUNTS_SIZE);
}

function offsetOf(row: Row): Counts {
  return changetype<Counts>(verifyAt(row) + 2 * COUNTS_SIZE);
}

/** Forgets the built-in's counts of the last dump. */
export function verifyStart(): void {
  for (let row: Row = 0; row < knownSites(); ++row) clearCounts(builtinOf(row));
}

/** One row of the built-in tracker. Rows with one name add up. Returns 0, or -1 where this model does not know the site. */
export function verifyRow(site: Site, allocs: i64, frees: i64, inUse: i64): i32 {
  if (site >= knownSites()) return -1;
  const to = builtinOf(rowOf(site));
  to.allocs = to.allocs + allocs;
  to.frees = to.frees + frees;
  to.inUse = to.inUse + inUse;
  return 0;
}

/** From now on the two are to agree: keeps what they differ by. Called after the rows, before applyBaseline(). */
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

/** The number of a site is given again: what it counted is not the next one's. */
export function verifyForget(site: Site): void {
  clearCounts(builtinOf(site));
  clearCounts(oursOf(site));
  const offset = offsetOf(site);
  offset.allocs = totalAllocs(site);
  offset.frees = totalFrees(site);
  offset.inUse = totalInUse(site);
}

/** Compares. Called after the rows, before applyBaseline(). Returns the number of rows that differ. */
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
