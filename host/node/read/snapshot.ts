// SPDX-License-Identifier: Apache-2.0
//
// All counts of one dump, and what can be told of it: what it tracks, since when it counts, what it is called.

import { holdsMemory } from "../../shared/classes.ts";
import { time } from "../../shared/units.ts";
import type { Dump, Header, Section } from "./dump.ts";
import type { Site, Sites } from "./sites.ts";

/** Two dumps of one count agree when it began, to this many seconds. */
const ARMED_TOLERANCE = 2;

/** Arrays by site number; a site beyond their end has none. */
export interface Snapshot {
  readonly origin: Dump["origin"];
  readonly number: number;
  readonly time: number;
  readonly header: Header;
  readonly summary: readonly string[];
  readonly notes: readonly ReadonlyMap<string, string>[];
  readonly sections: readonly Section[];
  readonly state: Dump["state"];
  readonly allocs: Float64Array;
  readonly frees: Float64Array;
  readonly inUse: Float64Array;
  /** 1 where the dump has a row. */
  readonly present: Uint8Array;
}

export function snapshotOf(dump: Dump, sites: Sites): Snapshot {
  const size = sites.size;
  const { origin, number, time, header, summary, notes, sections, state, rows } = dump;
  const allocs = new Float64Array(size);
  const frees = new Float64Array(size);
  const inUse = new Float64Array(size);
  const present = new Uint8Array(size);
  for (let i = 0; i < rows.length; ++i) {
    const site = rows.site[i]!;
    allocs[site] = rows.allocs[i]!;
    frees[site] = rows.frees[i]!;
    inUse[site] = rows.inUse[i]!;
    present[site] = 1;
  }
  return { origin, number, time, header, summary, notes, sections, state, allocs, frees, inUse, present };
}

/** Whether anything of a dump could be read but its header. */
export function hasRows({ rows, tables }: Dump): boolean {
  return rows.length > 0 || tables.some(({ total }) => total !== undefined);
}

/** Bytes, or objects alive. */
export function valueOf(site: Site, snapshot: Snapshot): number {
  const { number } = site;
  if (!holdsMemory(site.class)) return (snapshot.allocs[number] ?? 0) - (snapshot.frees[number] ?? 0);
  return snapshot.inUse[number] ?? 0;
}

/** Nothing was tracked: that is not the same as nothing in use. */
export function isUntracked(dump: { header: Header }): boolean {
  return dump.header.get("level") === "0";
}

/** Level 1 has no table of OpenSSL's memory. */
export function tracksOpenssl(dump: Snapshot): boolean {
  return dump.header.get("level") !== "1";
}

/** Of two dumps, the one that does not know OpenSSL's memory where the other one does. */
export function withoutOpenssl<T extends { dump: Snapshot }>(a: T, b: T): T | undefined {
  if (tracksOpenssl(a.dump) === tracksOpenssl(b.dump)) return undefined;
  return tracksOpenssl(a.dump) ? b : a;
}

/** Whether a dump's counts do not go on from those of the one before. */
export function beganAnew(before: Snapshot, dump: Snapshot): boolean {
  return isLater(armedAt(dump), armedAt(before));
}

/** Of two times of arming. A dump that does not say its own is of none. */
export function isSameArming(a: number, b: number): boolean {
  return Math.abs(a - b) <= ARMED_TOLERANCE;
}

export function isLater(armed: number, than: number): boolean {
  return armed > than + ARMED_TOLERANCE;
}

export function armedAt(dump: Snapshot): number {
  return dump.time - Number(dump.header.get("armed") ?? NaN);
}

export function nameForPeople(dump: { number: number; time: number | undefined }): string {
  const at = dump.time === undefined || Number.isNaN(dump.time) ? "" : ` of ${time(dump.time)}`;
  return `dump ${dump.number}${at}`;
}
