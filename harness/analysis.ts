// SPDX-License-Identifier: Apache-2.0
//
// Reads the sections that a dump's analysis writes, in format 1 or 2: growth since a baseline, suspects, ages, reconciliation. Each has a
// title, a line of column heads, a rule, and rows with as many columns; a blank line ends it.

import { sections } from "../format/format.ts";
import { titlesOf } from "../format/layout.ts";
import { cellsOf, headsOf, textColumn } from "../host/node/read/cells.ts";
import { isTitleOf } from "../host/node/read/dump.ts";

interface Growth {
  change: number;
  perHour: number | undefined;
  allocs: number;
  frees: number;
  old: number;
  kept: number;
  streak: number | undefined;
  late: number | undefined;
  verdict: string;
  why: string;
  location: string;
  /** The class, or the kind of objects; empty for an owner, and in format 1. */
  kind: string;
}

export interface Suspect {
  perHour: number;
  seconds: number;
  limit: number | undefined;
  location: string;
  evidence: string;
  /** Whether this is a row of the suspect above it. */
  under: boolean;
}

interface Part {
  bytes: number | undefined;
  share: number | undefined;
  /** Since the baseline of the section on growth. */
  change: number | undefined;
  what: string;
}

/** Live memory of one site in one age bucket. */
export interface Aged {
  /** Seconds. */
  olderThan: number;
  youngerThan: number | undefined;
  alive: number;
  inUse: number;
  share: number;
  kind: string;
  location: string;
}

export interface Analysis {
  /** The title of the growth section, which names the baseline. */
  since: string;
  growth: Growth[];
  owners: Growth[];
  suspects: Suspect[];
  /** The title of the ages section, with the number of sites. Empty if no epoch has ended. */
  agesTitle: string;
  ages: Aged[];
  parts: Part[];
}

const NAMES = [
  "growth",
  "ownersGrowth",
  "suspects",
  "search",
  "holders",
  "stacks",
  "ages",
  "reconciliation",
  "show",
  "showHistory",
] as const;
type Name = (typeof NAMES)[number];
/** Returns a row's cell by the head of its column. */
type Cells = (head: string) => string;

/** Whether a line begins one of these sections. */
export function isAnalysisTitle(line: string): boolean {
  return NAMES.some((name) => isTitleOf(line, name));
}

/** Parses the sections in a dump's text. Throws if a row lacks a column of its section. */
export function parseAnalysis(text: string): Analysis {
  const [since, grown] = section(text, "growth");
  const [, owners] = section(text, "ownersGrowth");
  const [, suspected] = section(text, "suspects");
  const [agesTitle, aged] = section(text, "ages");
  const [, parts] = section(text, "reconciliation");
  return {
    since,
    growth: grown.map((cell) => toGrowth(cell, "Location")),
    owners: owners.map((cell) => toGrowth(cell, "Owner")),
    suspects: suspected.map(toSuspect),
    agesTitle,
    ages: aged.map((cell) => ({
      olderThan: Number(cell("Older than")),
      youngerThan: number(cell("Younger than")),
      alive: Number(cell("Alive")),
      inUse: Number(cell("Size In-use")),
      share: Number(cell("% of site")),
      kind: cell("Kind"),
      location: cell("Location"),
    })),
    parts: parts.map((cell) => ({
      bytes: number(cell("Bytes")),
      share: number(cell("Share %")),
      change: number(cell("Change")),
      what: cell("What"),
    })),
  };
}

function toGrowth(cell: Cells, name: string): Growth {
  return {
    change: Number(cell("Change")),
    perHour: number(cell("Per hour")),
    allocs: Number(cell("Allocs")),
    frees: Number(cell("Frees")),
    old: Number(cell("Old %")),
    kept: Number(cell("Kept %")),
    streak: number(cell("Streak")),
    late: number(cell("Late %")),
    verdict: cell("Verdict"),
    why: cell("Why"),
    location: cell(name),
    kind: cell("Kind"),
  };
}

function toSuspect(cell: Cells): Suspect {
  const evidence = cell("Evidence");
  return {
    perHour: Number(cell("Per hour")),
    seconds: Number(cell("For")),
    limit: number(cell("Limit in")),
    location: /^(?: {2}- )?(.*?): \+/.exec(evidence)?.[1] ?? "",
    evidence,
    under: evidence.startsWith("  - "),
  };
}

function number(column: string): number | undefined {
  return column === "-" ? undefined : Number(column);
}

/** The title and rows of a section; the title is empty if the section is missing. */
function section(text: string, name: Name): [string, Cells[]] {
  const lines = text.split("\n");
  const first = lines.findIndex((line) => isTitleOf(line, name));
  if (first < 0) return ["", []];
  const heads = headsOf(lines[first + 1] ?? "");
  // Format 1 has no column Kind, and older dumps of format 2 no proof, and no change of the parts.
  const added = name === "reconciliation" ? ["Change"] : ["Kind", "Proof"];
  const expected = titlesOf(sections[name]).filter((title) => heads.includes(title) || !added.includes(title));
  if (heads.toSorted().join() !== expected.toSorted().join()) throw new Error(`not the heads: ${lines[first + 1]}`);
  const rows: Cells[] = [];
  for (const line of lines.slice(first + 3)) {
    if (!line || line.startsWith("memtrack ")) break;
    const cells = cellsOf(line, heads.length, textColumn(heads));
    if (!cells) throw new Error(`not ${heads.length} columns: ${line}`);
    rows.push((head) => cells[heads.indexOf(head)] ?? "");
  }
  return [lines[first]!, rows];
}
