// SPDX-License-Identifier: Apache-2.0
//
// A report as the page's data: its rows, and for each of the largest a value at every point of the graphs.

import { holdsMemory } from "../../shared/classes.ts";
import type { OwnerData, PageData, RestData, SiteData, SuspectData } from "../../shared/page-data.ts";
import { causeOf, CORE, placeOf } from "../../shared/place.ts";
import type { Suspect } from "../analyse/findings.ts";
import { columnsIn, type Section } from "../read/dump.ts";
import type { Point, Run } from "../read/history.ts";
import { printedLocation, type Sites } from "../read/sites.ts";
import { renderHead, renderNone } from "./headline.ts";
import { furtherSections, memoryData } from "./page-sections.ts";
import type { OwnerRow, Report, SiteRow } from "./report.ts";

/** Points of a graph: about as many as a screen has columns for. */
const POINTS_MAX = 600;
/** Sites that have a graph of their own; more would make the page large, and no graph shows them. */
const SERIES_MAX = 200;
/** Verdicts after which nothing is left to decide. */
const DECIDED: readonly (string | undefined)[] = ["leak", "steady", "churn"];

export function pageData(report: Report, sites: Sites, run: Run): PageData {
  const points = thinned(run.data!.points);
  const shown = largest(report.sites);
  const { byOwner, rest } = sumsOf(report, sites, points, shown);
  const why = reasonsIn(report.sections);
  const undecided = report.sites.indexOf(undecidedOf(report.sites)!);
  return {
    files: report.files,
    summary: renderHead(report),
    warnings: report.warnings,
    x: {
      time: points.every(({ time }) => !Number.isNaN(time)),
      values: points.map(({ number, time }) => (Number.isNaN(time) ? number : time)),
    },
    total: report.total,
    change: report.totalChange,
    memory: memoryData(run.data!.first!.sections, report.sections),
    owners: report.owners.map((row) => {
      // The sum over all sites of an owner may stand still while one of them leaks.
      const leaks = report.suspects.some(({ owner }) => owner === row.owner);
      return ownerData(leaks ? { ...row, verdict: "leak" } : row, why.get(row.owner), byOwner.get(row.owner)!);
    }),
    sites: report.sites.map((row) => ({
      ...siteData(row, why.get(row.location)),
      ...(shown.has(row.site) && { values: points.map(({ values }) => values[row.site] ?? 0) }),
    })),
    rest,
    suspects: causes(report.suspects),
    none: renderNone(report),
    undecided: undecided < 0 ? null : undecided,
    sections: furtherSections(report.sections),
  };
}

/** The sites that have a graph of their own. */
function largest(rows: SiteRow[]): Set<number> {
  const size = (row: SiteRow): number => Math.max(row.peak, Math.abs(row.change));
  return new Set(
    [...rows]
      .sort((a, b) => size(b) - size(a))
      .slice(0, SERIES_MAX)
      .map((row) => row.site),
  );
}

/** The site that grew most of those that may yet turn out to leak. */
function undecidedOf(rows: SiteRow[]): SiteRow | undefined {
  return rows
    .filter((row) => holdsMemory(row.class) && row.change > 0 && !DECIDED.includes(row.verdict))
    .reduce<SiteRow | undefined>((most, row) => (!most || row.change > most.change ? row : most), undefined);
}

/** Why the core does not call a growth a leak, by site and by owner. */
function reasonsIn(sections: readonly Section[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const section of sections) {
    const columns = columnsIn(section, "growth", ["Why", "Location"]) ?? columnsIn(section, "ownersGrowth", ["Why", "Owner"]);
    for (const row of columns ? section.rows : []) {
      const [why, name] = columns!.map((column) => row[column]!);
      if (why !== "-") found.set(name!, why!);
    }
  }
  return found;
}

/** Suspects by what causes them: bytes and objects of one call, lines of one function. */
function causes(suspects: Suspect[]): SuspectData[] {
  const found = new Map<string, SuspectData>();
  for (const { location, owner, evidence } of suspects) {
    const cause = causeOf(location, owner);
    let data = found.get(cause);
    if (!data) found.set(cause, (data = { owner, place: placeOf(location, owner), rows: [] }));
    const known = `${location}: `;
    const at = evidence.indexOf(known);
    data.rows.push({ location, evidence: at < 0 ? evidence : evidence.slice(at + known.length) });
  }
  return [...found.values()];
}

/** At each point, the bytes of each owner, and of all sites that have no graph. */
function sumsOf(
  report: Report,
  sites: Sites,
  points: Point[],
  shown: Set<number>,
): { byOwner: Map<string, number[]>; rest: PageData["rest"] } {
  const byOwner = new Map(report.owners.map((row) => [row.owner, points.map(() => 0)]));
  const rest = { plugins: noRest(points), core: noRest(points) };
  for (const { site, class: cls } of report.sites) {
    if (!holdsMemory(cls)) continue;
    const { owner } = sites.get(site);
    const sums = byOwner.get(owner)!;
    const left = shown.has(site) ? undefined : rest[owner === CORE ? "core" : "plugins"];
    if (left) ++left.count;
    for (const [at, { values }] of points.entries()) {
      const value = values[site] ?? 0;
      sums[at]! += value;
      if (left) left.values[at]! += value;
    }
  }
  return { byOwner, rest };
}

function noRest(points: Point[]): RestData {
  return { count: 0, values: points.map(() => 0) };
}

function ownerData(row: OwnerRow, why: string | undefined, values: number[]): OwnerData {
  const { owner, classes, total, objects } = row;
  return { owner, classes, total, objects, ...growthData(row, why), values };
}

function siteData(row: SiteRow, why: string | undefined): SiteData {
  const { class: cls, kind, owner, value, peak, live, allocs, frees } = row;
  const location = printedLocation(row);
  return { class: cls, ...(kind && { kind }), location, owner, value, peak, live, allocs, frees, ...growthData(row, why) };
}

function growthData(row: OwnerRow | SiteRow, why = ""): Pick<OwnerData, "change" | "perHour" | "verdict" | "why"> {
  const { change, perHour, verdict } = row;
  return {
    change,
    perHour: perHour === undefined ? null : Math.round(perHour),
    verdict: verdict ?? null,
    ...(verdict === "filling" && why && { why }),
  };
}

/** Evenly spread, the last one among them. */
function thinned(points: Point[]): Point[] {
  if (points.length <= POINTS_MAX) return points;
  const step = (points.length - 1) / (POINTS_MAX - 1);
  return Array.from({ length: POINTS_MAX }, (_, index) => points[Math.round(index * step)]!);
}
