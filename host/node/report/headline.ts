// SPDX-License-Identifier: Apache-2.0
//
// What was read, in a few phrases, for the top of every report.

import { MEMORY_CLASSES, titleOf } from "../../shared/classes.ts";
import { bytes, count, signed, span, time } from "../../shared/units.ts";
import { DUMPS_MIN } from "../analyse/analysis.ts";
import type { DumpName, Report } from "./report.ts";

/** Who wrote the dumps and when; what is in use; which run it is, where there are several. */
export function renderHead(report: Report): string[] {
  const { first, last, seconds } = report;
  const growth = report.dumps > 1;
  const who = report.origin === "memtrack" ? "memtrack" : "the built-in tracker";
  const between = growth ? `${nameOf(first)} to ${nameOf(last)}` : nameOf(last);
  const took = seconds && growth ? ` (${span(seconds)})` : "";
  const classes = MEMORY_CLASSES.filter((name) => report.classes[name] !== 0);
  const parts = classes.map((name) => `${titleOf(name)} ${bytes(report.classes[name])}`);
  const change = growth ? `, ${signed(report.totalChange, bytes)}` : "";
  const runs = report.runs.at(-1)!.run;
  return [
    `${dumps(report.dumps)} of ${who}, ${between}${took}`,
    `in use: ${bytes(report.total)}${change}${parts.length > 1 ? ` (${parts.join(", ")})` : ""}`,
    ...(runs > 1 ? [`run ${report.run} of ${runs} (each began to count anew); --run N shows another one`] : []),
  ];
}

/** What it means that there is no suspect. */
export function renderNone(report: Report): string {
  const judged = report.sites.filter((row) => row.verdict !== undefined && row.verdict !== "new");
  if (!judged.length) {
    return `none yet: the core judges from ${DUMPS_MIN} dumps on, so that it is not by chance, and this is ${dumps(report.dumps)}`;
  }
  const filling = judged.filter((row) => row.verdict === "filling").length;
  if (!filling) return "none: nothing grows without a reason to stop";
  return `none; ${filling === 1 ? "1 site is" : `${count(filling)} sites are`} filling, which may end, as a cache does`;
}

function dumps(n: number): string {
  return n === 1 ? "1 dump" : `${count(n)} dumps`;
}

function nameOf(dump: DumpName): string {
  return dump.time === undefined ? `dump ${dump.number}` : time(dump.time);
}
