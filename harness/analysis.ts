// SPDX-License-Identifier: Apache-2.0
//
// Reads the sections that a dump's analysis writes: growth since a baseline, suspects, ages, reconciliation. Each is a title, a line of
// column heads, a rule, and rows of as many columns; a blank line ends it.

import { sections, type Section } from "../format/format.ts";
import { titlesOf } from "../format/layout.ts";

interface Growth {
  change: number;
  perHour: number;
  allocs: number;
  frees: number;
  old: number;
  kept: number;
  streak: number | undefined;
  late: number | undefined;
  verdict: string;
  why: string;
  location: string;
}

export interface Suspect {
  perHour: number;
  seconds: number;
  limit: number | undefined;
  location: string;
  evidence: string;
}

interface Part {
  bytes: number | undefined;
  share: number | undefined;
  what: string;
}

/** What is alive of one site and one bucket of ages. */
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
  /** The title of the growth section: since when. */
  since: string;
  growth: Growth[];
  owners: Growth[];
  suspects: Suspect[];
  /** The title of the ages' section: how many sites there are. Empty, where no epoch has ended. */
  agesTitle: string;
  ages: Aged[];
  parts: Part[];
}

const { growth, ownersGrowth, suspects, ages, reconciliation } = sections;

/** Whether a line begins one of these sections. */
export function isAnalysisTitle(line: string): boolean {
  return [growth, ownersGrowth, suspects, ages, reconciliation].some(({ title }) => line.startsWith(title));
}

/** The sections in a dump's text. Throws where a row has not the columns of its section. */
export function parseAnalysis(text: string): Analysis {
  const [since, grown] = section(text, growth);
  const [, owners] = section(text, ownersGrowth);
  const [, suspected] = section(text, suspects);
  const [agesTitle, aged] = section(text, ages);
  const [, parts] = section(text, reconciliation);
  return {
    since,
    growth: grown.map(toGrowth),
    owners: owners.map(toGrowth),
    suspects: suspected.map(([perHour, seconds, limit, evidence]) => ({
      perHour: Number(perHour),
      seconds: Number(seconds),
      limit: number(limit!),
      location: /^(.*?): \+/.exec(evidence!)?.[1] ?? "",
      evidence: evidence!,
    })),
    agesTitle,
    ages: aged.map(([olderThan, youngerThan, alive, inUse, share, kind, location]) => ({
      olderThan: Number(olderThan),
      youngerThan: number(youngerThan!),
      alive: Number(alive),
      inUse: Number(inUse),
      share: Number(share),
      kind: kind!,
      location: location!,
    })),
    parts: parts.map(([bytes, share, what]) => ({ bytes: number(bytes!), share: number(share!), what: what! })),
  };
}

function toGrowth(row: string[]): Growth {
  const [change, perHour, , allocs, frees, old, kept, streak, late, verdict, why, location] = row as [string, ...string[]];
  return {
    change: Number(change),
    perHour: Number(perHour),
    allocs: Number(allocs),
    frees: Number(frees),
    old: Number(old),
    kept: Number(kept),
    streak: number(streak!),
    late: number(late!),
    verdict: verdict!,
    why: why!,
    location: location!,
  };
}

function number(column: string): number | undefined {
  return column === "-" ? undefined : Number(column);
}

/** The title and the rows of a section; an empty title where there is none. */
function section(text: string, wanted: Section): [string, string[][]] {
  const columns = titlesOf(wanted).length;
  const lines = text.split("\n");
  const first = lines.findIndex((line) => line.startsWith(wanted.title));
  if (first < 0) return ["", []];
  const rows: string[][] = [];
  for (const line of lines.slice(first + 3)) {
    if (!line || line.startsWith("memtrack ")) break;
    const row = line.split(" | ").map((column) => column.trim());
    if (row.length !== columns) throw new Error(`not ${columns} columns: ${line}`);
    rows.push(row);
  }
  return [lines[first]!, rows];
}
