// SPDX-License-Identifier: Apache-2.0
//
// How a section's columns stand in its lines.

import { classes, kinds, type Column, type Columns, type Section } from "./format.ts";

/** The columns before a section's text, those for each class or kind one by one. */
export function columnsBefore(section: Section): Column[] {
  return oneByOne(section.columns);
}

/** The columns behind it. */
export function columnsAfter(section: Section): Column[] {
  return oneByOne(section.after ?? []);
}

/** All columns but the text. */
export function columnsOf(section: Section): Column[] {
  return [...columnsBefore(section), ...columnsAfter(section)];
}

function oneByOne(columns: readonly (Column | Columns)[]): Column[] {
  return columns.flatMap((column) => {
    if (!("each" in column)) return [column];
    const entries =
      column.each === "kind" ? Object.values(kinds) : Object.values(classes).filter(({ holds }) => holds === "memory");
    const { width, unit, meaning } = column;
    return entries.map(({ title }) => ({ title, width, unit, meaning }));
  });
}

/** The heads of all columns. */
export function titlesOf(section: Section): string[] {
  const titles = (columns: Column[]): string[] => columns.map(({ title }) => title);
  return [...titles(columnsBefore(section)), section.text.title, ...titles(columnsAfter(section))];
}

/** The line of the heads. */
export function headOf(section: Section): string {
  const { title, width = 0 } = section.text;
  const cells = [...columnsBefore(section), { title, width }, ...columnsAfter(section)];
  const line = cells.map((column) => column.title.padEnd(column.width)).join(" | ");
  return section.after ? line.trimEnd() : line;
}

/** The line below it. */
export function ruleOf(section: Section): string {
  const { rule, width = 0 } = section.text;
  const before = columnsBefore(section).map(({ width }, index) => width + (index ? 2 : 1));
  const after = columnsAfter(section).map(({ width }) => width + 2);
  return [...before, rule ?? width + 2, ...after].map((length) => "-".repeat(length)).join("|");
}

/** Where each column before the text ends in a row, while no number outgrows its column. */
export function endsOf(section: Section): number[] {
  let end = -SEPARATOR;
  return columnsBefore(section).map(({ width }) => (end += SEPARATOR + width));
}

/** Bytes between two columns, a bar among them. */
export const SEPARATOR = 3;
