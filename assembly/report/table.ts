// SPDX-License-Identifier: Apache-2.0
//
// The tables of a dump: columns of a fixed width with bars between them. Which columns a section has is in format/format.ts. A row is
// begun, then its cells are written in order, each as wide as its column. The caller writes the text column, between beginText() and
// endText() if columns follow it.

import { DASH, SPACE } from "../base/chars";
import { ascii, byte, copy, newline, padRight, position, repeat, signed, unsigned } from "../base/writer";
import { COLUMN_WIDTHS, SECTION_COLUMNS, SECTION_HEADS, SECTION_RULES, SECTION_TEXT_WIDTHS, SECTION_TITLES } from "../format";

/** The column of the next cell. */
let column: u32 = 0;
/** Whether the text column is written: a bar then precedes each cell instead of following it. */
let behindText: bool = false;
/** Address at which the text column begins. */
let textStart: usize = 0;

/** SECTION_...: a blank line, and what the section's title begins with. The caller writes the rest of the line. */
export function title(section: u32): void {
  newline();
  ascii(unchecked(SECTION_TITLES[section]));
}

/** `86 sites`, or `top 20 of 86 sites`. */
export function shownOf(shown: u32, all: u32, what: string): void {
  if (shown < all) {
    ascii("top ");
    unsigned(shown);
    ascii(" of ");
  }
  unsigned(all);
  byte(SPACE);
  ascii(what);
  if (all != 1) ascii("s");
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
  behindText = false;
}

export function beginText(): void {
  textStart = position();
}

/** Pads the text column. Columns follow it. */
export function endText(section: u32): void {
  padRight(textStart, unchecked(SECTION_TEXT_WIDTHS[section]));
  behindText = true;
}

export function unsignedCell(value: u64): void {
  begin();
  unsigned(value, nextWidth());
  end();
}

export function signedCell(value: i64): void {
  begin();
  signed(value, nextWidth());
  end();
}

/** Of a number that is not known. */
export function unknownCell(): void {
  begin();
  repeat(SPACE, nextWidth() - 1);
  byte(DASH);
  end();
}

export function textCell(text: string): void {
  begin();
  const from = position();
  ascii(text);
  padRight(from, nextWidth());
  end();
}

/** A cell with a text that is in memory. */
export function copiedCell(from: usize, length: usize): void {
  begin();
  const start = position();
  copy(from, length);
  padRight(start, nextWidth());
  end();
}

/** Blanks, and none of the bar that would end the cell. */
export function noCell(): void {
  repeat(SPACE, nextWidth() + SEPARATOR.length);
}

const SEPARATOR: string = " | ";

function begin(): void {
  if (behindText) ascii(SEPARATOR);
}

function end(): void {
  if (!behindText) ascii(SEPARATOR);
}

function nextWidth(): i32 {
  return unchecked(COLUMN_WIDTHS[column++]);
}
