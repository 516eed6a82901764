// SPDX-License-Identifier: Apache-2.0
//
// A report for a terminal: what was read, suspects, what grew, owners.

import { formatOf, MEMORY_CLASSES, titleOf } from "../../shared/classes.ts";
import { printable } from "../../shared/printable.ts";
import { bytes, count, signed } from "../../shared/units.ts";
import { nameOf, printedLocation } from "../read/sites.ts";
import { renderHead, renderNone } from "./headline.ts";
import type { OwnerRow, Report, SiteRow } from "./report.ts";
import { ofAll, table, topRows, type Column, type RenderOptions } from "./table.ts";
import { bold, red, wrap } from "./text.ts";

export function renderReport(report: Report, options: RenderOptions): string {
  const lines = [...headline(report, options), ...suspects(report, options)];
  const changed = report.sites.filter((row) => row.change !== 0);
  const [title, rows] =
    report.dumps > 1
      ? ["What grew", changed.filter((row) => row.change > 0)]
      : ["What is in use", report.sites.filter((row) => row.value !== 0).sort((a, b) => b.value - a.value)];
  lines.push("", bold(`${title}${ofAll(rows.length, options)}`, options));
  if (rows.length) lines.push(...table(topRows(rows, options), siteColumns(report), options));
  else lines.push(report.dumps > 1 ? "  nothing" : "  nothing is in use");
  const shrunk = changed.filter((row) => row.change < 0).length;
  const still = report.sites.length - changed.length;
  if (report.dumps > 1) lines.push(`  ${count(shrunk)} shrank, ${count(still)} stayed as they were`);
  lines.push("", bold(`Owners${ofAll(report.owners.length, options)}`, options));
  lines.push(...table(topRows(report.owners, options), ownerColumns(report), options));
  return lines.join("\n") + "\n";
}

function headline(report: Report, options: RenderOptions): string[] {
  const files = report.files.map((file) => (file === "-" ? "standard input" : printable(file))).join(", ");
  const [what, ...more] = renderHead(report);
  const lines = [bold(`${files}: ${what}`, options), ...more];
  for (const warning of report.warnings) {
    lines.push(...hanging("! ", 2, printable(warning), options.columns - 3));
  }
  return lines;
}

function suspects(report: Report, options: RenderOptions): string[] {
  if (report.dumps < 2 && !report.suspects.length) return [];
  if (!report.suspects.length) return ["", ...hanging("", 2, `Suspects: ${renderNone(report)}`, options.columns - 3)];
  const lines = ["", bold(`Suspects${ofAll(report.suspects.length, options)}`, options)];
  for (const suspect of topRows(report.suspects, options)) {
    lines.push(...hanging(`  ${red("leak", options)}  `, 8, printable(suspect.evidence), options.columns - 10));
  }
  return lines;
}

function siteColumns(report: Report): Column<SiteRow>[] {
  const growth = report.dumps > 1;
  const columns: (Column<SiteRow> | false)[] = [
    { title: "In use", cell: (row) => formatOf(row)(row.value) },
    growth && { title: "Change", cell: (row) => signed(row.change, formatOf(row)) },
    growth &&
      report.sites.some((row) => row.perHour !== undefined) && {
        title: "Per hour",
        cell: (row) => (row.perHour === undefined ? "-" : signed(Math.round(row.perHour), formatOf(row))),
        spare: 1,
      },
    { title: "Alive", cell: (row) => count(row.live), spare: 2 },
    { title: "Allocated", cell: (row) => count(row.allocs), spare: 3 },
    report.sites.some((row) => row.verdict) && { title: "Verdict", cell: (row) => row.verdict ?? "-", left: true },
    {
      title: "Location",
      cell: (row) => nameOf({ ...row, location: printedLocation(row) }),
      left: true,
    },
  ];
  return columns.filter((column) => column !== false);
}

function ownerColumns(report: Report): Column<OwnerRow>[] {
  const growth = report.dumps > 1;
  const used = MEMORY_CLASSES.filter((name) => report.owners.some((row) => row.classes[name] !== 0));
  const columns: (Column<OwnerRow> | false)[] = [
    ...(used.length > 1
      ? used.map((name): Column<OwnerRow> => ({ title: titleOf(name), cell: (row) => bytes(row.classes[name]), spare: 1 }))
      : []),
    { title: "In use", cell: (row) => bytes(row.total) },
    growth && { title: "Change", cell: (row) => signed(row.change, bytes) },
    report.owners.some((row) => row.objects) && { title: "Objects", cell: (row) => count(row.objects), spare: 2 },
    report.owners.some((row) => row.verdict) && { title: "Verdict", cell: (row) => row.verdict ?? "-", left: true },
    { title: "Owner", cell: (row) => row.owner, left: true },
  ];
  return columns.filter((column) => column !== false);
}

/** A text in lines of `room` columns: the first behind `head`, the others indented. */
function hanging(head: string, indent: number, text: string, room: number): string[] {
  const [begin = "", ...rest] = wrap(text, Math.max(20, room));
  return [head + begin, ...rest.map((line) => " ".repeat(indent) + line)];
}
