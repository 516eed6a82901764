// SPDX-License-Identifier: Apache-2.0
//
// Converts a report to the data of the page: its rows, and for the largest rows a value at each point of the graphs.

import { holdsMemory } from "../../shared/classes.ts";
import type {
  OwnerData,
  PageData,
  ProofData,
  RestData,
  SiteData,
  StackData,
  SuspectData,
  UndecidedData,
} from "../../shared/page-data.ts";
import { CORE, placeOf } from "../../shared/place.ts";
import { count } from "../../shared/units.ts";
import type { Suspect, SuspectRow } from "../analyse/findings.ts";
import type { Point, Run } from "../read/history.ts";
import type { Proof } from "../read/proofs.ts";
import { printedLocation, type Sites } from "../read/sites.ts";
import type { Stack } from "../read/stacks.ts";
import { renderDumps, renderNone, renderRun, undecided, verdictTime } from "./headline.ts";
import { furtherSections, memoryData } from "./page-sections.ts";
import { renderHolder, renderProof } from "./render-search.ts";
import type { OwnerRow, Report, SiteRow } from "./report.ts";
import { classesOf, growthOf, sitesOf } from "./suspect.ts";

/** Points of a graph: about the number of pixel columns that a graph has. */
const POINTS_MAX = 600;
/** Number of sites with values for a graph. More would make the page large, and no graph shows them. */
const SERIES_MAX = 200;

export function pageData(report: Report, sites: Sites, run: Run): PageData {
  const points = thinned(run.data!.points);
  const shown = largest(report.sites);
  const { byOwner, rest } = sumsOf(report, sites, points, shown);
  return {
    files: report.files,
    summary: [renderDumps(report), ...renderRun(report)],
    warnings: report.warnings,
    x: {
      time: points.every(({ time }) => !Number.isNaN(time)),
      values: points.map(({ number, time }) => (Number.isNaN(time) ? number : time)),
    },
    total: report.total,
    change: report.totalChange,
    memory: memoryData(report),
    owners: report.owners.map((row) => ownerData(row, byOwner.get(row.owner)!)),
    sites: report.sites.map((row) => ({
      ...siteData(row),
      ...(shown.has(row.site) && { values: points.map(({ values }) => values[row.site] ?? 0) }),
    })),
    rest,
    suspects: report.suspects.map((suspect) => suspectData(suspect, report)),
    none: renderNone(report),
    undecided: undecidedData(report),
    sections: furtherSections(report.sections),
  };
}

/** The sites with values for a graph. */
function largest(rows: SiteRow[]): Set<number> {
  const size = (row: SiteRow): number => Math.max(row.peak, Math.abs(row.change));
  return new Set(
    [...rows]
      .sort((a, b) => size(b) - size(a))
      .slice(0, SERIES_MAX)
      .map((row) => row.site),
  );
}

function suspectData(suspect: Suspect, report: Report): SuspectData {
  const { owner, location, rows } = suspect;
  const rowData = (row: SuspectRow): SuspectData["rows"][number] => ({
    place: placeOf(row.location, owner),
    classes: classesOf(row, report),
    growth: growthOf(row),
  });
  const under = rows.length > 1 ? rows.map(rowData) : [];
  // The core names what the rows have in common without a line, even if it is one line that allocates several classes.
  const places = [...new Set(under.map((row) => row.place))];
  const place = places.length === 1 ? places[0]! : placeOf(location, owner);
  const sites = place ? rows.flatMap((row) => sitesOf(row, report)) : report.sites.filter((site) => site.owner === owner);
  return { owner, ...rowData(suspect), place, rows: under, sites: sites.map((site) => report.sites.indexOf(site)) };
}

function undecidedData(report: Report): UndecidedData | null {
  const [row] = undecided(report);
  return row ? { site: report.sites.indexOf(row), when: verdictTime(report, row) ?? null } : null;
}

/** At each point, the bytes of each owner, and of all sites without a graph. */
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

function ownerData(row: OwnerRow, values: number[]): OwnerData {
  const { owner, classes, total, objects } = row;
  return { owner, classes, total, objects, ...growthData(row), values };
}

function siteData(row: SiteRow): SiteData {
  const { class: cls, kind, owner, value, peak, live, allocs, frees, inUse } = row;
  const location = printedLocation(row);
  const { proof, stacks } = row;
  return {
    class: cls,
    ...(kind && { kind, bytes: inUse }),
    ...{ location, owner, value, peak, live, allocs, frees },
    ...growthData(row),
    ...(proof && { proof: proofData(proof) }),
    ...(stacks && { stacks: stacks.map(stackData) }),
  };
}

function proofData(proof: Proof): ProofData {
  const { proof: word, atLeast, held, watched, ago } = proof;
  return { proof: word, said: renderProof(proof), atLeast, held, watched, ago: ago ?? null, holder: renderHolder(proof) };
}

function stackData({ samples, share, calls, whole }: Stack): StackData {
  const part = share === undefined ? "" : `${Math.round(100 * share)} % of what is alive, `;
  return { said: `${part}${count(samples)} samples`, calls: whole ? calls : [...calls, "..."] };
}

function growthData(row: OwnerRow | SiteRow): Pick<OwnerData, "change" | "perHour" | "verdict" | "why"> {
  const { change, perHour, verdict, why } = row;
  return {
    change,
    perHour: perHour === undefined ? null : Math.round(perHour),
    verdict: verdict ?? null,
    ...(why && { why }),
  };
}

/** At most POINTS_MAX points, evenly spread, with the last point. */
function thinned(points: Point[]): Point[] {
  if (points.length <= POINTS_MAX) return points;
  const step = (points.length - 1) / (POINTS_MAX - 1);
  return Array.from({ length: POINTS_MAX }, (_, index) => points[Math.round(index * step)]!);
}
