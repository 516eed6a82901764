// SPDX-License-Identifier: Apache-2.0
//
// What a core has found, read back from the sections that it writes: verdicts of sites and owners, suspects and their evidence.

import { explanations, REMAINDER_NAME, verdicts } from "../../../format/format.ts";
import { OBJECT_KINDS } from "../../shared/classes.ts";
import { columnsIn, type Section } from "../read/dump.ts";
import { ownerOf } from "../read/sites.ts";

/** By their numbers in the core. */
export const VERDICTS = Object.keys(verdicts) as Verdict[];
export type Verdict = keyof typeof verdicts;

/** Who judges: the proxy, in its last dump, or this command, by replaying the dumps. */
export type Judge = "proxy" | "replay";

/** A row that grows without an explanation. */
export interface SuspectRow {
  /** A site's location; for an owner none of whose sites is one, its name; for memory in no row, REMAINDER_NAME, which is also its owner. */
  location: string;
  perHour: number;
  /** What grows. */
  unit: "bytes" | "objects";
  /** A row of objects, whatever its unit. */
  objects: boolean;
  /** Seconds for which it has been growing, and until memory is used up at that rate. */
  growing: number;
  left: number | undefined;
  /** In plain words, the location first. */
  evidence: string;
}

/** Rows that have one cause, summed up: the location is what theirs have in common. */
export interface Suspect extends SuspectRow {
  owner: string;
  /** One at least: itself, where it is one row. */
  rows: SuspectRow[];
  by: Judge;
}

/** A verdict on a site or an owner. */
export interface Judgement {
  verdict: Verdict;
  /** The explanation of a growth, or why it is too soon for a verdict; undefined if there is none. */
  why?: string;
}

/** All from one judge: two judges see different samples, and their verdicts differ. */
export interface Findings {
  by: Judge;
  suspects: Suspect[];
  /** By judgedKey(); by owner. Rows without a verdict are missing. */
  sites: Map<string, Judgement>;
  owners: Map<string, Judgement>;
}

/** A location can have a row of bytes, and a row for each kind of objects. */
export function judgedKey(location: string, kind = ""): string {
  return OBJECT_KINDS.has(kind) ? `${kind} ${location}` : location;
}

const ALL_OF = "all of ";
/** What a row begins with that stands under its suspect. */
const UNDER = "  - ";
const ROWS = / \(\d+ rows\)$/;

/** Whether a dump has verdicts. It has none if the proxy takes no samples. */
export function isJudged(sections: readonly Section[]): boolean {
  return sections.some((section) => columnsIn(section, "growth", ["Verdict", "Location"]));
}

/** Reads the sections that the core writes. */
export function findingsIn(sections: readonly Section[], by: Judge): Findings {
  const findings: Findings = { by, suspects: [], sites: new Map(), owners: new Map() };
  for (const section of sections) {
    const [kind] = columnsIn(section, "growth", ["Kind"]) ?? []; // missing in format 1
    const growth = columnsIn(section, "growth", ["Verdict", "Why", "Location"]);
    addVerdicts(findings.sites, section, growth, (row, location) => judgedKey(location, kind === undefined ? "" : row[kind]));
    addVerdicts(findings.owners, section, columnsIn(section, "ownersGrowth", ["Verdict", "Why", "Owner"]), (_, owner) => owner);
    const columns = columnsIn(section, "suspects", ["Per hour", "For", "Limit in", "Evidence"]);
    for (const row of columns ? section.rows : []) {
      addSuspect(
        findings.suspects,
        columns!.map((column) => row[column]!),
        by,
      );
    }
  }
  for (const { owner, rows } of findings.suspects) {
    for (const { location, objects } of rows) if (!objects) findings.sites.set(location, { verdict: "leak" });
    findings.owners.set(owner, { verdict: "leak" });
  }
  return findings;
}

function addVerdicts(
  into: Map<string, Judgement>,
  { rows }: Section,
  columns: number[] | undefined,
  keyOf: (row: string[], name: string) => string,
): void {
  for (const row of columns ? rows : []) {
    const [verdict, why, name] = columns!.map((column) => row[column]);
    if (isVerdict(verdict)) into.set(keyOf(row, name!), { verdict, ...(why && why !== explanations.nothing.word && { why }) });
  }
}

/** Columns: bytes (or objects) per hour, seconds of growth, seconds that are left or -, evidence. */
function addSuspect(suspects: Suspect[], [perHour, growing, left, evidence = ""]: string[], by: Judge): void {
  const under = evidence.startsWith(UNDER);
  const text = under ? evidence.slice(UNDER.length) : evidence;
  // The location may hold anything; what follows it begins so.
  const end = text.lastIndexOf(": +");
  const subject = text.slice(0, end);
  if (end < 0) return;
  const whole = subject.startsWith(ALL_OF);
  const location = whole ? subject.slice(ALL_OF.length) : subject;
  const unit = /^: \+[\d,.]+ objects?(?:\/h| a reload,) /.test(text.slice(end)) ? "objects" : "bytes";
  const row: SuspectRow = {
    location,
    perHour: Number(perHour),
    unit,
    objects: unit === "objects" || /, [\d,]+ created, [\d,]+ destroyed/.test(text.slice(end)),
    growing: Number(growing),
    left: left === "-" || left === undefined ? undefined : Number(left),
    evidence: text,
  };
  const cause = suspects.at(-1);
  if (under && cause) cause.rows.push(row);
  else if (ROWS.test(location)) {
    const shared = location.replace(ROWS, "");
    suspects.push({ ...row, location: shared, owner: ownerOf(shared), rows: [], by });
  } else suspects.push({ ...row, owner: whole || location === REMAINDER_NAME ? location : ownerOf(location), rows: [row], by });
}

function isVerdict(text: string | undefined): text is Verdict {
  return (VERDICTS as readonly (string | undefined)[]).includes(text);
}
