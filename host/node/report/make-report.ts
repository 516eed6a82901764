// SPDX-License-Identifier: Apache-2.0
//
//   Run + Sites + Findings -> Report
//
// Sums and differences of integers; all verdicts come from the core (analyse/).

import { CLASSES, holdsMemory, type ClassName } from "../../shared/classes.ts";
import { judgedKey, type Findings } from "../analyse/findings.ts";
import { agesIn } from "../read/ages.ts";
import { matches, type Filter } from "../read/filter.ts";
import type { Run, RunData } from "../read/history.ts";
import { proofsIn } from "../read/proofs.ts";
import { printedLocation, type Site, type Sites } from "../read/sites.ts";
import { tracksOpenssl, valueOf, type Snapshot } from "../read/snapshot.ts";
import { keyOfRow, stacksIn } from "../read/stacks.ts";
import type { DumpName, OwnerRow, Report, ReportInput, SiteRow } from "./report.ts";
import { residentReport } from "./resident.ts";
import { warningsOf } from "./warnings.ts";

/** No hourly rate is computed for a shorter time. */
const RATE_SECONDS_MIN = 60;

/** The data of rows, besides the sites. */
interface Source {
  data: RunData;
  findings: Findings;
  perHour(change: number): number | undefined;
}

export function makeReport(input: ReportInput, run: Run, findings: Findings, filter: Filter): Report {
  const { first, last, seen, points } = run.data!;
  if (!first || !last) throw new Error("a run without a dump");
  const { runs } = input;
  const seconds = secondsOf(run, input.interval);
  const source: Source = {
    data: run.data!,
    findings,
    perHour: (change) => (seconds && seconds >= RATE_SECONDS_MIN ? (change * 3600) / seconds : undefined),
  };
  const sites = siteRows(input.sites, source, filter);
  const owners = ownerRows(sites, source);
  const sum = (pick: (row: OwnerRow) => number): number => owners.reduce((total, row) => total + pick(row), 0);
  return {
    files: input.files,
    origin: run.origin,
    run: runs.numberOf(run),
    runs: runs.list.map((entry) => ({
      run: runs.numberOf(entry),
      origin: entry.origin,
      dumps: entry.dumps,
      first: dumpName(entry.firstNumber, entry.firstTime),
      last: dumpName(entry.lastNumber, entry.lastTime),
    })),
    dumps: seen,
    first: dumpName(run.firstNumber, run.firstTime),
    last: dumpName(run.lastNumber, run.lastTime),
    seconds,
    header: Object.fromEntries(last.header),
    summary: last.summary,
    notes: last.notes.map((note) => Object.fromEntries(note)),
    warnings: warningsOf(input, run, points, findings),
    counts: input.counts,
    total: sum((row) => row.total),
    totalChange: sum((row) => row.change),
    classes: byClass((name) => sum((row) => row.classes[name])),
    resident: residentReport(first.sections, last.sections, findings),
    judge: findings.by,
    sites,
    owners,
    suspects: findings.suspects.filter((suspect) => matches(suspect, filter)),
    sections: last.sections,
    firstSections: first.sections,
  };
}

/** The duration of a run, from the dumps' times or from a known interval between dumps. */
function secondsOf(run: Run, interval: number | undefined): number | undefined {
  const seconds = run.lastTime - run.firstTime;
  if (!Number.isNaN(seconds)) return seconds;
  return interval === undefined ? undefined : (run.dumps - 1) * interval;
}

/** A row for each selected site of the run, the largest growth first. */
function siteRows(sites: Sites, source: Source, filter: Filter): SiteRow[] {
  const [first, last] = [source.data.first!, source.data.last!];
  const [ages, proofs, stacks] = [agesIn(last.sections), proofsIn(last.sections), stacksIn(last.sections)];
  const [knownFirst, knownLast] = [tracksOpenssl(first), tracksOpenssl(last)];
  const rows: SiteRow[] = [];
  for (const site of sites) {
    const seen = (source.data.since[site.number] ?? -1) >= 0;
    if (!seen || !matches(site, filter) || (site.class === "openssl" && !knownLast)) continue;
    // A class that was not tracked has neither grown nor shrunk.
    const before = site.class === "openssl" && !knownFirst ? last : first;
    const key = keyOfRow(site);
    rows.push({
      ...siteRow(site, before, last, source),
      ...{ ages: ages.get(key), proof: proofs.get(key), stacks: stacks.get(key) },
    });
  }
  return rows.sort((a, b) => b.change - a.change || b.value - a.value || (a.location < b.location ? -1 : 1));
}

function siteRow(
  site: Site,
  first: Snapshot,
  last: Snapshot,
  { data, findings, perHour }: Source,
): Omit<SiteRow, "ages" | "proof" | "stacks"> {
  const { number } = site;
  const [value, before] = [valueOf(site, last), valueOf(site, first)];
  const allocs = last.allocs[number] ?? 0;
  const frees = last.frees[number] ?? 0;
  const inUse = last.inUse[number] ?? 0;
  const live = allocs - frees;
  return {
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
    change: value - before,
    peak: data.peak[number] ?? 0,
    perHour: perHour(value - before),
    ...judgementOf(site, findings),
  };
}

function judgementOf(site: Site, { sites }: Findings): Pick<SiteRow, "verdict" | "why"> {
  const { verdict, why } =
    sites.get(judgedKey(site.location, site.kind)) ?? sites.get(judgedKey(printedLocation(site), site.kind)) ?? {};
  return { verdict, why };
}

/** The sums of the sites' rows by owner, the largest growth first. */
function ownerRows(sites: SiteRow[], { data, findings, perHour }: Source): OwnerRow[] {
  const owners = new Map<string, OwnerRow>();
  for (const site of sites) addToOwner(owners, site, data.first!.inUse[site.site] ?? 0);
  const rows = [...owners.values()];
  for (const row of rows) {
    row.perHour = perHour(row.change);
    const { verdict, why } = findings.owners.get(row.owner) ?? {};
    row.verdict = verdict;
    row.why = why;
  }
  return rows.sort((a, b) => b.change - a.change || b.total - a.total || (a.owner < b.owner ? -1 : 1));
}

function addToOwner(owners: Map<string, OwnerRow>, { owner, class: cls, value, change, inUse }: SiteRow, before: number): void {
  let row = owners.get(owner);
  if (!row) {
    row = {
      owner,
      classes: byClass(() => 0),
      total: 0,
      first: 0,
      change: 0,
      perHour: undefined,
      objects: 0,
      objectsChange: 0,
      verdict: undefined,
      why: undefined,
    };
    owners.set(owner, row);
  }
  row.classes[cls] += value;
  if (holdsMemory(cls)) {
    row.total += value;
    row.change += change;
    row.first += value - change;
  } else {
    row.objects += value;
    row.objectsChange += change;
    row.total += inUse;
    row.change += inUse - before;
    row.first += before;
  }
}

function byClass(value: (name: ClassName) => number): Record<ClassName, number> {
  return Object.fromEntries(CLASSES.map((name) => [name, value(name)])) as Record<ClassName, number>;
}

function dumpName(number: number, seconds: number): DumpName {
  return { number, time: Number.isNaN(seconds) ? undefined : seconds };
}
