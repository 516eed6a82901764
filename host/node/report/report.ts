// SPDX-License-Identifier: Apache-2.0
//
// A report on a run, as plain data for every renderer. JSON contains all of it but `firstSections`.

import type { ClassName } from "../../shared/classes.ts";
import type { Judge, Suspect, Verdict } from "../analyse/findings.ts";
import type { Age } from "../read/ages.ts";
import type { Counts, Section } from "../read/dump.ts";
import type { Runs } from "../read/history.ts";
import type { Proof } from "../read/proofs.ts";
import type { Sites } from "../read/sites.ts";
import type { Stack } from "../read/stacks.ts";
import type { ResidentReport } from "./resident.ts";

export interface SiteRow {
  site: number;
  class: ClassName;
  kind: string;
  location: string;
  owner: string;
  retired: boolean;
  allocs: number;
  frees: number;
  /** Number of live allocations. */
  live: number;
  /** Bytes; 0 for objects whose bytes are not known. */
  inUse: number;
  average: number;
  /** Bytes in use, or live objects. */
  value: number;
  first: number;
  change: number;
  peak: number;
  /** `change` per hour; undefined if the file has no times, or less than a minute between them. */
  perHour: number | undefined;
  verdict: Verdict | undefined;
  /** The explanation of the growth, or why it is too soon for a verdict. */
  why: string | undefined;
  /** The ages of live memory, if the last dump has them for this site. */
  ages: Age[] | undefined;
  /** What the search for references found, if the last dump has it for this site. */
  proof: Proof | undefined;
  /** The call stacks with the most living allocations, if the last dump has them for this site. */
  stacks: Stack[] | undefined;
}

export interface OwnerRow {
  owner: string;
  /** Bytes in use by class; for objects, their number. */
  classes: Record<ClassName, number>;
  /** All bytes, those of objects as well. */
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
  /** Seconds from the first to the last dump, if they have times. */
  seconds: number | undefined;
  header: Record<string, string>;
  /** The summary lines of the last dump. Format 1 has none. */
  summary: readonly string[];
  notes: Record<string, string>[];
  warnings: string[];
  counts: Counts;
  total: number;
  totalChange: number;
  classes: Record<ClassName, number>;
  /** Undefined if the last dump does not report it. */
  resident: ResidentReport | undefined;
  /** The source of the verdicts and suspects. */
  judge: Judge;
  sites: SiteRow[];
  owners: OwnerRow[];
  suspects: Suspect[];
  /** The sections of the last dump, unchanged. */
  sections: readonly Section[];
  /** The sections of the first dump, unchanged. */
  firstSections: readonly Section[];
}

/** Everything read from some files. */
export interface ReportInput {
  files: string[];
  sites: Sites;
  runs: Runs;
  counts: Counts;
  problems: string[];
  /** Warnings outside dumps. */
  alarms: string[];
  /** Seconds between dumps without times. */
  interval?: number | undefined;
}
