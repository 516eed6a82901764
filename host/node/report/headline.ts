// SPDX-License-Identifier: Apache-2.0
//
// The first lines of every report: which dumps were read, how much memory is in use; and what it means if there is no suspect.

import { explanations } from "../../../format/format.ts";
import { classOf, holdsMemory, MEMORY_CLASSES, titleOf } from "../../shared/classes.ts";
import { shortName } from "../../shared/place.ts";
import { bytes, count, signed, span, time } from "../../shared/units.ts";
import { DUMPS_MIN } from "../analyse/analysis.ts";
import { changesSince, residentIn } from "../read/resident.ts";
import type { DumpName, Report, SiteRow } from "./report.ts";

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
  const change = (by: number | null): string =>
    report.dumps > 1 && by !== null ? `, ${by ? signed(by, bytes) : "no change"}` : "";
  const memory = memoryOf(report);
  const inUse = `in use: ${bytes(report.total)}${change(report.totalChange)}${parts.length > 1 ? ` (${parts.join(", ")})` : ""}`;
  if (!memory) return [inUse];
  const resident = `resident: ${bytes(memory.resident)}${change(memory.residentChange)}`;
  const dark = `${bytes(memory.unaccounted)} (${memory.share} %) not accounted${change(memory.unaccountedChange)}`;
  return [inUse, `${resident}; ${dark}`];
}

/** What it means that there is no suspect. It is no all-clear while growth is not judged, or most memory has no row. */
export function renderNone(report: Report): string {
  const judged = report.sites.filter((row) => row.verdict !== undefined && row.verdict !== "new");
  const open = undecided(report);
  const dark = renderUnaccounted(report);
  if (!judged.length) return [noVerdict(report), dark].filter(Boolean).join("; ");
  const explained = judged.filter((row) => row.verdict === "filling" && !open.includes(row)).length;
  const parts = [
    open.length ? `none yet: ${counted(open.length, "growing site")} ${open.length === 1 ? "is" : "are"} not judged yet` : "none",
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

/** Said if no row accounts for most of the resident memory. */
function renderUnaccounted(report: Report): string | undefined {
  const memory = memoryOf(report);
  if (!memory || memory.share < PERCENT_MAJORITY) return undefined;
  return `${memory.share} % of resident memory is not accounted: a leak in it has no row`;
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

interface Memory {
  resident: number;
  /** Since the first dump; null if that dump does not report it. */
  residentChange: number | null;
  unaccounted: number;
  unaccountedChange: number | null;
  /** Percentage of the resident memory that is not accounted. */
  share: number;
}

/** The resident memory of the process, by the last dump. */
function memoryOf({ sections, firstSections }: Report): Memory | undefined {
  const found = residentIn(sections);
  const [resident, unaccounted] = [found?.resident.bytes, found?.unaccounted?.bytes];
  if (!resident || typeof unaccounted !== "number") return undefined;
  const changeOf = changesSince(residentIn(firstSections));
  return {
    resident,
    residentChange: changeOf(found!.resident),
    unaccounted,
    unaccountedChange: changeOf(found!.unaccounted!),
    share: Math.round((100 * unaccounted) / resident),
  };
}

/** `1 object`, `2 objects`. */
export function counted(n: number, noun: string): string {
  return `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
}

function nameOf(dump: DumpName): string {
  return dump.time === undefined ? `dump ${dump.number}` : time(dump.time);
}
