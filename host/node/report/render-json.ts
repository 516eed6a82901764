// SPDX-License-Identifier: Apache-2.0
//
// JSON for programs, as docs/report.schema.json describes it: what the report holds, with exact integers. Text from a file is escaped
// by JSON itself; beyond that, what a terminal or a page might act on is written as \u escapes, so that the text is safe wherever it
// ends up.

import { classes, kinds, sections, type Column, type Columns, type Section as Format } from "../../../format/format.ts";
import { ageKey } from "../read/ages.ts";
import { isTitleOf, type Section } from "../read/dump.ts";
import { printedLocation } from "../read/sites.ts";
import type { Report, SiteRow } from "./report.ts";

/** Incremented when a key changes its meaning or is removed, not when one is added. */
export const JSON_FORMAT = 2;

export function toJson(value: object): string {
  const body = Array.isArray(value) ? { findings: value } : value;
  return `${inert(JSON.stringify({ format: JSON_FORMAT, ...body }, undefined, 2))}\n`;
}

type Cell = string | number | null;
type Row = Record<string, Cell>;

export interface JsonSection {
  /** As in format/format.ts; missing if the section is unknown. */
  name?: string;
  title: string;
  rows: Row[];
}

/** The report, with the sections of the last dump as objects, and each site's and owner's growth from the sections in its row. */
export function reportJson(report: Report): object {
  const typed = report.sections.map(typedSection);
  const sites = growthOf(typed, "growth", "location");
  const siteGrowth = (row: SiteRow): Row | undefined => {
    const location = printedLocation(row);
    return sites.get(ageKey(row.kind || row.class, location)) ?? sites.get(location);
  };
  const owners = growthOf(typed, "ownersGrowth", "owner");
  return {
    ...report,
    sites: report.sites.map((row) => ({ ...row, growth: siteGrowth(row) })),
    owners: report.owners.map((row) => ({ ...row, growth: owners.get(row.owner) })),
    sections: typed,
    firstSections: undefined,
  };
}

/**
 * The rows of a section by the text in a column, which is removed from them. Rows with a kind are stored by kind and text, because a
 * location can have a row of bytes and a row of objects.
 */
function growthOf(typed: JsonSection[], name: keyof typeof sections, by: string): Map<Cell, Row> {
  const rows = typed.filter((section) => section.name === name).flatMap((section) => section.rows);
  return new Map(rows.map(({ [by]: name = "", ...rest }) => [rest.kind ? ageKey(`${rest.kind}`, `${name}`) : name, rest]));
}

const FORMATS = Object.entries(sections) as [keyof typeof sections, Format][];

/** The name of a section, by its title; without a title, by its columns. */
function nameOf({ title, columns }: Section): string | undefined {
  // The longest title first: "Growth of owners since" is not "Growth since".
  const fits = FORMATS.filter(([name, format]) =>
    format.title ? isTitleOf(title, name) : !title && headsOf(format).every(([head]) => columns.includes(head)),
  );
  return fits.sort(([, a], [, b]) => b.title.length - a.title.length)[0]?.[0];
}

function typedSection(section: Section): JsonSection {
  const name = nameOf(section);
  const known = new Map<string, JsonColumn>(name === undefined ? [] : headsOf(sections[name as keyof typeof sections]));
  const columns = section.columns.map((head) => known.get(head) ?? { key: keyOf(head), unit: undefined });
  const rows = section.rows.map((cells) =>
    Object.fromEntries(columns.map(({ key, unit }, index) => [key, valueOf(cells[index] ?? "", unit)])),
  );
  return { ...(name !== undefined && { name }), title: section.title, rows };
}

/** A number in a numeric column, null if unknown. In an unknown column, a number if it looks like one. */
function valueOf(cell: string, unit: string | undefined): Cell {
  if (unit === "text") return cell;
  if (cell === "-") return null;
  const value = Number(cell);
  return cell !== "" && Number.isSafeInteger(value) ? value : cell;
}

export interface JsonColumn {
  key: string;
  unit: Column["unit"] | undefined;
  meaning?: string;
}

/** The names of a section's columns in JSON. */
export function headsOf(format: Format): [string, JsonColumn][] {
  const oneByOne = (column: Column | Columns): [string, JsonColumn][] => {
    const { unit, meaning } = column;
    if (!("each" in column)) return [[column.title, { key: keyOf(column.title), unit, meaning }]];
    const each = column.each === "kind" ? Object.entries(kinds) : Object.entries(classes);
    return each.map(([key, { title }]) => [title, { key: column.each === "kind" ? `${key}Objects` : key, unit, meaning }]);
  };
  const { title, meaning } = format.text;
  const text: [string, JsonColumn] = [title, { key: keyOf(title), unit: "text", meaning }];
  return [...format.columns.flatMap(oneByOne), text, ...(format.after ?? []).flatMap(oneByOne)];
}

/** Converts "Old %" to oldPercent, "Per 1000 tx" to per1000Tx. */
export function keyOf(head: string): string {
  const words = head.replace(/%/g, " percent ").match(/[A-Za-z0-9]+/g) ?? ["text"];
  return words.map((word, n) => (n ? word[0]!.toUpperCase() : word[0]!.toLowerCase()) + word.slice(1)).join("");
}

/** JSON without control characters, characters that change the direction of text, or the end of a script element. */
export function inert(json: string): string {
  return json.replace(/[<>&]|[^\P{C}\n]|[\p{Zl}\p{Zp}]/gu, (character) =>
    character
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}
