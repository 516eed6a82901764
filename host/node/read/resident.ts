// SPDX-License-Identifier: Apache-2.0
//
// The resident memory of the process and its parts, as the section "Reconciliation" of a dump reports them.

import { columnsIn, type Section } from "./dump.ts";

export interface Part {
  name: string;
  /** Null if the server does not know it. */
  bytes: number | null;
  /** Since the baseline of the dump; null if the dump does not report it. */
  change: number | null;
}

export interface Resident {
  resident: Part & { bytes: number };
  /** They sum to `resident`; the part of memory that is not resident is subtracted. */
  parts: Part[];
  /** The part that no row and no measure explains; it is also in `parts`. */
  unaccounted: Part | undefined;
  limit: Part | undefined;
}

const UNKNOWN = /: not known$/;

/** Undefined if the dump does not say how much memory is resident. */
export function residentIn(sections: readonly Section[]): Resident | undefined {
  const all = sections.flatMap(partsIn);
  const named = (text: string): Part | undefined => all.find(({ name }) => name.startsWith(text));
  const resident = named("resident");
  if (!resident?.bytes) return undefined;
  const limit = named("limit");
  return {
    resident: { ...resident, bytes: resident.bytes },
    parts: all.filter((part) => part !== resident && part !== limit),
    unaccounted: named("not accounted"),
    limit,
  };
}

/** The change of a part since an earlier dump; null if one of the dumps does not report its size. */
export function changesSince(before: Resident | undefined): (part: Part) => number | null {
  const known = new Map([before?.resident, ...(before?.parts ?? [])].map((part) => [part?.name, part?.bytes]));
  return ({ name, bytes }) => {
    const was = known.get(name);
    return bytes === null || typeof was !== "number" ? null : bytes - was;
  };
}

function partsIn(section: Section): Part[] {
  const columns = columnsIn(section, "reconciliation", ["Bytes", "What"]);
  if (!columns) return [];
  const [changes] = columnsIn(section, "reconciliation", ["Change"]) ?? []; // missing in older dumps
  return section.rows.map((row) => {
    const [bytes = "", name = ""] = columns.map((column) => row[column]);
    const change = changes === undefined ? null : numberIn(row[changes]);
    return { name: name.replace(UNKNOWN, ""), bytes: numberIn(bytes), change };
  });
}

function numberIn(cell = ""): number | null {
  return /^-?\d+$/.test(cell) ? Number(cell) : null;
}
