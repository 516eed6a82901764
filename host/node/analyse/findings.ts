// SPDX-License-Identifier: Apache-2.0
//
// What a core has found, read back from the sections that it writes: verdicts of sites and owners, suspects and their evidence.

import { verdicts } from "../../../format/format.ts";
import { columnsIn, type Section } from "../read/dump.ts";
import { ownerOf } from "../read/sites.ts";

/** By their numbers in the core. */
export const VERDICTS = Object.keys(verdicts) as Verdict[];
export type Verdict = keyof typeof verdicts;

export interface Suspect {
  /** A site's location; for an owner none of whose sites is one, its name. */
  location: string;
  owner: string;
  perHour: number;
  /** What grows. */
  unit: "bytes" | "objects";
  /** Seconds for which it has been growing, and until memory is used up at that rate. */
  growing: number;
  left: number | undefined;
  /** In plain words, the location first. */
  evidence: string;
  /** Who said so: the proxy in its last dump, or the core on the dumps of the file. */
  by: "proxy" | "replay";
}

export interface Findings {
  suspects: Suspect[];
  /** By location; by owner. */
  sites: Map<string, Verdict>;
  owners: Map<string, Verdict>;
}

const ALL_OF = "all of ";

/** Reads the sections that the core writes. */
export function findingsIn(sections: readonly Section[], by: Suspect["by"]): Findings {
  const findings: Findings = { suspects: [], sites: new Map(), owners: new Map() };
  for (const section of sections) {
    addVerdicts(findings.sites, section, columnsIn(section, "growth", ["Verdict", "Location"]));
    addVerdicts(findings.owners, section, columnsIn(section, "ownersGrowth", ["Verdict", "Owner"]));
    const columns = columnsIn(section, "suspects", ["Per hour", "For", "Limit in", "Evidence"]);
    for (const row of columns ? section.rows : []) {
      const suspect = suspectOf(
        columns!.map((column) => row[column]!),
        by,
      );
      if (suspect) findings.suspects.push(suspect);
    }
  }
  for (const { location } of findings.suspects) findings.sites.set(location, "leak");
  return findings;
}

function addVerdicts(into: Map<string, Verdict>, { rows }: Section, columns: number[] | undefined): void {
  if (!columns) return;
  const [verdictAt, nameAt] = columns as [number, number];
  for (const row of rows) {
    const verdict = row[verdictAt];
    if (isVerdict(verdict)) into.set(row[nameAt]!, verdict);
  }
}

/** Columns: bytes (or objects) per hour, seconds of growth, seconds that are left or -, evidence. */
function suspectOf([perHour, growing, left, evidence = ""]: string[], by: Suspect["by"]): Suspect | undefined {
  // The location may hold anything; what follows it begins so.
  const end = evidence.lastIndexOf(": +");
  if (end < 0) return undefined;
  const subject = evidence.slice(0, end);
  const location = subject.startsWith(ALL_OF) ? subject.slice(ALL_OF.length) : subject;
  return {
    location,
    owner: subject.startsWith(ALL_OF) ? location : ownerOf(location),
    perHour: Number(perHour),
    unit: /^: \+[\d,.]+ objects\/h /.test(evidence.slice(end)) ? "objects" : "bytes",
    growing: Number(growing),
    left: left === "-" || left === undefined ? undefined : Number(left),
    evidence,
    by,
  };
}

function isVerdict(text: string | undefined): text is Verdict {
  return (VERDICTS as readonly (string | undefined)[]).includes(text);
}
