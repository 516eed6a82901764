// SPDX-License-Identifier: Apache-2.0
//
// How a section's columns stand in its lines.

import { classes, kinds, type Column, type Section } from "./format.ts";

/** The columns of a section but the last one, those for each class or kind one by one. */
export function columnsOf(section: Section): Column[] {
  return section.columns.flatMap((column) => {
    if (!("each" in column)) return [column];
    const entries =
      column.each === "kind" ? Object.values(kinds) : Object.values(classes).filter(({ holds }) => holds === "memory");
    const { width, unit, meaning } = column;
    return entries.map(({ title }) => ({ title, width, unit, meaning }));
  });
}

/** The heads of all columns. */
export function titlesOf(section: Section): string[] {
  return [...columnsOf(section).map(({ title }) => title), section.last.title];
}

/** The line of the heads. */
export function headOf(section: Section): string {
  const { title, width = 0 } = section.last;
  return [...columnsOf(section), { title, width }].map((column) => column.title.padEnd(column.width)).join(" | ");
}

/** The line below it. */
export function ruleOf(section: Section): string {
  const dashes = columnsOf(section).map(({ width }, index) => width + (index ? 2 : 1));
  return [...dashes, section.last.rule].map((length) => "-".repeat(length)).join("|");
}

/** Where each column but the last one ends in a row, while no number outgrows its column. */
export function endsOf(section: Section): number[] {
  let end = -SEPARATOR;
  return columnsOf(section).map(({ width }) => (end += SEPARATOR + width));
}

/** Bytes between two columns, a bar among them. */
export const SEPARATOR = 3;
