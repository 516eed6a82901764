// SPDX-License-Identifier: Apache-2.0
//
// A report as one page: what host/web builds, its style and its data in one file. The page may load and connect to nothing: its
// policy allows the one script and the one style that stand in it, by their digests. Data enters as JSON in which no character could
// end the element that it stands in.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { PageData } from "../../shared/page-data.ts";
import { PAGE_SCRIPT, PAGE_STYLE } from "../package.ts";
import type { Point, Run } from "../read/history.ts";
import { nameOf, printedLocation, type Sites } from "../read/sites.ts";
import { renderHead, renderNone } from "./headline.ts";
import { inert } from "./render-json.ts";
import type { Report } from "./report.ts";
import { printable } from "../../shared/printable.ts";

/** Points of a graph: about as many as a screen has columns for. */
const POINTS_MAX = 600;
/** Sites that have a graph of their own; more would make the page large, and no graph shows them. */
const SERIES_MAX = 200;
/** Rows of a section of the last dump. */
const SECTION_ROWS_MAX = 500;

export function renderHtml(report: Report, sites: Sites, run: Run): string {
  const script = readFileSync(PAGE_SCRIPT, "utf8");
  const style = readFileSync(PAGE_STYLE, "utf8");
  const policy = `default-src 'none'; img-src data:; script-src ${hash(script)}; style-src ${hash(style)}; base-uri 'none'; form-action 'none'`;
  const title = escape(printable(`memtrack: ${report.files.join(", ")}`));
  const data = inert(JSON.stringify(pageData(report, sites, run)));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<main id="main"><noscript>This page draws its graphs and tables by a script of its own, which this browser does not run.</noscript></main>
<script type="application/json" id="data">${data}</script>
<script>${script}</script>
</body>
</html>
`;
}

function hash(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

export function pageData(report: Report, sites: Sites, run: Run): PageData {
  const points = thinned(run.kept!.points);
  const shown = new Set(
    [...report.sites]
      .sort((a, b) => Math.max(b.peak, Math.abs(b.change)) - Math.max(a.peak, Math.abs(a.change)))
      .slice(0, SERIES_MAX)
      .map((row) => row.site),
  );
  // One pass over all points: a row's owner is a group, and so are the rows without a graph.
  const owners = report.owners.map((row) => ({ row, values: points.map(() => 0) }));
  const rest = points.map(() => 0);
  const groups = new Map(owners.map(({ row, values }) => [row.owner, values]));
  const inBytes = report.sites.filter((row) => row.class !== "object").map((row) => row.site);
  for (const [at, { values }] of points.entries()) {
    for (const site of inBytes) {
      const value = values[site] ?? 0;
      groups.get(sites.get(site).owner)![at]! += value;
      if (!shown.has(site)) rest[at]! += value;
    }
  }
  const perHour = (value: number | undefined): number | null => (value === undefined ? null : Math.round(value));
  return {
    files: report.files,
    summary: renderHead(report),
    warnings: report.warnings,
    x: {
      time: points.every(({ time }) => !Number.isNaN(time)),
      values: points.map(({ number, time }) => (Number.isNaN(time) ? number : time)),
    },
    owners: owners.map(({ row, values }) => ({
      owner: row.owner,
      classes: row.classes,
      total: row.total,
      change: row.change,
      perHour: perHour(row.perHour),
      objects: row.objects,
      verdict: row.verdict ?? null,
      values,
    })),
    sites: report.sites.map((row) => ({
      class: row.class,
      location: nameOf({ ...row, location: printedLocation(row) }),
      owner: row.owner,
      value: row.value,
      change: row.change,
      perHour: perHour(row.perHour),
      peak: row.peak,
      live: row.live,
      allocs: row.allocs,
      frees: row.frees,
      verdict: row.verdict ?? null,
      ...(shown.has(row.site) && { values: points.map(({ values }) => values[row.site] ?? 0) }),
    })),
    rest: { count: inBytes.filter((site) => !shown.has(site)).length, values: rest },
    suspects: report.suspects.map(({ location, owner, evidence }) => ({ location, owner, evidence })),
    none: renderNone(report),
    sections: report.sections.map((section) => ({ ...section, rows: section.rows.slice(0, SECTION_ROWS_MAX) })),
  };
}

/** Evenly spread, the last one among them. */
function thinned(points: Point[]): Point[] {
  if (points.length <= POINTS_MAX) return points;
  const step = (points.length - 1) / (POINTS_MAX - 1);
  return Array.from({ length: POINTS_MAX }, (_, index) => points[Math.round(index * step)]!);
}
