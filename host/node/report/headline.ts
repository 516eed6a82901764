// SPDX-License-Identifier: Apache-2.0
//
// The first lines of every report: which dumps were read, how much memory is in use; and what it means if there is no suspect.

import { explanations } from "../../../format/format.ts";
import { classOf, holdsMemory, MEMORY_CLASSES, titleOf } from "../../shared/classes.ts";
import { shortName } from "../../shared/place.ts";
import { bytes, count, signed, span, time } from "../../shared/units.ts";
import { DUMPS_MIN } from "../analyse/analysis.ts";
import type { DumpName, Report, SiteRow } from "./report.ts";
import { renderResident } from "./resident.ts";

/** Explanations after which a growth does not become a leak. */
const MEASURED = new Set<string | undefined>(
  Object.values(explanations).flatMap((entry) => ("measured" in entry ? [entry.word] : [])),
);
/** What the proxy's summary says about the time of a verdict. */
const VERDICT_TIME = /; ((?:verdict|judged again) [^()]+)\)?$/;
const PERCENT_MAJORITY = 50;

/** The dumps; bytes in use; resident memory; the run, if there are several. */
export function renderHead(report: Report): string[] {
  return [renderDumps(report), ...renderAmounts(report), ...renderRun(report)];
}

/** How many dumps, who wrote them, and when. */
export function renderDumps(report: Report): string {
  const { first, last, seconds } = report;
  const growth = report.dumps > 1;
  const who = report.origin === "memtrack" ? "memtrack" : "the built-in tracker";
  const between = growth ? `${nameOf(first)} to ${nameOf(last)}` : nameOf(last);
  const took = seconds && growth ? ` (${span(seconds)})` : "";
  return `${counted(report.dumps, "dump")} of ${who}, ${between}${took}`;
}

/** The run, if the files have several, and how to see the run before it; of the first run, the run after it. */
export function renderRun({ run, runs }: Report): string[] {
  const count = runs.at(-1)!.run;
  if (count === 1) return [];
  const [before, after] = [run - 1, run + 1].map((number) => runs.find((other) => other.run === number));
  const other = before ? `run ${before.run} ended ${withName(before.last)}` : `run ${after!.run} began ${withName(after!.first)}`;
  return [`run ${run} of ${count}; ${other}: --run ${(before ?? after)!.run} shows it`];
}

function withName(dump: DumpName): string {
  return dump.time === undefined ? `with ${nameOf(dump)}` : nameOf(dump);
}

function renderAmounts(report: Report): string[] {
  const classes = MEMORY_CLASSES.filter((name) => report.classes[name] !== 0);
  const parts = classes.map((name) => `${titleOf(name)} ${bytes(report.classes[name])}`);
  const change = (by: number): string => (report.dumps > 1 ? `, ${by ? signed(by, bytes) : "no change"}` : "");
  const inUse = `in use: ${bytes(report.total)}${change(report.totalChange)}${parts.length > 1 ? ` (${parts.join(", ")})` : ""}`;
  return report.resident ? [inUse, renderResident(report.resident)] : [inUse];
}

/** What it means that there is no suspect. It is no all-clear while growth is not judged, or is in no row. */
export function renderNone(report: Report): string {
  const judged = report.sites.filter((row) => row.verdict !== undefined && row.verdict !== "new");
  const open = undecided(report);
  const dark = renderCoverage(report);
  if (!judged.length) return [noVerdict(report), dark].filter(Boolean).join("; ");
  const accepted = judged.filter((row) => row.verdict === "accepted").length;
  const explained = judged.filter((row) => row.verdict === "filling" && !open.includes(row)).length;
  const parts = [
    open.length ? `none yet: ${counted(open.length, "growing site")} ${open.length === 1 ? "is" : "are"} not judged yet` : "none",
    accepted && `${counted(accepted, "site")} accepted`,
    explained && `${counted(explained, "site")} ${explained === 1 ? "grows" : "grow"} with an explanation (column Why)`,
    dark,
  ];
  return parts.filter(Boolean).join("; ");
}

/** The largest growth without a verdict. */
export function renderUndecided(report: Report): string | undefined {
  const [row] = undecided(report);
  if (!row) return undefined;
  const rate = row.perHour === undefined ? "" : `, ${signed(Math.round(row.perHour), bytes)}/h`;
  return `${shortName(row)}, ${classOf(row)}: ${signed(row.change, bytes)}${rate} (${[row.why ?? "new", verdictTime(report, row)].filter(Boolean).join("; ")})`;
}

/** When the proxy expects to judge a site, if the summary of the last dump says it. */
export function verdictTime({ summary }: Report, row: SiteRow): string | undefined {
  const names = [row.location, shortName(row)];
  const lines = summary.filter((line) => names.some((name) => line.includes(name)));
  return lines.map((line) => VERDICT_TIME.exec(line)?.[1]).find(Boolean);
}

/** How much of the growth of resident memory the rows explain: without it, "none" could be taken for an all-clear. */
function renderCoverage({ resident }: Report): string | undefined {
  if (!resident) return undefined;
  const { change, coverage, unaccountedShare } = resident;
  if (coverage !== null) return `rows explain ${coverage} % of the growth of resident memory (${signed(change!, bytes)})`;
  if (unaccountedShare < PERCENT_MAJORITY) return "coverage -";
  return `coverage -; ${unaccountedShare} % of resident memory is not accounted: a leak in it has no row`;
}

/** Growing sites that can still become suspects, the largest growth first. */
export function undecided({ sites }: Report): SiteRow[] {
  const open = ({ verdict, why }: SiteRow): boolean => verdict === "new" || (verdict === "filling" && !MEASURED.has(why));
  return sites.filter((row) => row.change > 0 && holdsMemory(row.class) && open(row));
}

function noVerdict(report: Report): string {
  if (report.judge === "proxy") return "none yet: the proxy has taken too few samples to judge";
  return `none yet: verdicts need ${DUMPS_MIN} dumps, and there ${report.dumps === 1 ? "is" : "are"} ${count(report.dumps)}`;
}

/** `1 object`, `2 objects`. */
export function counted(n: number, noun: string): string {
  return `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
}

function nameOf(dump: DumpName): string {
  return dump.time === undefined ? `dump ${dump.number}` : time(dump.time);
}
