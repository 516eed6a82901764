// SPDX-License-Identifier: Apache-2.0
//
// The tables of a dump: columns of a fixed width with bars between them. Which columns a section has is in format/format.ts. A row is
// begun, then its cells are written in their order, each as wide as its column; the last one is the caller's, and a line's end.

import { DASH, SPACE } from "../base/chars";
import { ascii, byte, copy, newline, padRight, position, repeat, signed, unsigned } from "../base/writer";
import { COLUMN_WIDTHS, SECTION_COLUMNS, SECTION_HEADS, SECTION_RULES, SECTION_TITLES } from "../format";

/** The column of the next cell. */
let column: u32 = 0;

/** SECTION_...: a blank line, and what the section's title begins with. The caller writes the rest of the line. */
export function title(section: u32): void {
  newline();
  ascii(unchecked(SECTION_TITLES[section]));
}

/** The heads of the columns, and the rule below them. */
export function head(section: u32): void {
  ascii(unchecked(SECTION_HEADS[section]));
  newline();
  rule(section);
}

export function rule(section: u32): void {
  ascii(unchecked(SECTION_RULES[section]));
  newline();
}

export function row(section: u32): void {
  column = unchecked(SECTION_COLUMNS[section]);
}

export function unsignedCell(value: u64): void {
  unsigned(value, nextWidth());
  bar();
}

export function signedCell(value: i64): void {
  signed(value, nextWidth());
  bar();
}

/** Of a number that is not known. */
export function unknownCell(): void {
  repeat(SPACE, nextWidth() - 1);
  byte(DASH);
  bar();
}

export function textCell(text: string): void {
  const from = position();
  ascii(text);
  padRight(from, nextWidth());
  bar();
}

/** A cell with a text that is in memory. */
export function copiedCell(from: usize, length: usize): void {
  const start = position();
  copy(from, length);
  padRight(start, nextWidth());
  bar();
}

/** Blanks, and none of the bar that would end the cell. */
export function noCell(): void {
  repeat(SPACE, nextWidth() + SEPARATOR.length);
}

const SEPARATOR: string = " | ";

function bar(): void {
  ascii(SEPARATOR);
}

function nextWidth(): i32 {
  return unchecked(COLUMN_WIDTHS[column++]);
}
