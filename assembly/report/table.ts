// SPDX-License-Identifier: Apache-2.0
//
// The tables of a dump: columns of fixed width, separated by bars. The columns of each section are defined in format/format.ts. After
// row(), write the cells in order, each as wide as its column. The caller writes the text column; if columns follow it, between
// beginText() and endText().

import { DASH, SPACE } from "../base/chars";
import { ascii, byte, copy, newline, padRight, position, repeat, signed, unsigned } from "../base/writer";
import { COLUMN_WIDTHS, SECTION_COLUMNS, SECTION_HEADS, SECTION_RULES, SECTION_TEXT_WIDTHS, SECTION_TITLES } from "../format";

/** The column of the next cell. */
let column: u32 = 0;
/** Whether the text column is written: a bar then precedes each cell instead of following it. */
let behindText: bool = false;
/** Address at which a cell of the caller begins. */
let cellStart: usize = 0;
/** Address at which the text column begins. */
let textStart: usize = 0;

/** Writes a blank line and the beginning of a section's title (SECTION_...). The caller writes the rest of the line. */
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

/** Writes the column heads and the rule below them. */
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

/** Pads the text column, which is followed by further columns. */
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

/** A cell for an unknown number. */
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

/** A cell with text copied from memory. */
export function copiedCell(from: usize, length: usize): void {
  begin();
  const start = position();
  copy(from, length);
  padRight(start, nextWidth());
  end();
}

/** Begins and ends a cell that the caller writes, padded to its width. */
export function beginCell(): void {
  begin();
  cellStart = position();
}
export function endCell(): void {
  padRight(cellStart, nextWidth());
  end();
}

/** An empty cell, without a bar. */
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
