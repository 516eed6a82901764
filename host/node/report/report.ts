// SPDX-License-Identifier: Apache-2.0
//
// What there is to say about a run, as plain data, for every renderer. JSON has it as it is.

import type { ClassName } from "../../shared/classes.ts";
import type { Judge, Suspect, Verdict } from "../analyse/findings.ts";
import type { Age } from "../read/ages.ts";
import type { Counts, Section } from "../read/dump.ts";
import type { Runs } from "../read/history.ts";
import type { Sites } from "../read/sites.ts";

export interface SiteRow {
  site: number;
  class: ClassName;
  kind: string;
  location: string;
  owner: string;
  retired: boolean;
  allocs: number;
  frees: number;
  /** Allocations that are still alive. */
  live: number;
  inUse: number;
  average: number;
  /** Of what the site is measured in: bytes in use, or objects alive. */
  value: number;
  first: number;
  change: number;
  peak: number;
  /** change by the hour; undefined where the file says no times, or less than a minute of them. */
  perHour: number | undefined;
  verdict: Verdict | undefined;
  /** The explanation of the growth, or why it is too soon for a verdict. */
  why: string | undefined;
  /** How old what is alive is, of the sites of which the last dump says it. */
  ages: Age[] | undefined;
}

export interface OwnerRow {
  owner: string;
  /** Bytes in use by class; of objects, how many are alive. */
  classes: Record<ClassName, number>;
  /** All bytes. */
  total: number;
  first: number;
  change: number;
  perHour: number | undefined;
  objects: number;
  objectsChange: number;
  verdict: Verdict | undefined;
  /** The explanation of the growth, or why it is too soon for a verdict. */
  why: string | undefined;
}

export interface DumpName {
  number: number;
  time: number | undefined;
}

export interface Report {
  files: string[];
  origin: "memtrack" | "built-in";
  run: number;
  runs: { run: number; origin: "memtrack" | "built-in"; dumps: number; first: DumpName; last: DumpName }[];
  dumps: number;
  first: DumpName;
  last: DumpName;
  /** Seconds from the first to the last dump, where they say it. */
  seconds: number | undefined;
  header: Record<string, string>;
  /** The lines at the head of the last dump that sum it up. Format 1 has none. */
  summary: readonly string[];
  notes: Record<string, string>[];
  warnings: string[];
  counts: Counts;
  total: number;
  totalChange: number;
  classes: Record<ClassName, number>;
  /** Who gave the verdicts and named the suspects. */
  judge: Judge;
  sites: SiteRow[];
  owners: OwnerRow[];
  suspects: Suspect[];
  /** Of the last dump, as they stand there. */
  sections: readonly Section[];
}

/** All that was read of some files. */
export interface ReportInput {
  files: string[];
  sites: Sites;
  runs: Runs;
  counts: Counts;
  problems: string[];
  /** Warnings between dumps. */
  alarms: string[];
  /** Seconds between dumps that say no time. */
  interval?: number | undefined;
}
