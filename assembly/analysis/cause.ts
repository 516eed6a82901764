// SPDX-License-Identifier: Apache-2.0
//
// Decides which suspects have the same cause. Rows of one owner and one function do, whatever their class and line, because a function
// that leaks an object also leaks the memory of the object. All OpenSSL rows of one owner do, because one leaked connection shows up in
// some twenty of OpenSSL's files. All freelists do, because a transaction that is never let go keeps objects in ten of them. An owner
// that is a suspect as a whole is a separate cause, and so is the remainder.
//
//   memory/plugin/foo.so handler (foo.c:88)     function: memory/plugin/foo.so handler
//   memory/plugin/foo.so handler+0x1a           the same function
//   memory/plugin/foo.so+0x1a2b                 unknown function: each address is a separate cause
//   memory/IOBuffer/HttpSM.cc:7055              each line of the server is a separate cause

import { CLASS_FREELIST, CLASS_OPENSSL } from "../abi";
import { CLOSING_PARENTHESIS, COLON, isDigit, LETTER_X, OPENING_PARENTHESIS, PLUS, SPACE, ZERO } from "../base/chars";
import { Row, Series } from "../base/types";
import { siteClass } from "../model/model";
import { lengthOf, ownerOfSite, textOf } from "../registry/name";
import { isRowSeries } from "./series";

/** Whether two suspects have the same cause. */
export function isSameCause(a: Series, b: Series): bool {
  if (!isRowSeries(a) || !isRowSeries(b)) return a == b;
  if (ownerOfSite(a) != ownerOfSite(b)) return false;
  if (isOneCause(a) || isOneCause(b)) return siteClass(a) == siteClass(b);
  const length = functionLength(a);
  return length == functionLength(b) && memory.compare(textOf(a), textOf(b), length) == 0;
}

/** Whether all rows of this row's class and owner have the same cause. */
export function isOneCause(series: Series): bool {
  return isRowSeries(series) && (siteClass(series) == CLASS_OPENSSL || siteClass(series) == CLASS_FREELIST);
}

/** Length of the part of a row's text that names its function; the whole text if it names none. */
export function functionLength(row: Row): u32 {
  const place = placeStart(row);
  if (place) return place;
  const offset = offsetStart(row);
  return offset ? offset : lengthOf(row);
}

/** Offset of the last ` (file:line)` in a row's text, or 0. */
function placeStart(row: Row): u32 {
  for (let end = lengthOf(row); end > 3; --end) {
    if (charAt(row, end - 1) != CLOSING_PARENTHESIS) continue;
    let at = end - 2;
    while (at > 1 && isDigit(charAt(row, at))) --at;
    if (at == end - 2 || charAt(row, at) != COLON) continue;
    for (; at > 1; --at) if (charAt(row, at) == OPENING_PARENTHESIS && charAt(row, at - 1) == SPACE) return at - 1;
  }
  return 0;
}

/** Offset of `+0x...` after a function's name, which follows a blank, or 0. */
function offsetStart(row: Row): u32 {
  let blank = false;
  let found: u32 = 0;
  for (let i: u32 = 0; i + 2 < lengthOf(row); ++i) {
    if (charAt(row, i) == SPACE) blank = true;
    if (blank && charAt(row, i) == PLUS && charAt(row, i + 1) == ZERO && charAt(row, i + 2) == LETTER_X) found = i;
  }
  return found;
}

function charAt(row: Row, i: u32): u32 {
  return load<u8>(textOf(row) + i);
}
