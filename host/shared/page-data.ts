// SPDX-License-Identifier: Apache-2.0
//
// The data of a page: plain values. Each text comes from a file, and the page shows it as text. host/node makes the data
// (report/page.ts).

import type { Column } from "../../format/format.ts";
import type { ClassName } from "./classes.ts";

interface SeriesData {
  /** A value for each entry of `x`; absent for rows without a graph. */
  values?: number[];
}

interface GrowthData extends SeriesData {
  change: number;
  perHour: number | null;
  verdict: string | null;
  /** The explanation of the growth, or why it is too soon for a verdict; absent if there is none. */
  why?: string;
}

/** What the search for references found of a row. */
export interface ProofData {
  proof: string;
  /** In a sentence. */
  said: string;
  /** Lost blocks, at least; watched blocks that are held. */
  atLeast: number;
  held: number;
  watched: number;
  /** Seconds from the end of the last pass to the last dump; null if not known. */
  ago: number | null;
  /** Who holds most of what is held; empty if none is known. */
  holder: string;
}

/** A call stack of sampled allocations: its calls, the innermost first, and what is said of it. */
export interface StackData {
  said: string;
  calls: string[];
}

export interface SiteData extends GrowthData {
  class: ClassName;
  /** For objects only: their bytes; 0 if these are not known. */
  bytes?: number;
  /** For objects only. */
  kind?: string;
  location: string;
  owner: string;
  value: number;
  peak: number;
  live: number;
  allocs: number;
  frees: number;
  /** Absent for a row that was not searched, or not sampled. */
  proof?: ProofData;
  stacks?: StackData[];
}

export interface OwnerData extends GrowthData {
  owner: string;
  classes: Record<ClassName, number>;
  total: number;
  objects: number;
}

/** A growth without an explanation. */
export interface SuspectData {
  owner: string;
  /** Empty if all rows of the owner grow together and none of them grows alone. */
  place: string;
  classes: string[];
  /** The evidence in words. */
  growth: string;
  /** The rows of the cause, if there are several. */
  rows: { place: string; classes: string[]; growth: string }[];
  /** Indices in `sites`. */
  sites: number[];
}

/** A growing site that can still become a suspect. */
export interface UndecidedData {
  /** Index in `sites`. */
  site: number;
  /** When it will be judged; null if the dump does not say it. */
  when: string | null;
}

interface PartData {
  name: string;
  /** Null if the server does not know it. */
  bytes: number | null;
  /** Since the first dump. */
  change: number | null;
}

/** What the resident memory consists of, in the last dump. */
export interface MemoryData {
  resident: PartData & { bytes: number };
  /** They sum to `resident`; the part of memory that is not resident is subtracted. */
  parts: PartData[];
  /** The part that no row and no measure explains. */
  unaccounted: PartData | null;
  /** Percentage of the change that the rows explain; null while the change is small, or not known. */
  coverage: number | null;
  /** On what no row explains; absent if there is none. */
  verdict?: string;
  why?: string;
  limit: PartData | null;
}

export interface SectionData {
  title: string;
  columns: { title: string; unit: Column["unit"] }[];
  /** Index of the column that names a row. */
  name: number;
  rows: string[][];
}

/** The number of sites without a graph, and the sum of their values. */
export interface RestData {
  count: number;
  values: number[];
}

export interface PageData {
  files: string[];
  /** How many dumps, who wrote them and when; the run, if there are several. */
  summary: string[];
  warnings: string[];
  /** Seconds since 1970, or dump numbers if the dumps have no times. */
  x: { time: boolean; values: number[] };
  /** Bytes in all rows of the last dump, and their change since the first. */
  total: number;
  change: number;
  /** Null if the last dump does not say it. */
  memory: MemoryData | null;
  owners: OwnerData[];
  sites: SiteData[];
  rest: { plugins: RestData; core: RestData };
  suspects: SuspectData[];
  /** What it means if there is no suspect. */
  none: string;
  /** The largest growth that is not judged yet; null for none. */
  undecided: UndecidedData | null;
  sections: SectionData[];
}
