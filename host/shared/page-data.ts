// SPDX-License-Identifier: Apache-2.0
//
// What a page is given: plain data, of which every text comes from a file and is shown as text. host/node makes
// it (report/page.ts).

import type { ClassName } from "./classes.ts";

interface SeriesData {
  /** A value for each of `x`; absent for rows that have no graph. */
  values?: number[];
}

export interface SiteData extends SeriesData {
  class: ClassName;
  location: string;
  owner: string;
  value: number;
  change: number;
  perHour: number | null;
  peak: number;
  live: number;
  allocs: number;
  frees: number;
  verdict: string | null;
}

export interface OwnerData extends SeriesData {
  owner: string;
  classes: Record<ClassName, number>;
  total: number;
  change: number;
  perHour: number | null;
  objects: number;
  verdict: string | null;
}

interface SuspectData {
  location: string;
  owner: string;
  evidence: string;
}

interface SectionData {
  title: string;
  columns: string[];
  rows: string[][];
}

export interface PageData {
  files: string[];
  /** Lines that say what this is: who wrote the dumps, when, how many. */
  summary: string[];
  warnings: string[];
  /** Seconds since 1970, or numbers of dumps where the file says no times. */
  x: { time: boolean; values: number[] };
  owners: OwnerData[];
  sites: SiteData[];
  /** Sites that have no values of their own: how many, and their sum. */
  rest: { count: number; values: number[] };
  suspects: SuspectData[];
  /** What it means that there are none. */
  none: string;
  sections: SectionData[];
}
