// SPDX-License-Identifier: Apache-2.0
//
// What a core has found, read back from the sections that it writes: verdicts of sites and owners, suspects and their evidence.

import type { Section } from "../read/dump.ts";
import { ownerOf } from "../read/sites.ts";

/** By their numbers in the core. */
export const VERDICTS = ["new", "steady", "churn", "filling", "leak"] as const;
export type Verdict = (typeof VERDICTS)[number];

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

/** Reads the sections that the core writes: `Growth since ...`, `Growth of owners since ...`, `Suspects: ...`. */
export function findingsIn(sections: readonly Section[], by: Suspect["by"]): Findings {
  const findings: Findings = { suspects: [], sites: new Map(), owners: new Map() };
  for (const { title, columns, rows } of sections) {
    if (title.startsWith("Growth ")) {
      const verdict = columns.indexOf("Verdict");
      const into = columns.at(-1) === "Owner" ? findings.owners : findings.sites;
      if (verdict < 0) continue;
      for (const row of rows) if (isVerdict(row[verdict])) into.set(row.at(-1)!, row[verdict]);
    } else if (title.startsWith("Suspects")) {
      for (const row of rows) {
        const suspect = suspectOf(row, by);
        if (suspect) findings.suspects.push(suspect);
      }
    }
  }
  for (const { location } of findings.suspects) findings.sites.set(location, "leak");
  return findings;
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
