// SPDX-License-Identifier: Apache-2.0
//
// The records about the analysis of growth: accepted rows, and the search for references; and whether the last dump says that memory
// cannot be read.

import { REMAINDER_NAME } from "../../../format/format.ts";
import { printable } from "../../shared/printable.ts";
import { Control } from "../core/control.ts";
import { loadCore } from "../core/module.ts";
import { printedLocation, type Site } from "../read/sites.ts";
import type { Snapshot } from "../read/snapshot.ts";
import { ACCEPT, SAMPLES, SEARCH } from "../records.ts";
import { note, ok, problem, type Finding } from "./finding.ts";
import type { Records } from "./records-file.ts";
import { numberOf } from "./settings.ts";

/** The last dump, and the rows that it has. */
export interface Seen {
  dump: Snapshot;
  sites: Iterable<Site>;
}

export function checkGrowth(records: Records, seen: Seen | undefined): Finding[] {
  return [...checkSamples(records), ...checkSearch(records, seen), ...checkAccepted(valueOf(records.get(ACCEPT)), seen)];
}

/** NULL is the server's word for an empty text. */
function valueOf(text = ""): string {
  return text === "NULL" ? "" : text;
}

function checkSamples(records: Records): Finding[] {
  if (!isOff(records, SAMPLES)) return [];
  return [note(`${SAMPLES} is 0: dumps say nothing of growth`, `traffic_ctl config set ${SAMPLES} 10`)];
}

function checkSearch(records: Records, seen: Seen | undefined): Finding[] {
  const findings: Finding[] = [];
  if (isOff(records, SEARCH)) {
    const what = `${SEARCH} is 0: memory is not searched for references, so no leak is proved, and no holder is known`;
    findings.push(note(what, `traffic_ctl config set ${SEARCH} 5`));
  }
  if (seen?.dump.header.get("memory-reader") === "none") {
    const what =
      "the system forbids the server to read its own memory (process_vm_writev, pipe, /proc/self/mem): no pass of the search is complete, " +
      "and it proves nothing";
    findings.push(problem(what, "allow process_vm_writev in the seccomp profile of the container or of the service, and restart"));
  }
  return findings;
}

/** A record that the file sets to 0. */
function isOff(records: Records, name: string): boolean {
  return /^\s*0/.test(records.get(name) ?? "") && numberOf(records, name) === 0;
}

function checkAccepted(value: string, seen: Seen | undefined): Finding[] {
  const control = new Control(loadCore());
  const fault = control.faultOfAccept(value);
  const findings: Finding[] = [];
  if (fault !== undefined) {
    const [, what = fault, fix] = /^(.*?: pattern \d+ is not used: [^;]*); (.*?)(?:; [^;]* accepted)$/s.exec(fault) ?? [];
    findings.push(problem(printable(what), printable(fix ?? "correct it")));
  }
  const patterns = control.acceptPatterns(value);
  if (!seen) return findings;
  const names = namesOf(seen);
  const unmatched = patterns.filter((pattern) => !names.some((name) => control.isAcceptedBy(pattern, name)));
  for (const pattern of unmatched) {
    const what = `${ACCEPT}: no row of the last dump has a name that contains "${printable(pattern)}"`;
    const fix = "take it out, if the leak is mended; else write a part of the row's name, as in the column Location. Case matters";
    findings.push(note(what, fix));
  }
  if (patterns.length > unmatched.length) {
    const n = patterns.length - unmatched.length;
    findings.push(ok(`${ACCEPT}: ${n} pattern${n === 1 ? "" : "s"} with rows in the last dump`));
  }
  return findings;
}

/** What a pattern can match: rows, owners, memory in no row. */
function namesOf({ dump, sites }: Seen): string[] {
  const rows = [...sites].filter(({ number }) => dump.present[number]);
  return [...new Set([...rows.map(printedLocation), ...rows.map(({ owner }) => owner), REMAINDER_NAME])];
}
