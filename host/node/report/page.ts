// SPDX-License-Identifier: Apache-2.0
//
// A report as the page's data: its rows, and for each of the largest a value at every point of the graphs.

import { holdsMemory } from "../../shared/classes.ts";
import type { OwnerData, PageData, SiteData } from "../../shared/page-data.ts";
import type { Point, Run } from "../read/history.ts";
import { nameOf, printedLocation, type Sites } from "../read/sites.ts";
import { renderHead, renderNone } from "./headline.ts";
import type { OwnerRow, Report, SiteRow } from "./report.ts";

/** Points of a graph: about as many as a screen has columns for. */
const POINTS_MAX = 600;
/** Sites that have a graph of their own; more would make the page large, and no graph shows them. */
const SERIES_MAX = 200;
/** Rows of a section of the last dump. */
const SECTION_ROWS_MAX = 500;

export function pageData(report: Report, sites: Sites, run: Run): PageData {
  const points = thinned(run.data!.points);
  const shown = largest(report.sites);
  const { byOwner, rest } = sumsOf(report, sites, points, shown);
  return {
    files: report.files,
    summary: renderHead(report),
    warnings: report.warnings,
    x: {
      time: points.every(({ time }) => !Number.isNaN(time)),
      values: points.map(({ number, time }) => (Number.isNaN(time) ? number : time)),
    },
    owners: report.owners.map((row) => ownerData(row, byOwner.get(row.owner)!)),
    sites: report.sites.map((row) => ({
      ...siteData(row),
      ...(shown.has(row.site) && { values: points.map(({ values }) => values[row.site] ?? 0) }),
    })),
    rest,
    suspects: report.suspects.map(({ location, owner, evidence }) => ({ location, owner, evidence })),
    none: renderNone(report),
    sections: report.sections.map((section) => ({ ...section, rows: section.rows.slice(0, SECTION_ROWS_MAX) })),
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

/** At each point, the bytes of each owner, and of all sites that have no graph. */
function sumsOf(
  report: Report,
  sites: Sites,
  points: Point[],
  shown: Set<number>,
): { byOwner: Map<string, number[]>; rest: PageData["rest"] } {
  const byOwner = new Map(report.owners.map((row) => [row.owner, points.map(() => 0)]));
  const rest = points.map(() => 0);
  const inBytes = report.sites.filter((row) => holdsMemory(row.class)).map((row) => row.site);
  for (const [at, { values }] of points.entries()) {
    for (const site of inBytes) {
      const value = values[site] ?? 0;
      byOwner.get(sites.get(site).owner)![at]! += value;
      if (!shown.has(site)) rest[at]! += value;
    }
  }
  return { byOwner, rest: { count: inBytes.filter((site) => !shown.has(site)).length, values: rest } };
}

function ownerData(row: OwnerRow, values: number[]): OwnerData {
  const { owner, classes, total, change, objects } = row;
  return { owner, classes, total, change, perHour: wholeOrNull(row.perHour), objects, verdict: row.verdict ?? null, values };
}

function siteData(row: SiteRow): SiteData {
  const { owner, value, change, peak, live, allocs, frees } = row;
  return {
    class: row.class,
    location: nameOf({ ...row, location: printedLocation(row) }),
    owner,
    value,
    change,
    perHour: wholeOrNull(row.perHour),
    peak,
    live,
    allocs,
    frees,
    verdict: row.verdict ?? null,
  };
}

function wholeOrNull(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value);
}

/** Evenly spread, the last one among them. */
function thinned(points: Point[]): Point[] {
  if (points.length <= POINTS_MAX) return points;
  const step = (points.length - 1) / (POINTS_MAX - 1);
  return Array.from({ length: POINTS_MAX }, (_, index) => points[Math.round(index * step)]!);
}
