// SPDX-License-Identifier: Apache-2.0
//
// Layout of a section: its columns, the line of its headings, and the rule.

import { classes, kinds, type Column, type Columns, type Section } from "./format.ts";

/** The columns before a section's text. A column for each class or kind is expanded to one column per class or kind. */
export function columnsBefore(section: Section): Column[] {
  return oneByOne(section.columns);
}

/** The columns after the text, expanded likewise. */
export function columnsAfter(section: Section): Column[] {
  return oneByOne(section.after ?? []);
}

/** All columns except the text. */
export function columnsOf(section: Section): Column[] {
  return [...columnsBefore(section), ...columnsAfter(section)];
}

function oneByOne(columns: readonly (Column | Columns)[]): Column[] {
  return columns.flatMap((column) => {
    if (!("each" in column)) return [column];
    const entries = column.each === "kind" ? Object.values(kinds) : Object.values(classes);
    const { width, unit, meaning } = column;
    return entries.map(({ title }) => ({ title, width, unit, meaning }));
  });
}

/** The headings of all columns. */
export function titlesOf(section: Section): string[] {
  const titles = (columns: Column[]): string[] => columns.map(({ title }) => title);
  return [...titles(columnsBefore(section)), section.text.title, ...titles(columnsAfter(section))];
}

/** The line of the headings. */
export function headOf(section: Section): string {
  const { title, width = 0 } = section.text;
  const cells = [...columnsBefore(section), { title, width }, ...columnsAfter(section)];
  const line = cells.map((column) => column.title.padEnd(column.width)).join(" | ");
  return section.after ? line.trimEnd() : line;
}

/** The rule below the headings. */
export function ruleOf(section: Section): string {
  const { rule, width = 0 } = section.text;
  const before = columnsBefore(section).map(({ width }, index) => width + (index ? 2 : 1));
  const after = columnsAfter(section).map(({ width }) => width + 2);
  return [...before, rule ?? width + 2, ...after].map((length) => "-".repeat(length)).join("|");
}

/** Offset in a row at which each column before the text ends, if no number is wider than its column. */
export function endsOf(section: Section): number[] {
  let end = -SEPARATOR;
  return columnsBefore(section).map(({ width }) => (end += SEPARATOR + width));
}

/** Number of bytes between two columns, including the bar. */
export const SEPARATOR = 3;
