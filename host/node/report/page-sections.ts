// SPDX-License-Identifier: Apache-2.0
//
// Converts sections of a dump to the data of the page: the reconciliation to parts of the resident memory, the sections that the page
// shows nowhere else to tables whose columns have units.

import { kinds, sections, type Column, type Section as SectionFormat } from "../../../format/format.ts";
import { MEMORY_CLASSES, titleOf } from "../../shared/classes.ts";
import type { MemoryData, SectionData } from "../../shared/page-data.ts";
import { textColumn } from "../read/cells.ts";
import { columnsIn, type Section } from "../read/dump.ts";
import { changesSince, residentIn, type Part } from "../read/resident.ts";
import type { Report } from "./report.ts";

/** Most rows of a section. */
const SECTION_ROWS_MAX = 500;

/** The resident memory in the last dump, and its change; null if the last dump does not report it. */
export function memoryData({ firstSections, sections: last, resident: memory }: Report): MemoryData | null {
  const found = residentIn(last);
  if (!found) return null;
  const changeOf = firstSections === last ? (part: Part): number | null => part.change : changesSince(residentIn(firstSections));
  const withChange = <P extends Part>(part: P): P => ({ ...part, change: changeOf(part) });
  const { resident, parts, unaccounted, limit } = found;
  return {
    resident: withChange(resident),
    parts: parts.map(withChange),
    unaccounted: unaccounted ? withChange(unaccounted) : null,
    coverage: memory?.coverage ?? null,
    ...(memory?.verdict && { verdict: memory.verdict }),
    ...(memory?.why && { why: memory.why }),
    limit: limit ? withChange(limit) : null,
  };
}

/** The sections that the page shows nowhere else. */
export function furtherSections(all: readonly Section[]): SectionData[] {
  const isShown = (section: Section): boolean =>
    (["suspects", "reconciliation", "search", "holders", "stacks"] as const).some((name) => columnsIn(section, name, []));
  return all
    .filter((section) => !isShown(section))
    .map(({ title, columns, rows }) => ({
      title:
        title ||
        (columns[textColumn(columns)] === sections.summary.text.title ? "Memory allocated and freed since the start" : "Untitled"),
      columns: columns.map((column) => ({ title: column, unit: UNITS.get(column) ?? "text" })),
      name: textColumn(columns),
      rows: rows.slice(0, SECTION_ROWS_MAX),
    }));
}

/** The unit of a column by its title. A title has the same unit in every section. */
const UNITS = new Map<string, Column["unit"]>([
  ...Object.values<SectionFormat>(sections)
    .flatMap(({ columns, after = [] }) => [...columns, ...after])
    .flatMap((column) => ("title" in column ? [[column.title, column.unit] as const] : [])),
  ...MEMORY_CLASSES.map((name) => [titleOf(name), "bytes"] as const),
  ...Object.values(kinds).map(({ title }) => [title, "count"] as const),
]);
