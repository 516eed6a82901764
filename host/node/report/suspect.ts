// SPDX-License-Identifier: Apache-2.0
//
// A suspect as text: the core's evidence, with the names of sites as in the tables. If a suspect has several rows, they follow.

import { classOf, holdsMemory } from "../../shared/classes.ts";
import { shortName } from "../../shared/place.ts";
import type { Suspect, SuspectRow } from "../analyse/findings.ts";
import { printedLocation } from "../read/sites.ts";
import { callsAbove } from "../read/stacks.ts";
import type { Report, SiteRow } from "./report.ts";

/** What stands between a name and its growth; a suspect of several rows says how many. */
const NAME_END = /^(?: \(\d+ rows\))?: /;

/** The suspect, then each of its rows if there are several. */
export function renderSuspect(suspect: Suspect, report: Report): string[] {
  const { owner, rows } = suspect;
  if (rows.length < 2) return [textOf(suspect, owner, report)];
  return [textOf(suspect, owner, report), ...rows.map((row) => `- ${textOf(row, owner, report)}`)];
}

function textOf(row: SuspectRow, owner: string, report: Report): string {
  const { location, evidence } = row;
  if (!evidence.startsWith(location) || location === owner) return evidence;
  return `${[shortName({ owner, location }), ...classesOf(row, report)].join(", ")}${evidence.slice(location.length)}`;
}

/** The calls that led to most of what is alive of it, where the row alone hides them: of each row that has stacks, the first stack. */
export function renderStackOf({ rows }: Suspect, report: Report): string[] {
  return rows.flatMap((row) =>
    sitesOf(row, report).flatMap(({ stacks: [stack] = [] }) => {
      const calls = stack ? callsAbove(stack) : [];
      if (!stack || !calls.length) return [];
      const share = stack.share === undefined ? "" : ` (${Math.round(100 * stack.share)} % of what is alive)`;
      return [`called by ${calls.join(" < ")}${share}`];
    }),
  );
}

/** The classes of a row; none for the sum of several rows. */
export function classesOf(row: SuspectRow, report: Report): string[] {
  return [...new Set(sitesOf(row, report).map(classOf))];
}

/** The sites that a row of a suspect is about. */
export function sitesOf({ location, objects }: SuspectRow, report: Report): SiteRow[] {
  const isNamed = (site: SiteRow): boolean => site.location === location || printedLocation(site) === location;
  return report.sites.filter((site) => isNamed(site) && holdsMemory(site.class) !== objects);
}

/** The evidence without the name that it begins with. */
export function growthOf({ location, evidence }: SuspectRow): string {
  const at = evidence.indexOf(location);
  return at < 0 ? evidence : evidence.slice(at + location.length).replace(NAME_END, "");
}
