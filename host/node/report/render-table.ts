// SPDX-License-Identifier: Apache-2.0
//
// Text for a terminal: columns that fit its width. The last column is text and takes what the others leave; where that is too
// little, the columns that say least go first. Everything from a file has been made printable before it is measured.

import { bytes, count, signed } from "../../shared/units.ts";
import { nameOf, printedLocation } from "../read/sites.ts";
import { BYTE_CLASSES, CLASS_TITLES, formatOf } from "../../shared/classes.ts";
import type { Difference } from "./diff.ts";
import { renderHead, renderNone } from "./headline.ts";
import type { OwnerRow, Report, SiteRow } from "./report.ts";
import { keepEnd, width, wrap } from "./text.ts";
import { printable } from "../../shared/printable.ts";

export interface Look {
  /** Columns of the terminal; Infinity where it is none. */
  columns: number;
  colour: boolean;
  /** Rows of a table at most; 0 for all. */
  top: number;
}

interface Column<Row> {
  title: string;
  cell(row: Row): string;
  /** It goes before others when room is scarce: the largest first. 0 stays. */
  spare?: number;
  left?: boolean;
}

const LOCATION_MIN = 32;
const GAP = "  ";

const bold = (text: string, look: Look): string => (look.colour ? `\x1b[1m${text}\x1b[0m` : text);
const red = (text: string, look: Look): string => (look.colour ? `\x1b[31m${text}\x1b[0m` : text);
const green = (text: string, look: Look): string => (look.colour ? `\x1b[32m${text}\x1b[0m` : text);

export function renderReport(report: Report, look: Look): string {
  const lines = [...headline(report, look), ...suspects(report, look)];
  const changed = report.sites.filter((row) => row.change !== 0);
  const [title, rows] =
    report.dumps > 1
      ? ["What grew", changed.filter((row) => row.change > 0)]
      : ["What is in use", report.sites.filter((row) => row.value !== 0).sort((a, b) => b.value - a.value)];
  lines.push("", bold(`${title}${shown(rows.length, look)}`, look));
  if (rows.length) lines.push(...table(cut(rows, look), siteColumns(report), look));
  else lines.push(report.dumps > 1 ? "  nothing" : "  nothing is in use");
  const shrunk = changed.filter((row) => row.change < 0).length;
  const still = report.sites.length - changed.length;
  if (report.dumps > 1) lines.push(`  ${count(shrunk)} shrank, ${count(still)} stayed as they were`);
  lines.push("", bold(`Owners${shown(report.owners.length, look)}`, look));
  lines.push(...table(cut(report.owners, look), ownerColumns(report), look));
  return lines.join("\n") + "\n";
}

function headline(report: Report, look: Look): string[] {
  const files = report.files.map((file) => (file === "-" ? "standard input" : printable(file))).join(", ");
  const [what, ...more] = renderHead(report);
  const lines = [bold(`${files}: ${what}`, look), ...more];
  for (const warning of report.warnings) {
    const [begin = "", ...rest] = wrap(printable(warning), Math.max(20, look.columns - 3));
    lines.push(`! ${begin}`, ...rest.map((line) => `  ${line}`));
  }
  return lines;
}

