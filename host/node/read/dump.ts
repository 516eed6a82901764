// SPDX-License-Identifier: Apache-2.0
//
// A dump as it is read, whoever wrote it: its header, the rows of its tables, its further sections as text.

import { header, sections, type HeaderKey } from "../../../format/format.ts";
import type { ClassName } from "../../shared/classes.ts";
import { TITLES_OF_FORMAT_1 } from "./format1.ts";

/** A key of the header by its name, and what its value is. */
export type HeaderName = keyof typeof header;
export const HEADER_KEYS = Object.entries(header) as [HeaderName, HeaderKey][];

/** The key=value pairs of a header. Asked for are keys of the format; a file may hold others. */
export interface Header extends Iterable<[string, string]> {
  get(key: HeaderName): string | undefined;
}

/** The rows of a dump's tables: parallel arrays, of which `length` are in use. A site that has several rows has their sum. */
export interface Rows {
  length: number;
  site: Int32Array;
  allocs: Float64Array;
  frees: Float64Array;
  /** Bytes; of objects nothing. */
  inUse: Float64Array;
}

export interface Table {
  class: ClassName;
  /** Empty for those of the built-in tracker's form. */
  title: string;
  rows: number;
  /** Bytes in use by the TOTAL line; undefined where it is missing. */
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
  /** By the header; the built-in tracker's are counted from 1. */
  readonly number: number;
  /** Seconds since 1970; NaN where nothing says it. */
  readonly time: number;
  readonly header: Header;
  /** The lines that sum it up, without what each begins with. Format 1 has none. */
  readonly summary: readonly string[];
  /** Those of the other lines that begin with `memtrack`: warnings, notes, refused hooks. */
  readonly notes: ReadonlyMap<string, string>[];
  readonly tables: Table[];
  readonly sections: Section[];
  readonly rows: Rows;
  /** cut: its end is missing. damaged: its rows do not make the sums that it says. */
  state: "complete" | "cut" | "damaged";
  /** Lines of others between its first and last. */
  foreign: number;
}

export interface Counts {
  bytes: number;
  lines: number;
  /** Lines that are in no dump. Normal in traffic.out. */
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
 * Where these columns stand in a section; undefined where it is another one, or lacks one. (A dump of a later version may have
 * further ones.)
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

/** The key=value pairs of a line that begins with `memtrack`. A value with spaces stands in double quotes. */
export function parsePairs(line: string): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const [, key = "", quoted, bare] of line.matchAll(/(?<= )([\w-]+)=(?:"([^"]*)"|(\S*))/g)) {
    pairs.set(key, quoted ?? bare ?? "");
  }
  return pairs;
}
