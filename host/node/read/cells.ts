// SPDX-License-Identifier: Apache-2.0
//
// Splits a row of a section into cells. The text column may contain ` | `, so a row is split from both ends.

import { sections, type Section } from "../../../format/format.ts";

const SEPARATOR = " | ";
const TEXTS = new Set(Object.values<Section>(sections).map(({ text }) => text.title));

/** Index of the text column: found by name, else the last column. */
export function textColumn(columns: readonly string[]): number {
  const found = columns.findIndex((column) => TEXTS.has(column));
  return found < 0 ? columns.length - 1 : found;
}

/** The column heads in a line. */
export function headsOf(line: string): string[] {
  const columns = line.split("|").map((column) => column.trim());
  if (columns.at(-1) === "") columns.pop();
  return columns;
}

/** The cells of a line; `text` is the index of the text column. Undefined if the line has too few cells. */
export function cellsOf(line: string, columns: number, text: number): string[] | undefined {
  const before: string[] = [];
  const behind: string[] = [];
  let start = 0;
  let end = line.length;
  for (let i = 0; i < text; ++i) {
    const next = line.indexOf(SEPARATOR, start);
    if (next < 0) return undefined;
    before.push(line.slice(start, next).trim());
    start = next + SEPARATOR.length;
  }
  for (let i = columns - 1; i > text; --i) {
    const next = line.lastIndexOf(SEPARATOR, end - 1);
    if (next < start - SEPARATOR.length || next < 0) return undefined;
    behind.unshift(line.slice(next + SEPARATOR.length, end).trim());
    end = next;
  }
  if (end < start) return undefined;
  return [...before, line.slice(start, end).trimEnd(), ...behind];
}
