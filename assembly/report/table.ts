// SPDX-License-Identifier: Apache-2.0
//
// What the tables of a dump are made of: columns of a fixed width with bars between them.

import { BAR, DASH, NEWLINE } from "../base/chars";
import { ascii, byte, padRight, position, repeat } from "../base/writer";

export function bar(): void {
  ascii(" | ");
}

/** A text with blanks behind it, `width` wide. */
export function padded(text: string, width: usize): void {
  const from = position();
  ascii(text);
  padRight(from, width);
}

/** The title of a column that is not the last. */
export function column(title: string, width: usize): void {
  padded(title, width);
  bar();
}

/** The rule under the title of a column: of one that is not the last up to its bar, else up to the line's end. */
export function rule(width: i32, more: bool): void {
  repeat(DASH, width);
  byte(more ? BAR : NEWLINE);
}
