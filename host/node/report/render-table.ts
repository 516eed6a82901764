// SPDX-License-Identifier: Apache-2.0
//
// A report on a terminal: the files read, suspects, growth, owners.

import { REMAINDER_NAME } from "../../../format/format.ts";
import { classOf, formatOf, MEMORY_CLASSES, titleOf, type MemoryName } from "../../shared/classes.ts";
import { CORE, shortName } from "../../shared/place.ts";
import { printable } from "../../shared/printable.ts";
import { bytes, count, signed } from "../../shared/units.ts";
import { fitName } from "./fit-name.ts";
import { renderHead, renderNone, renderUndecided } from "./headline.ts";
import type { OwnerRow, Report, SiteRow } from "./report.ts";
import { renderSearch } from "./render-search.ts";
import { renderStackOf, renderSuspect } from "./suspect.ts";
import { localTimes, table, titled, topRows, type Column, type RenderOptions } from "./table.ts";
import { bold, cut, hanging, red } from "./text.ts";

type Judged = Pick<SiteRow, "verdict">;

/** @param extra further lines below the headline */
export function renderReport(report: Report, options: RenderOptions, extra: string[] = []): string {
  const lines = [...headline(report, options), ...extra, ...suspects(report, options), ""];
  const changed = report.sites.filter((row) => row.change !== 0);
  const [title, rows] =
    report.dumps > 1
      ? ["What grew", changed.filter((row) => row.change > 0)]
      : ["What is in use", report.sites.filter((row) => row.value !== 0).sort((a, b) => b.value - a.value)];
  lines.push(titled(title, rows.length, options, judgeOf(report, report.sites)));
  if (rows.length) lines.push(...table(topRows(rows, options), siteColumns(report), options));
  else lines.push(report.dumps > 1 ? "  nothing" : "  nothing is in use");
  const shrunk = changed.filter((row) => row.change < 0).length;
  const still = report.sites.length - changed.length;
  if (report.dumps > 1) lines.push(`  ${count(shrunk)} shrank, ${count(still)} did not change`);
  return [...lines, "", ...renderSearch(report, options), ...owners(report, options)].join("\n") + "\n";
}

/** The largest growth first. The owner with the most memory is always shown. */
function owners(report: Report, options: RenderOptions): string[] {
  const all = report.owners;
  const largest = all.reduce<OwnerRow | undefined>((most, row) => (most && most.total >= row.total ? most : row), undefined);
  const rows = topRows(all, options, largest);
  return [titled("Owners", all.length, options, judgeOf(report, all)), ...table(rows, ownerColumns(report, rows), options)];
}

/** `new` means that there is no verdict yet. */
function isJudged(rows: readonly Judged[]): boolean {
  return rows.some(({ verdict }) => verdict !== undefined && verdict !== "new");
}

/** The part of a title that names the source of the verdicts. */
function judgeOf(report: Report, rows: readonly Judged[]): string {
  if (!isJudged(rows)) return "";
  return report.judge === "proxy" ? "verdicts from the proxy" : "verdicts from this command";
}

function headline(report: Report, options: RenderOptions): string[] {
  const files = report.files.map((file) => (file === "-" ? "standard input" : printable(file))).join(", ");
  const [what, ...more] = renderHead(report);
  const [head = "", ...rest] = hanging("", 2, `${files}: ${what}`, options);
  const lines = [bold(head, options), ...rest.map((line) => bold(line, options))];
  lines.push(...localTimes(report.first.time, report.last.time, options));
  for (const line of more) lines.push(...hanging("", 2, line, options));
  for (const warning of report.warnings) lines.push(...hanging("! ", 2, printable(warning), options));
  return lines;
}

