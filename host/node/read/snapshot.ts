// SPDX-License-Identifier: Apache-2.0
//
// All counts of one dump, and facts about it: the tracked classes, the start of counting, its name.

import { holdsMemory } from "../../shared/classes.ts";
import { time } from "../../shared/units.ts";
import type { Dump, Header, Section } from "./dump.ts";
import type { Site, Sites } from "./sites.ts";

/** Two dumps have the same start of counting if the times differ by at most this many seconds. */
const ARMED_TOLERANCE = 2;

/** Arrays by site number; sites beyond their end have no value. */
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
  /** 1 if the dump has a row. */
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

/** Whether a dump has any readable content after its header. */
export function hasRows({ rows, tables }: Dump): boolean {
  return rows.length > 0 || tables.some(({ total }) => total !== undefined);
}

/** Bytes in use, or live objects. */
export function valueOf(site: Site, snapshot: Snapshot): number {
  const { number } = site;
  if (!holdsMemory(site.class)) return (snapshot.allocs[number] ?? 0) - (snapshot.frees[number] ?? 0);
  return snapshot.inUse[number] ?? 0;
}

/** Whether nothing was tracked, which is not the same as nothing in use. */
export function isUntracked(dump: { header: Header }): boolean {
  return dump.header.get("level") === "0";
}

/** Whether the dump has a table of OpenSSL's memory, which level 1 lacks. */
export function tracksOpenssl(dump: Snapshot): boolean {
  return dump.header.get("level") !== "1";
}

/** The dump of the two that lacks OpenSSL's memory, if the other one has it. */
export function withoutOpenssl<T extends { dump: Snapshot }>(a: T, b: T): T | undefined {
  if (tracksOpenssl(a.dump) === tracksOpenssl(b.dump)) return undefined;
  return tracksOpenssl(a.dump) ? b : a;
}

/** Whether counting began anew between a dump and the one before. */
export function beganAnew(before: Snapshot, dump: Snapshot): boolean {
  return isLater(armedAt(dump), armedAt(before));
}

/** Compares two times of arming. A dump without one is not comparable. */
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
