// SPDX-License-Identifier: Apache-2.0
//
// A parsed dump, of memtrack or of the built-in tracker: its header, the rows of its tables, its further sections as text.

import { header, sections, type HeaderKey } from "../../../format/format.ts";
import type { ClassName } from "../../shared/classes.ts";
import { TITLES_OF_FORMAT_1 } from "./format1.ts";

/** The name of a header key, and the type of its value. */
export type HeaderName = keyof typeof header;
export const HEADER_KEYS = Object.entries(header) as [HeaderName, HeaderKey][];

/** The key=value pairs of a header. Keys of the format have types; a file may contain others. */
export interface Header extends Iterable<[string, string]> {
  get(key: HeaderName): string | undefined;
}

/** The rows of a dump's tables: parallel arrays, with `length` entries in use. Several rows of one site are added up. */
export interface Rows {
  length: number;
  site: Int32Array;
  allocs: Float64Array;
  frees: Float64Array;
  /** Bytes; 0 for objects whose bytes are not known. */
  inUse: Float64Array;
}

export interface Table {
  class: ClassName;
  /** Empty for tables in the built-in tracker's form. */
  title: string;
  rows: number;
  /** Bytes in use in the TOTAL line; undefined if it is missing. */
  total: number | undefined;
}

/** A further part of a dump, as text. */
export interface Section {
  title: string;
  columns: string[];
  rows: string[][];
}

export interface Dump {
  readonly origin: "memtrack" | "built-in";
  /** From the header; the built-in tracker's dumps are counted from 1. */
  readonly number: number;
  /** Seconds since 1970; NaN if unknown. */
  readonly time: number;
  readonly header: Header;
  /** The summary lines, without their prefix. Format 1 has none. */
  readonly summary: readonly string[];
  /** The other lines that begin with `memtrack`: warnings, notes, hooks that could not be installed. */
  readonly notes: ReadonlyMap<string, string>[];
  readonly tables: Table[];
  readonly sections: Section[];
  readonly rows: Rows;
  /** cut: truncated. damaged: its rows do not add up to its sums. */
  state: "complete" | "cut" | "damaged";
  /** Number of foreign lines between its first and last line. */
  foreign: number;
}

export interface Counts {
  bytes: number;
  lines: number;
  /** Number of lines outside dumps. Normal in traffic.out. */
  foreign: number;
  dumps: number;
  cut: number;
  damaged: number;
}

type Sections = typeof sections;
type Titles<Columns> = Columns extends readonly (infer Column)[] ? Extract<Column, { title: string }>["title"] : never;
type Title<Name extends keyof Sections> =
  | Titles<Sections[Name]["columns"]>
  | Sections[Name]["text"]["title"]
  | (Sections[Name] extends { after: infer Columns } ? Titles<Columns> : never);

/** Whether a title begins a section, of format 1 or 2. */
export function isTitleOf(title: string, name: keyof Sections): boolean {
  return [sections[name].title, TITLES_OF_FORMAT_1[name]].some((begin) => begin && title.startsWith(begin));
}

/**
 * Positions of these columns in a section; undefined if the section is another one, or lacks one of them. (A dump of a later version may
 * have more columns.)
 */
export function columnsIn<Name extends keyof Sections>(
  { title, columns }: Section,
  name: Name,
  titles: readonly Title<Name>[],
): number[] | undefined {
  if (!isTitleOf(title, name)) return undefined;
  const found = titles.map((column) => columns.indexOf(column));
  return found.includes(-1) ? undefined : found;
}

/** The key=value pairs of a line that begins with `memtrack`. A value with spaces is in double quotes. */
export function parsePairs(line: string): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const [, key = "", quoted, bare] of line.matchAll(/(?<= )([\w-]+)=(?:"([^"]*)"|(\S*))/g)) {
    pairs.set(key, quoted ?? bare ?? "");
  }
  return pairs;
}
