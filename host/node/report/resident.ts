// SPDX-License-Identifier: Apache-2.0
//
// Resident memory in the last dump: its change, how much of the change the rows explain (coverage), what no row explains, and the core's
// verdict on that. Changes are since the first dump; of a single dump, since the baseline that it names itself.

import { classes, OVERHEAD_PART, REMAINDER_NAME, RESIDENT_CHANGE_MIN, type MemoryClass } from "../../../format/format.ts";
import { bytes, signed } from "../../shared/units.ts";
import type { Findings, Verdict } from "../analyse/findings.ts";
import type { Section } from "../read/dump.ts";
import { changesSince, residentIn, type Part, type Resident } from "../read/resident.ts";

export interface ResidentReport {
  bytes: number;
  /** Null if one of the dumps does not report it. */
  change: number | null;
  /** What the changes are since. */
  since: "first dump" | "baseline";
  /** Percentage of `change` that the rows explain; null while `change` is below RESIDENT_CHANGE_MIN. */
  coverage: number | null;
  /** Bytes that no row and no known part explains. */
  unaccounted: number;
  unaccountedChange: number | null;
  /** Percentage of `bytes`. */
  unaccountedShare: number;
  /** On what is not accounted, or idle in the allocator. */
  verdict: Verdict | undefined;
  why: string | undefined;
}

/** The parts whose bytes are in rows, or around their blocks. */
const ROW_PARTS = new Set(["RAM cache", OVERHEAD_PART, ...Object.values<MemoryClass>(classes).flatMap(({ part }) => part ?? [])]);

/** Undefined if the last dump does not report its resident memory. */
export function residentReport(
  first: readonly Section[],
  last: readonly Section[],
  { sites }: Pick<Findings, "sites">,
): ResidentReport | undefined {
  const found = residentIn(last);
  if (!found || typeof found.unaccounted?.bytes !== "number") return undefined;
  const single = first === last;
  const changeOf = single ? (part: Part): number | null => part.change : changesSince(residentIn(first));
  const { resident, unaccounted } = found;
  const change = changeOf(resident);
  const { verdict, why } = sites.get(REMAINDER_NAME) ?? {};
  return {
    bytes: resident.bytes,
    change,
    since: single ? "baseline" : "first dump",
    coverage: coverageOf(found, change, changeOf),
    unaccounted: unaccounted.bytes!,
    unaccountedChange: changeOf(unaccounted),
    unaccountedShare: Math.round((100 * unaccounted.bytes!) / resident.bytes),
    verdict,
    why,
  };
}

/** As the core computes it (assembly/analysis/resident.ts). */
function coverageOf({ parts }: Resident, change: number | null, changeOf: (part: Part) => number | null): number | null {
  if (change === null || change < RESIDENT_CHANGE_MIN) return null;
  const rows = parts.filter(({ name }) => ROW_PARTS.has(name)).reduce((sum, part) => sum + (changeOf(part) ?? 0), 0);
  return Math.floor((100 * Math.min(Math.max(rows, 0), change)) / change);
}

/** `resident: 204 MiB, +148 MiB, coverage 69 %; 75.4 MiB (37 %) not accounted, +45.5 MiB (filling: too soon)`. */
export function renderResident(memory: ResidentReport): string {
  const { change, coverage, unaccounted, unaccountedChange, unaccountedShare, verdict, why } = memory;
  const changed = (by: number | null): string => (by === null ? "" : `, ${by ? signed(by, bytes) : "no change"}`);
  const since = memory.since === "baseline" && change !== null ? " since the dump's baseline" : "";
  const covered = change === null ? "" : `, coverage ${coverage === null ? "-" : `${coverage} %`}`;
  const judged = verdict === undefined ? "" : ` (${[verdict, why].filter(Boolean).join(": ")})`;
  const dark = `${bytes(unaccounted)} (${unaccountedShare} %) not accounted${changed(unaccountedChange)}${judged}`;
  return `resident: ${bytes(memory.bytes)}${changed(change)}${since}${covered}; ${dark}`;
}
