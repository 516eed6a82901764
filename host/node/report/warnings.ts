// SPDX-License-Identifier: Apache-2.0
//
// Warnings before the numbers: what could not be read, what was skipped, what the last dump warns of.

import { count } from "../../shared/units.ts";
import type { Findings } from "../analyse/findings.ts";
import { exhaustedIn } from "../read/exhausted.ts";
import { HEADER_KEYS } from "../read/dump.ts";
import type { Point, Run } from "../read/history.ts";
import { nameForPeople, withoutOpenssl, type Snapshot } from "../read/snapshot.ts";
import type { ReportInput } from "./report.ts";

/** The warnings of a report. */
export function warningsOf(input: ReportInput, run: Run, points: Point[], findings: Findings): string[] {
  const { sites, runs } = input;
  const { skipped } = runs;
  const [first, last] = [run.data!.first!, run.data!.last!];
  const warnings = [...input.problems];
  if (last.state !== "complete") {
    warnings.push(`the only dump, ${nameForPeople(last)}, is not whole: its numbers are a part`);
  } else {
    if (skipped.cut) warnings.push(`${dumps(skipped.cut)} cut off, and left out`);
    if (skipped.damaged) {
      warnings.push(`${dumps(skipped.damaged)} left out: rows are missing or another process's are between them`);
    }
  }
  if (runs.endsUntracked && run === runs.latest) {
    warnings.push("the last dump is of level 0: nothing was tracked any more");
  }
  const untracked = withoutOpenssl({ dump: first }, { dump: last });
  if (untracked) warnings.push(`OpenSSL is not tracked in ${nameForPeople(untracked.dump)}: its change is not known`);
  if (skipped.untimed) {
    warnings.push("the built-in tracker's dumps say no time: --since and --until do not apply to them");
  }
  if (findings.suspects.length && Number.isNaN(run.lastTime) && input.interval === undefined) {
    warnings.push("the dumps say no time: rates and spans of suspects are as if there were one a minute; --interval SECONDS says");
  }
  warnings.push(...warningsIn(last));
  for (const [text, times] of tally(input.alarms)) warnings.push(times === 1 ? text : `${text} (${times} times)`);
  if (sites.refused) warnings.push(`more than ${count(sites.size)} sites: the others are summed in the rows (other)`);
  if (points.length === 1) warnings.push("there is one dump: growth needs two, some time apart");
  return warnings;
}

/** The warnings in a dump. */
function warningsIn({ header, notes }: Snapshot): string[] {
  const warnings: string[] = [];
  for (const note of notes) {
    if (note.get("state") === "refused") warnings.push(`hook ${note.get("hook")} was refused: ${note.get("reason")}`);
    if (note.has("warning")) warnings.push(note.get("warning")!);
  }
  for (const [key, { warning }] of HEADER_KEYS) {
    const value = Number(header.get(key));
    if (warning && value) warnings.push(`${count(value)} ${warning}`);
  }
  const exhausted = exhaustedIn(header);
  if (exhausted) warnings.push(`limits of memtrack are reached: ${exhausted}; docs/REFERENCE.md says what comes of it`);
  return warnings;
}

function dumps(n: number): string {
  return n === 1 ? "1 dump is" : `${count(n)} dumps are`;
}

function tally(texts: string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}
