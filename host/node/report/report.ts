// SPDX-License-Identifier: Apache-2.0
//
// What there is to say about a run, as plain data, for every renderer.
//
//   Run + Sites + Findings -> Report { what was read, sites, owners, suspects, warnings }
//
// Sums and differences of integers; every judgement is the core's (analyse.ts).

import { CLASSES, type ClassName } from "../../shared/classes.ts";
import { count } from "../../shared/units.ts";
import type { Findings, Suspect, Verdict } from "../analyse/analyse.ts";
import { ageKey, agesIn, type Age } from "../read/ages.ts";
import type { Counts, Section } from "../read/dump.ts";
import { matches, type Filter } from "../read/filter.ts";
import type { Point, Run, Runs } from "../read/history.ts";
import { printedLocation, type Site, type Sites } from "../read/sites.ts";
import { nameForPeople, tracksOpenssl, valueOf, withoutOpenssl } from "../read/snapshot.ts";

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
  notes: Record<string, string>[];
  warnings: string[];
  counts: Counts;
  total: number;
  totalChange: number;
  classes: Record<ClassName, number>;
  sites: SiteRow[];
  owners: OwnerRow[];
  suspects: Suspect[];
  /** Of the last dump, as they stand there. */
  sections: readonly Section[];
}

export interface Material {
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

/** Dumps that are closer say nothing about an hour. */
const RATE_SECONDS_MIN = 60;

export function makeReport(material: Material, run: Run, findings: Findings, filter: Filter): Report {
  const { sites, runs } = material;
  const { first, last, peak, points } = run.kept!;
  if (!first || !last) throw new Error("a run without a dump");
  const seconds = secondsOf(run, material.interval);
  const perHour = (change: number): number | undefined =>
    seconds && seconds >= RATE_SECONDS_MIN ? (change * 3600) / seconds : undefined;
  const ages = agesIn(last.sections);
  // What was not tracked has neither grown nor shrunk.
  const [knownFirst, knownLast] = [tracksOpenssl(first), tracksOpenssl(last)];
  const rows: SiteRow[] = [];
  const owners = new Map<string, OwnerRow>();
  for (const site of sites) {
    const { number } = site;
    if (run.kept!.since[number] === undefined || run.kept!.since[number]! < 0 || !matches(site, filter)) continue;
    if (site.class === "openssl" && !knownLast) continue;
    const value = valueOf(site, last);
    const before = site.class === "openssl" && !knownFirst ? value : valueOf(site, first);
    const allocs = last.allocs[number] ?? 0;
    const frees = last.frees[number] ?? 0;
    const inUse = last.inUse[number] ?? 0;
    const live = allocs - frees;
    const change = value - before;
    rows.push({
      site: number,
      class: site.class,
      kind: site.kind,
      location: site.location,
      owner: site.owner,
      retired: site.retired,
      allocs,
      frees,
      live,
      inUse,
      average: live > 0 ? Math.trunc(inUse / live) : 0,
      value,
      first: before,
      change,
      peak: peak[number] ?? 0,
      perHour: perHour(change),
      verdict: site.class === "object" ? undefined : findings.sites.get(site.location),
      ages: ages.get(ageKey(site.kind || site.class, printedLocation(site))),
    });
    addToOwner(owners, site, value, change);
  }
  const ownerRows = [...owners.values()];
  for (const row of ownerRows) {
    row.perHour = perHour(row.change);
    row.verdict = findings.owners.get(row.owner);
  }
  rows.sort((a, b) => b.change - a.change || b.value - a.value || (a.location < b.location ? -1 : 1));
  ownerRows.sort((a, b) => b.change - a.change || b.total - a.total || (a.owner < b.owner ? -1 : 1));
  const sum = (pick: (row: OwnerRow) => number): number => ownerRows.reduce((total, row) => total + pick(row), 0);
  const wanted = (suspect: Suspect): boolean =>
    (filter.owner === undefined || suspect.owner === filter.owner) &&
    (filter.site === undefined || suspect.location.includes(filter.site));
  return {
    files: material.files,
    origin: run.origin,
    run: runs.numberOf(run),
    runs: runs.list.map((entry) => ({
      run: runs.numberOf(entry),
      origin: entry.origin,
      dumps: entry.dumps,
      first: nameOf(entry.firstNumber, entry.firstTime),
      last: nameOf(entry.lastNumber, entry.lastTime),
    })),
    dumps: run.kept!.seen,
    first: nameOf(run.firstNumber, run.firstTime),
    last: nameOf(run.lastNumber, run.lastTime),
    seconds,
    header: Object.fromEntries(last.header),
    notes: last.notes.map((note) => Object.fromEntries(note)),
    warnings: warningsOf(material, run, points, findings),
    counts: material.counts,
    total: sum((row) => row.total),
    totalChange: sum((row) => row.change),
    classes: classesOf((name) => sum((row) => row.classes[name])),
    sites: rows,
    owners: ownerRows,
    suspects: findings.suspects.filter(wanted),
    sections: last.sections,
  };
}

/** Of a run whose dumps say it, or that are known to be so many seconds apart. */
export function secondsOf(run: Run, interval: number | undefined): number | undefined {
  const seconds = run.lastTime - run.firstTime;
  if (!Number.isNaN(seconds)) return seconds;
  return interval === undefined ? undefined : (run.dumps - 1) * interval;
}

export function classesOf(value: (name: ClassName) => number): Record<ClassName, number> {
  return Object.fromEntries(CLASSES.map((name) => [name, value(name)])) as Record<ClassName, number>;
}

function addToOwner(owners: Map<string, OwnerRow>, site: Site, value: number, change: number): void {
  let row = owners.get(site.owner);
  if (!row) {
    row = {
      owner: site.owner,
      classes: classesOf(() => 0),
      total: 0,
      first: 0,
      change: 0,
      perHour: undefined,
      objects: 0,
      objectsChange: 0,
      verdict: undefined,
    };
    owners.set(site.owner, row);
  }
  row.classes[site.class] += value;
  if (site.class === "object") {
    row.objects += value;
    row.objectsChange += change;
  } else {
    row.total += value;
    row.change += change;
    row.first += value - change;
  }
}

function nameOf(number: number, seconds: number): DumpName {
  return { number, time: Number.isNaN(seconds) ? undefined : seconds };
}

/** Keys of a header that are 0 where all is well. */
const HEADER_WARNINGS: Record<string, string> = {
  lost: "events were lost: rows can be off by as many",
  traps: "tables were disabled by a trap in the core: please report it",
  damaged: "blocks of plugins were written past their end",
  twice: "blocks were released twice by a plugin",
  untracked: "objects are in no row: there was no room to remember them",
};

function tally(texts: string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}

/** What a reader should know before the numbers. */
function warningsOf(material: Material, run: Run, points: Point[], findings: Findings): string[] {
  const { sites, runs, problems } = material;
  const { left } = runs;
  const warnings = [...problems];
  if (run.kept!.last!.state !== "complete") {
    warnings.push(`the only dump, ${nameForPeople(run.kept!.last!)}, is not whole: its numbers are a part`);
  } else {
    if (left.cut) warnings.push(`${dumps(left.cut)} cut off, and left out`);
    if (left.damaged) {
      warnings.push(`${dumps(left.damaged)} left out: rows are missing or another process's are between them`);
    }
  }
  if (runs.endsUntracked && run === runs.latest) {
    warnings.push("the last dump is of level 0: nothing was tracked any more");
  }
  const { first, last } = run.kept!;
  const dark = withoutOpenssl({ dump: first! }, { dump: last! });
  if (dark) warnings.push(`OpenSSL is not tracked in ${nameForPeople(dark.dump)}: its change is not known`);
  if (left.untimed) {
    warnings.push("the built-in tracker's dumps say no time: --since and --until do not apply to them");
  }
  if (findings.suspects.length && Number.isNaN(run.lastTime) && material.interval === undefined) {
    warnings.push("the dumps say no time: rates and spans of suspects are as if there were one a minute; --interval SECONDS says");
  }
  const { header, notes } = run.kept!.last!;
  for (const note of notes) {
    if (note.get("state") === "refused") warnings.push(`hook ${note.get("hook")} was refused: ${note.get("reason")}`);
    if (note.has("warning")) warnings.push(note.get("warning")!);
  }
  for (const [key, text] of Object.entries(HEADER_WARNINGS)) {
    const value = Number(header.get(key));
    if (value) warnings.push(`${count(value)} ${text}`);
  }
  for (const [text, times] of tally(material.alarms)) warnings.push(times === 1 ? text : `${text} (${times} times)`);
  if (sites.refused) warnings.push(`more than ${count(sites.size)} sites: the others are summed in the rows (other)`);
  if (points.length === 1) warnings.push("there is one dump: growth needs two, some time apart");
  return warnings;
}

function dumps(n: number): string {
  return n === 1 ? "1 dump is" : `${count(n)} dumps are`;
}
