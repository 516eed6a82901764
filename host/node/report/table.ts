// SPDX-License-Identifier: Apache-2.0
//
// Rows as columns that fit a terminal's width. The last column is text and takes what the others leave; where that is too little, the
// columns that say least go first. Everything from a file has been made printable before it is measured.

import { printable } from "../../shared/printable.ts";
import { count } from "../../shared/units.ts";
import { keepEnd, width, type TextOptions } from "./text.ts";

export interface RenderOptions extends TextOptions {
  /** Columns of the terminal; Infinity where it is none. */
  columns: number;
  /** Rows of a table at most; 0 for all. */
  top: number;
}

export interface Column<Row> {
  title: string;
  cell(row: Row): string;
  /** It goes before others when room is scarce: the largest first. 0 stays. */
  spare?: number;
  left?: boolean;
}

const LOCATION_MIN = 32;
const GAP = "  ";

/** Lines of a table, the column's titles first. */
export function table<Row>(
  rows: Row[],
  all: Column<Row>[],
  options: RenderOptions,
  paint = (line: string, _: Row): string => line,
): string[] {
  const columns = [...all];
  const cells = new Map(columns.map((column) => [column, rows.map((row) => printable(column.cell(row)))]));
  const widthOf = (column: Column<Row>): number => Math.max(width(column.title), ...cells.get(column)!.map((cell) => width(cell)));
  const widths = new Map(columns.map((column) => [column, widthOf(column)]));
  const last = columns.at(-1)!;
  const taken = (): number => columns.slice(0, -1).reduce((sum, column) => sum + widths.get(column)! + GAP.length, GAP.length);
  const wanted = Math.min(LOCATION_MIN, widths.get(last)!);
  while (options.columns - taken() < wanted) {
    const spare = Math.max(...columns.map((column) => column.spare ?? 0));
    if (spare === 0) break;
    columns.splice(
      columns.findLastIndex((column) => (column.spare ?? 0) === spare),
      1,
    );
  }
  const room = Math.max(8, options.columns - taken());
  const line = (texts: (column: Column<Row>) => string): string => {
    const parts = columns.map((column) => {
      if (column === last) return keepEnd(texts(column), room);
      const text = texts(column);
      const blanks = " ".repeat(widths.get(column)! - width(text));
      return column.left ? text + blanks : blanks + text;
    });
    return GAP + parts.join(GAP);
  };
  const head = line((column) => column.title);
  return [
    head,
    ...rows.map((row, index) =>
      paint(
        line((column) => cells.get(column)![index]!),
        row,
      ),
    ),
  ];
}

export function topRows<Row>(rows: Row[], options: RenderOptions): Row[] {
  return options.top ? rows.slice(0, options.top) : rows;
}

export function ofAll(rows: number, options: RenderOptions): string {
  return options.top && rows > options.top ? ` (${options.top} of ${count(rows)}; --top 0 shows all)` : "";
}