function suspects(report: Report, look: Look): string[] {
  if (report.dumps < 2 && !report.suspects.length) return [];
  if (!report.suspects.length) {
    const [begin = "", ...rest] = wrap(`Suspects: ${renderNone(report)}`, Math.max(20, look.columns - 3));
    return ["", begin, ...rest.map((line) => `  ${line}`)];
  }
  const lines = ["", bold(`Suspects${shown(report.suspects.length, look)}`, look)];
  for (const suspect of cut(report.suspects, look)) {
    const [begin = "", ...rest] = wrap(printable(suspect.evidence), Math.max(20, look.columns - 10));
    lines.push(`  ${red("leak", look)}  ${begin}`, ...rest.map((line) => `        ${line}`));
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
  const used = BYTE_CLASSES.filter((name) => report.owners.some((row) => row.classes[name] !== 0));
  const columns: (Column<OwnerRow> | false)[] = [
    ...(used.length > 1
      ? used.map((name): Column<OwnerRow> => ({ title: CLASS_TITLES[name], cell: (row) => bytes(row.classes[name]), spare: 1 }))
      : []),
    { title: "In use", cell: (row) => bytes(row.total) },
    growth && { title: "Change", cell: (row) => signed(row.change, bytes) },
    report.owners.some((row) => row.objects) && { title: "Objects", cell: (row) => count(row.objects), spare: 2 },
    report.owners.some((row) => row.verdict) && { title: "Verdict", cell: (row) => row.verdict ?? "-", left: true },
    { title: "Owner", cell: (row) => row.owner, left: true },
  ];
  return columns.filter((column) => column !== false);
}

/** As `git diff` would say it: what is less, what is more, and nothing of what is as it was. */
export function renderDiff(difference: Difference, look: Look): string {
  const { rows } = difference;
  const lines = [
    bold(red(`--- ${printable(difference.before)}`, look), look),
    bold(green(`+++ ${printable(difference.after)}`, look), look),
    ...difference.warnings.map((warning) => `! ${printable(warning)}`),
  ];
  if (!rows.length) return [...lines, "no difference"].join("\n") + "\n";
  const columns: Column<(typeof rows)[number]>[] = [
    { title: "", cell: (row) => (row.change < 0 ? "-" : row.change > 0 ? "+" : " "), left: true },
    { title: "Change", cell: (row) => signed(row.change, formatOf(row)) },
    { title: "Before", cell: (row) => formatOf(row)(row.before), spare: 1 },
    { title: "After", cell: (row) => formatOf(row)(row.after) },
    { title: "Allocs", cell: (row) => signed(row.allocs, count), spare: 2 },
    { title: "Frees", cell: (row) => signed(row.frees, count), spare: 2 },
    {
      title: "Location",
      cell: (row) => nameOf(row) + (row.state === "both" ? "" : ` (${row.state})`),
      left: true,
    },
  ];
  const paint = (line: string, row: (typeof rows)[number]): string =>
    row.change > 0 ? green(line, look) : row.change < 0 ? red(line, look) : line;
  lines.push(...table(cut(rows, look), columns, look, paint));
  if (look.top && rows.length > look.top) lines.push(`  ${count(rows.length - look.top)} more; --top 0 shows all`);
  lines.push(
    `  total ${bytes(difference.totalBefore)} to ${bytes(difference.totalAfter)}, ${signed(difference.totalAfter - difference.totalBefore, bytes)}`,
  );
  return lines.join("\n") + "\n";
}

/** Lines of a table, the column's titles first. */
function table<Row>(rows: Row[], all: Column<Row>[], look: Look, paint = (line: string, _: Row): string => line): string[] {
  const columns = [...all];
  const cells = new Map(columns.map((column) => [column, rows.map((row) => printable(column.cell(row)))]));
  const widthOf = (column: Column<Row>): number => Math.max(width(column.title), ...cells.get(column)!.map((cell) => width(cell)));
  const widths = new Map(columns.map((column) => [column, widthOf(column)]));
  const last = columns.at(-1)!;
  const taken = (): number => columns.slice(0, -1).reduce((sum, column) => sum + widths.get(column)! + GAP.length, GAP.length);
  const wanted = Math.min(LOCATION_MIN, widths.get(last)!);
  while (look.columns - taken() < wanted) {
    const spare = Math.max(...columns.map((column) => column.spare ?? 0));
    if (spare === 0) break;
    columns.splice(
      columns.findLastIndex((column) => (column.spare ?? 0) === spare),
      1,
    );
  }
  const room = Math.max(8, look.columns - taken());
  const line = (texts: (column: Column<Row>) => string): string => {
    const parts = columns.map((column) => {
      if (column === last) return keepEnd(texts(column), room);
      const text = texts(column);
      const blanks = " ".repeat(widths.get(column)! - width(text));
      return column.left ? text + blanks : blanks + text;
    });
    return GAP + parts.join(GAP);
  };
  const head = line((column) => column.title);
  return [
    head,
    ...rows.map((row, index) =>
      paint(
        line((column) => cells.get(column)![index]!),
        row,
      ),
    ),
  ];
}

function cut<Row>(rows: Row[], look: Look): Row[] {
  return look.top ? rows.slice(0, look.top) : rows;
}

function shown(rows: number, look: Look): string {
  return look.top && rows > look.top ? ` (${look.top} of ${count(rows)}; --top 0 shows all)` : "";
}
