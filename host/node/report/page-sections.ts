// SPDX-License-Identifier: Apache-2.0
//
// Sections of a dump as the page's data: the reconciliation as parts of the resident memory, and what the page has no view of its own
// for, each column with its unit.

import { kinds, sections, type Column } from "../../../format/format.ts";
import { MEMORY_CLASSES, titleOf } from "../../shared/classes.ts";
import type { MemoryData, SectionData } from "../../shared/page-data.ts";
import { columnsIn, type Section } from "../read/dump.ts";

/** Rows of a section of the last dump. */
const SECTION_ROWS_MAX = 500;

type Part = MemoryData["resident"];

/** What the last dump says of the resident memory; null where it says nothing. */
export function memoryData(first: readonly Section[], last: readonly Section[]): MemoryData | null {
  const before = new Map(partsIn(first));
  const parts = partsIn(last).map(([name, bytes]): Part => {
    const was = before.get(name);
    return { name, bytes, change: bytes === null || was === undefined || was === null ? null : bytes - was };
  });
  const named = (text: string): Part | undefined => parts.find(({ name }) => name.startsWith(text));
  const resident = named("resident");
  if (!resident || resident.bytes === null) return null;
  const limit = named("limit");
  return {
    resident,
    parts: parts.filter((part) => part !== resident && part !== limit),
    unaccounted: named("not accounted") ?? null,
    limit: limit ?? null,
  };
}

/** Names and bytes of the reconciliation's rows; null for bytes that the server does not know. */
function partsIn(all: readonly Section[]): [string, number | null][] {
  for (const section of all) {
    const columns = columnsIn(section, "reconciliation", ["Bytes", "What"]);
    if (!columns) continue;
    return section.rows.map((row) => {
      const [bytes, what] = columns.map((column) => row[column]!);
      const known = /^-?\d+$/.test(bytes!);
      return [known ? what! : what!.replace(/: not known$/, ""), known ? Number(bytes) : null];
    });
  }
  return [];
}

/** The sections that the page does not show in another way. */
export function furtherSections(all: readonly Section[]): SectionData[] {
  const isShown = (section: Section): boolean =>
    [columnsIn(section, "suspects", []), columnsIn(section, "reconciliation", [])].some(Boolean);
  return all
    .filter((section) => !isShown(section))
    .map(({ title, columns, rows }) => ({
      title: title || (columns.at(-1) === SUMMARY_NAME ? "Memory allocated and freed since the start" : "Untitled"),
      columns: columns.map((column) => ({ title: column, unit: UNITS.get(column) ?? "text" })),
      name: nameAt(columns),
      rows: rows.slice(0, SECTION_ROWS_MAX),
    }));
}

/** Which column names a row; of a section that nobody knows, the last one. */
function nameAt(columns: string[]): number {
  const found = columns.findLastIndex((column) => NAMES.has(column));
  return found < 0 ? columns.length - 1 : found;
}

const NAMES = new Set<string>(Object.values(sections).map(({ last }) => last.title));
const SUMMARY_NAME = sections.summary.last.title;

/** The unit of a column by its title, which means the same in every section. */
const UNITS = new Map<string, Column["unit"]>([
  ...Object.values(sections).flatMap(({ columns }) =>
    columns.flatMap((column) => ("title" in column ? [[column.title, column.unit] as const] : [])),
  ),
  ...MEMORY_CLASSES.map((name) => [titleOf(name), "bytes"] as const),
  ...Object.values(kinds).map(({ title }) => [title, "count"] as const),
]);
