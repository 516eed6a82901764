// SPDX-License-Identifier: Apache-2.0
//
// The sections of the search for references: what it found of each row that it watched, the ones with most lost blocks first, and for
// each row with held blocks the chain that holds most of them.
//
//   Search: 2 rows whose blocks were searched for references
//   No  | Proof    | Watched | Lost  | ... | Location
//     1 | lost     |      64 |    61 | ... | memory/plugin/foo.so handler (foo.c:88)
//     2 | held     |      64 |     0 | ... | memory/plugin/foo.so cache_insert (foo.c:120)
//
//   Holders of searched rows: from the block to the root
//   No  | Share % | Holder
//     2 |     100 | held by foo.so table (.bss)

import { MEASURE_NOW, SEARCHED_MAX } from "../abi";
import { proofOf } from "../analysis/proof";
import { offered, rank, ranked, rankedCount, rankingStart } from "../analysis/ranking";
import { isActive, writeSeries } from "../analysis/series";
import { BAR, isControl, QUESTION_MARK, SPACE } from "../base/chars";
import { Row } from "../base/types";
import { ascii, byte, newline } from "../base/writer";
import { SECTION_HOLDERS, SECTION_SEARCH } from "../format";
import { measureOf } from "../model/environment";
import {
  blocksOf,
  heldOf,
  holderLength,
  holderShareOf,
  holderText,
  isSearched,
  lastPassOf,
  lostEstimateOf,
  lostOf,
  passesOf,
  probablyLostOf,
  unsureOf,
  watchedOf,
} from "../model/findings";
import { knownSites } from "../model/model";
import { proofName, rowKindName } from "./labels";
import * as table from "./table";

/** What separates two holders of a chain. */
const BY: string = " <- ";
const HELD_BY: string = "held by ";

/** Writes the sections, or nothing if nothing was searched. */
export function renderSearch(): void {
  rankingStart(SEARCHED_MAX);
  for (let row: Row = 0; row < knownSites(); ++row) {
    if (isActive(row) && isSearched(row)) rank(row, (lostEstimateOf(row) << 8) + heldOf(row) + 1);
  }
  if (!rankedCount()) return;
  table.title(SECTION_SEARCH);
  byte(SPACE);
  table.shownOf(rankedCount(), offered, "row");
  ascii(" whose blocks were searched for references\n");
  table.head(SECTION_SEARCH);
  for (let i: u32 = 0; i < rankedCount(); ++i) line(i + 1, ranked(i));
  let any = false;
  for (let i: u32 = 0; i < rankedCount(); ++i) {
    if (!holderLength(ranked(i))) continue;
    if (!any) beginHolders();
    any = true;
    table.row(SECTION_HOLDERS);
    table.unsignedCell(i + 1);
    table.unsignedCell(holderShareOf(ranked(i)));
    writeChain(ranked(i));
    newline();
  }
}

function line(number: u32, row: Row): void {
  table.row(SECTION_SEARCH);
  table.unsignedCell(number);
  table.textCell(proofName(proofOf(row)));
  table.unsignedCell(watchedOf(row));
  table.unsignedCell(lostOf(row));
  table.unsignedCell(probablyLostOf(row));
  table.unsignedCell(heldOf(row));
  table.unsignedCell(unsureOf(row));
  table.unsignedCell(passesOf(row));
  const at = lastPassOf(row);
  if (at) table.unsignedCell(measureOf(MEASURE_NOW) - min(measureOf(MEASURE_NOW), at));
  else table.unknownCell();
  table.unsignedCell(blocksOf(row));
  table.unsignedCell(lostEstimateOf(row));
  table.textCell(rowKindName(row));
  writeSeries(row);
  newline();
}

function beginHolders(): void {
  table.title(SECTION_HOLDERS);
  ascii(" from the block to the root\n");
  table.head(SECTION_HOLDERS);
}

/** `held by foo.so cache_insert (foo.c:120) <- foo.so table (.bss)`. */
export function writeChain(row: Row): void {
  writeSafely(holderText(row), holderLength(row));
}

/** The first holder, `held by foo.so cache_insert (foo.c:120)`; returns false if none is known. */
export function writeHolder(row: Row): bool {
  const length = holderLength(row);
  const text = holderText(row);
  if (!length) return false;
  let end: u32 = HELD_BY.length;
  while (end < length && !isSeparator(text + end, length - end)) ++end;
  writeSafely(text, end);
  return true;
}

function isSeparator(at: usize, left: u32): bool {
  if (left < <u32>BY.length) return false;
  for (let i = 0; i < BY.length; ++i) if (<u32>load<u8>(at + i) != <u32>BY.charCodeAt(i)) return false;
  return true;
}

/** Without what would end a cell or the line. */
function writeSafely(from: usize, length: u32): void {
  for (let i: u32 = 0; i < length; ++i) {
    const c = <u32>load<u8>(from + i);
    byte(isControl(c) || c == BAR ? QUESTION_MARK : c);
  }
}
