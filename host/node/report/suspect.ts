// SPDX-License-Identifier: Apache-2.0
//
// A suspect as text: the core's evidence, with the names of sites as in the tables. A suspect of several rows is followed by these.

import { holdsMemory } from "../../shared/classes.ts";
import type { Suspect, SuspectRow } from "../analyse/findings.ts";
import { classOf, shortName } from "../read/name.ts";
import type { Report } from "./report.ts";

/** The suspect, then each of its rows if there are several. */
export function renderSuspect(suspect: Suspect, report: Report): string[] {
  const { owner, rows } = suspect;
  if (rows.length < 2) return [textOf(suspect, owner, report)];
  return [textOf(suspect, owner, report), ...rows.map((row) => `- ${textOf(row, owner, report)}`)];
}

function textOf({ location, evidence, unit }: SuspectRow, owner: string, report: Report): string {
  if (!evidence.startsWith(location) || location === owner) return evidence;
  const rows = report.sites.filter((row) => row.location === location && holdsMemory(row.class) === (unit === "bytes"));
  const classes = new Set(rows.map(classOf));
  return `${[shortName({ owner, location }), ...classes].join(", ")}${evidence.slice(location.length)}`;
}
