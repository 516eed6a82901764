// SPDX-License-Identifier: Apache-2.0
//
// Rows as columns that fit a terminal. The last column is text and takes the remaining width; if that is too little, other columns are
// omitted, and a line below the table names them. Everything from a file is made printable before it is measured.

import { printable } from "../../shared/printable.ts";
import { count, localTime } from "../../shared/units.ts";
import { bold, cut, width, wrap, type TextOptions } from "./text.ts";

export interface RenderOptions extends TextOptions {
  /** Width of the terminal in columns; Infinity if it is none. */
  columns: number;
  /** Maximum number of rows per table; 0 for all. */
  top: number;
  /** Print the local time as well as UTC. */
  local: boolean;
  /** For a screen: one line per suspect. */
  brief?: boolean;
}

export interface Column<Row> {
  title: string;
  cell(row: Row): string;
  /** The column may be omitted: if it is empty, or if the table is too wide, the largest number first. 0 stays. */
  spare?: number;
  left?: boolean;
  /** Shortens a cell of the last column. */
  fit?(cell: string, row: Row, columns: number): string;
}

/** A column with its cells, made printable. */
interface Filled<Row> {
  column: Column<Row>;
  cells: string[];
  width: number;
}

/** Minimum width of the text. Other columns are omitted for it, and the least important ones (a `spare` above LITTLE) for more. */
const TEXT_MIN = 34;
const TEXT_WHOLE = 44;
const LITTLE = 2;
const TEXT_LEAST = 8;
const GAP = "  ";
const EMPTY = new Set(["", "-", "0", "0 B"]);

/** The lines of a table, beginning with the column titles. */
export function table<Row>(
  rows: Row[],
  all: Column<Row>[],
  options: RenderOptions,
  paint = (line: string, _: Row): string => line,
): string[] {
  const filled = all.map((column) => fill(column, rows)).filter((entry) => !entry.column.spare || !isEmpty(entry));
  const { shown, left, needed } = choose(filled, options.columns);
  const room = Math.max(TEXT_LEAST, options.columns - taken(shown));
  const line = (texts: string[]): string => {
    const parts = shown.map(({ column, width: columns }, index) => {
      const text = texts[index]!;
      if (index === shown.length - 1) return text;
      const blanks = " ".repeat(columns - width(text));
      return column.left ? text + blanks : blanks + text;
    });
    return (GAP + parts.join(GAP)).trimEnd();
  };
  const body = rows.map((row, index) => {
    const cells = shown.map((entry) => entry.cells[index]!);
    const { fit = (cell) => cut(cell, room, "start") } = shown.at(-1)!.column;
    return paint(line([...cells.slice(0, -1), fit(cells.at(-1)!, row, room)]), row);
  });
  const hidden = left.map(({ column }) => column.title).join(", ");
  const note = hidden ? wrap(`+ ${hidden}: --width ${needed} shows all columns`, options.columns - 2 * GAP.length) : [];
  return [
    line(shown.map(({ column }, index) => (index === shown.length - 1 ? cut(column.title, room, "start") : column.title))),
    ...body,
    ...note.map((text, index) => `${index ? GAP : ""}${GAP}${text}`),
  ];
}

function fill<Row>(column: Column<Row>, rows: Row[]): Filled<Row> {
  const cells = rows.map((row) => printable(column.cell(row)));
  const widest = cells.reduce((most, cell) => Math.max(most, width(cell)), width(column.title));
  return { column, cells, width: widest };
}

function isEmpty<Row>({ cells }: Filled<Row>): boolean {
  return cells.every((cell) => EMPTY.has(cell));
}

/** Width of the columns before the last one, with the gaps. */
function taken<Row>(filled: Filled<Row>[]): number {
  return filled.slice(0, -1).reduce((sum, entry) => sum + entry.width + GAP.length, GAP.length);
}

/** Columns that fit, columns that do not, and the width at which all fit. */
function choose<Row>(filled: Filled<Row>[], columns: number): { shown: Filled<Row>[]; left: Filled<Row>[]; needed: number } {
  const spareOf = (of: Filled<Row>[]): number => Math.max(...of.map(({ column }) => column.spare ?? 0));
  const textFor = (spare: number): number => Math.min(spare > LITTLE ? TEXT_WHOLE : TEXT_MIN, filled.at(-1)!.width);
  const shown = [...filled];
  for (;;) {
    const spare = spareOf(shown);
    if (spare === 0 || columns - taken(shown) >= textFor(spare)) break;
    shown.splice(
      shown.findLastIndex(({ column }) => column.spare === spare),
      1,
    );
  }
  return { shown, left: filled.filter((entry) => !shown.includes(entry)), needed: taken(filled) + textFor(spareOf(filled)) };
}

/** @param kept a row that is always shown, after the others */
export function topRows<Row>(rows: Row[], options: RenderOptions, kept?: Row): Row[] {
  if (!options.top) return rows;
  const top = rows.slice(0, options.top);
  return kept === undefined || top.includes(kept) ? top : [...top, kept];
}

/** A title; in parentheses behind it, whether rows are left out, and a further note. */
export function titled(title: string, rows: number, options: RenderOptions, note = ""): string {
  const part = options.top && rows > options.top ? `${options.top} of ${count(rows)}; --top 0 shows all` : "";
  const notes = [part, note].filter(Boolean).join("; ");
  return bold(notes ? `${title} (${notes})` : title, options);
}

/** A line with the local times of the first and last dump, unless local time is UTC. */
export function localTimes(first: number | undefined, last: number | undefined, { local }: RenderOptions): string[] {
  if (!local || last === undefined || !new Date(last * 1000).getTimezoneOffset()) return [];
  return [`local time: ${first === undefined || first === last ? "" : `${localTime(first)} to `}${localTime(last)}`];
}