function suspects(report: Report, options: RenderOptions): string[] {
  const { suspects: all } = report;
  if (report.dumps < 2 && !all.length && report.judge === "replay") return [];
  const lines = all.length
    ? ["", titled("Suspects", all.length, options)]
    : ["", ...hanging("", 2, `Suspects: ${renderNone(report)}`, options)];
  for (const suspect of topRows(all, options)) {
    const [cause, ...rows] = renderSuspect(suspect, report).map(printable);
    const head = `  ${red("leak", options)}  `;
    if (options.brief) lines.push(head + cut(cause!, options.columns - 8, "end"));
    else {
      const more = [...rows, ...renderStackOf(suspect, report).map(printable)];
      lines.push(...hanging(head, 8, cause!, options), ...more.flatMap((row) => hanging("        ", 10, row, options)));
    }
  }
  const open = renderUndecided(report);
  if (open) lines.push(...hanging("  ", 2, `largest growth not judged yet: ${printable(open)}`, options));
  if (all.length && !options.brief) lines.push(...nextStep(report, options));
  return lines;
}

/** The command that shows more about the first suspect in rows. It is never wrapped, so that it can be copied. */
function nextStep({ suspects: all, files }: Report, options: RenderOptions): string[] {
  const first = all.find(({ owner }) => owner !== REMAINDER_NAME);
  if (!first) return [];
  const file = files.at(-1)!;
  const command = `memtrack report --owner ${quoted(first.owner)} ${file === "-" ? "FILE" : quoted(file)}`;
  return [...hanging("  ", 2, printable(`next: all that ${first.owner} holds`), options), `    ${printable(command)}`];
}

/** Quotes a word for a shell. */
function quoted(word: string): string {
  return /^[\w./:@%+-][\w./:@%+#-]*$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function siteColumns(report: Report): Column<SiteRow>[] {
  const growth = report.dumps > 1;
  const columns: (Column<SiteRow> | false)[] = [
    { title: "In use", cell: (row) => formatOf(row)(row.value), spare: growth ? 2 : 0 },
    growth && { title: "Change", cell: (row) => signed(row.change, formatOf(row)) },
    growth && {
      title: "Per hour",
      cell: (row) => (row.perHour === undefined ? "-" : signed(Math.round(row.perHour), formatOf(row))),
      spare: 2,
    },
    { title: "Alive", cell: (row) => count(row.live), spare: 4 },
    { title: "Allocated", cell: (row) => count(row.allocs), spare: 5 },
    isJudged(report.sites) && { title: "Verdict", cell: (row) => row.verdict ?? "-", left: true },
    { title: "Why", cell: (row) => row.why ?? "-", spare: 1, left: true },
    { title: "Proof", cell: (row) => row.proof?.proof ?? "-", spare: 3, left: true },
    { title: "Class", cell: classOf, spare: 3, left: true },
    {
      title: "Plugin, function, line",
      cell: shortName,
      fit: (name, row, room) => fitName(name, printable(row.owner), room),
      left: true,
    },
  ];
  return columns.filter((column) => column !== false);
}

/** The class with the least memory of plugins is omitted first: the table is for finding a plugin. */
function ownerColumns(report: Report, rows: OwnerRow[]): Column<OwnerRow>[] {
  const growth = report.dumps > 1;
  const held = (name: MemoryName, of: OwnerRow[]): number => of.reduce((sum, row) => sum + row.classes[name], 0);
  const used = MEMORY_CLASSES.filter((name) => held(name, rows) !== 0);
  const plugins = rows.filter(({ owner }) => owner !== CORE);
  const bySize = [...used].sort((a, b) => held(b, plugins) - held(a, plugins));
  const columns: (Column<OwnerRow> | false)[] = [
    { title: "In use", cell: (row) => bytes(row.total) },
    growth && { title: "Change", cell: (row) => signed(row.change, bytes) },
    ...(used.length > 1 ? used : []).map((name): Column<OwnerRow> => ({
      title: titleOf(name),
      cell: (row) => (row.classes[name] ? bytes(row.classes[name]) : "-"),
      spare: 2 + bySize.indexOf(name),
    })),
    { title: titleOf("object"), cell: (row) => (row.objects ? count(row.objects) : "-"), spare: 2 },
    isJudged(report.owners) && { title: "Verdict", cell: (row) => row.verdict ?? "-", left: true },
    { title: "Why", cell: (row) => row.why ?? "-", spare: 1, left: true },
    { title: "Owner", cell: (row) => row.owner, fit: (name, _, room) => cut(name, room, "middle"), left: true },
  ];
  return columns.filter((column) => column !== false);
}
