// SPDX-License-Identifier: Apache-2.0
//
// Judges what a soak saw at its quiet points, where no request is in the server. Nothing here knows a server.

import { parseAnalysis } from "../../harness/analysis.ts";
import type { Dump } from "../../harness/dump.ts";
import { ownerOf, rowsOf } from "../support/corpus.ts";

/** The counts of one line of tests/plugins/soak_ledger.cc, by the plugin itself or by memtrack. */
export interface Counts {
  allocs: number;
  frees: number;
  /** Bytes in use; 0 for objects. */
  bytes: number;
}

/** By class and line. */
export type Ledger = Map<string, Counts>;

export const LEDGER = "soak_ledger";

/** @param text as the plugin writes it, after its first line */
export function parseLedger(text: string): Ledger {
  const ledger: Ledger = new Map();
  for (const line of text.split("\n").slice(1)) {
    const [name, number, allocs, frees, bytes] = line.split(" ");
    if (name) ledger.set(`${name} ${number}`, { allocs: Number(allocs), frees: Number(frees), bytes: Number(bytes) });
  }
  return ledger;
}

/** The rows of the plugin in a dump. */
export function ledgerOf(dump: Dump): Ledger {
  const ledger: Ledger = new Map();
  for (const { class: name, location, allocs, frees, held } of rowsOf(dump)) {
    const line = ownerOf(location) === `${LEDGER}.so` ? new RegExp(`${LEDGER}\\.cc:(\\d+)`).exec(location)?.[1] : undefined;
    if (line) ledger.set(`${name} ${line}`, { allocs, frees, bytes: /^[a-z]/.test(name) ? held : 0 });
  }
  return ledger;
}

/** The class of what memtrack cannot see. */
const UNTRACKED = "untracked ";

const NONE: Counts = { allocs: 0, frees: 0, bytes: 0 };

/** What happened between two states. */
export function since(before: Ledger, now: Ledger): Ledger {
  return new Map(
    [...now].map(([key, { allocs, frees, bytes }]) => {
      const old = before.get(key) ?? NONE;
      return [key, { allocs: allocs - old.allocs, frees: frees - old.frees, bytes: bytes - old.bytes }];
    }),
  );
}

/** Which classes were tracked without a gap since the last quiet point. */
export interface Unbroken {
  level: boolean;
  openssl: boolean;
  heap: boolean;
}

function isUnbroken(key: string, unbroken: Unbroken): boolean {
  if (key.startsWith("heap ")) return unbroken.heap && unbroken.level;
  if (key.startsWith("openssl ")) return unbroken.openssl;
  return unbroken.level;
}

/** Rows that differ from the plugin's own counts, where tracking was not interrupted. */
export function differences(truth: Ledger, rows: Ledger, unbroken: Unbroken): { compared: number; faults: string[] } {
  const faults: string[] = [];
  let compared = 0;
  for (const [key, want] of truth) {
    if (key.startsWith(UNTRACKED) || !isUnbroken(key, unbroken)) continue;
    const got = rows.get(key) ?? NONE;
    ++compared;
    if (want.allocs !== got.allocs || want.frees !== got.frees || want.bytes !== got.bytes)
      faults.push(`${LEDGER}.cc ${key}: the plugin counted ${JSON.stringify(want)}, memtrack ${JSON.stringify(got)}`);
  }
  return { compared, faults };
}

/** Rows that still hold something although the plugin has released everything. Buffers are exempt after a gap: they have no tag. */
export function leftovers(truth: Ledger, rows: Ledger, unbroken: Unbroken): string[] {
  return [...rows].flatMap(([key, { allocs, frees, bytes }]) => {
    if (!truth.has(key)) return [];
    if (key.startsWith("iobuffer ") && !unbroken.level) return [];
    return allocs === frees && bytes === 0 ? [] : [`${LEDGER}.cc ${key}: ${allocs - frees} (${bytes} bytes) left of nothing`];
  });
}

/** Live blocks (or objects) and bytes of each row that holds something. */
export type Held = Map<string, [blocks: number, bytes: number]>;

/** The rows of OpenSSL and those of innocents. */
export function heldAtRest(dump: Dump, innocents: string[]): { openssl: Held; innocents: Held } {
  const held = (rows: ReturnType<typeof rowsOf>): Held =>
    new Map(
      rows.flatMap((row) =>
        row.held ? [[`${row.class} ${row.location}`, [row.allocs - row.frees, row.held] as [number, number]]] : [],
      ),
    );
  return {
    openssl: held(rowsOf(dump).filter((row) => row.class === "openssl")),
    // Handlers are created once; with the level they leave the tables.
    innocents: held(rowsOf(dump).filter((row) => row.class !== "TSCont" && innocents.includes(ownerOf(row.location)))),
  };
}

/** What OpenSSL keeps of each thread: the handlers of its end, its last errors, its random numbers. */
const THREADS_OWN = /^openssl memory\/OpenSSL\/crypto\/(initthread\.c|err\/|rand\/|threads_pthread\.c)/;
/** Sixteen errors of each of eight threads. */
const THREADS_OWN_MAX = 128;

/** Rows that do not hold what they held at first; after a gap in the tracking, such that hold more. */
export function restFaults(before: Held, now: Held, unbroken: boolean): string[] {
  return [...new Set([...before.keys(), ...now.keys()])].flatMap((location) => {
    const [blocks, bytes] = before.get(location) ?? [0, 0];
    const [nowBlocks, nowBytes] = now.get(location) ?? [0, 0];
    if (THREADS_OWN.test(location) && nowBlocks <= blocks + THREADS_OWN_MAX) return [];
    const good = unbroken ? nowBlocks === blocks && nowBytes === bytes : nowBlocks <= blocks && nowBytes <= bytes;
    return good ? [] : [`${location}: ${nowBlocks} blocks (${nowBytes} bytes), at the first quiet point ${blocks} (${bytes})`];
  });
}

/** Requests of all clients: each has exactly one end. */
export interface Requests {
  sent: number;
  answered: number;
  failed: number;
  /** By the client itself. */
  aborted: number;
}

export function requestFaults({ sent, answered, failed, aborted }: Requests): string[] {
  const lost = sent - answered - failed - aborted;
  return [
    ...(failed ? [`${failed} of ${sent} requests were not answered as they should be`] : []),
    ...(lost ? [`${lost} of ${sent} requests have no end`] : []),
  ];
}

/** What the process uses at a quiet point. */
export interface Usage {
  /** All but sockets. */
  descriptors: number;
  /** The server keeps connections to the origin. */
  sockets: number;
  maps: number;
  threads: number;
  /** Bytes, with memtrack without what is idle in the server's freelists, which keep the most that was ever used at once. */
  resident: number;
  /** The header's `memory`, in bytes. */
  memory: number;
}

/** Bytes that the server's freelists keep for their next use, by the dump's reconciliation. */
export function idleInFreelists(dump: Dump): number {
  const part = parseAnalysis(dump.text).parts.find(({ what }) => what === "idle in the server's freelists");
  if (part?.bytes === undefined) throw new Error("the dump's reconciliation does not say what is idle in the server's freelists");
  return part.bytes;
}

export interface Quiet extends Usage {
  atMs: number;
  /** Connections that the other side has reset and that the server keeps. */
  reset: number;
}

/** How much more the last quarter may use than the first, in whole and as a share. */
const ALLOWED: Record<keyof Usage, { more: number; share: number }> = {
  descriptors: { more: 4, share: 0 },
  sockets: { more: 32, share: 0 },
  maps: { more: 64, share: 0.02 },
  threads: { more: 2, share: 0 },
  resident: { more: 24 << 20, share: 0.05 },
  // A table of counters for each of the threads that ran at once; their number is random.
  memory: { more: 8 << 20, share: 0 },
};

/** In the first rounds tables, caches and the allocator's arenas fill. */
const RESIDENT_POINTS_MIN = 16;

export interface Flatness {
  what: keyof Usage;
  first: number;
  last: number;
  /** Least squares over all points. */
  perHour: number;
  allowed: number;
  /** Undefined in a run too short to tell. */
  flat: boolean | undefined;
}

/** Compares the medians of the first and the last quarter of the quiet points. */
export function flatness(points: Quiet[]): Flatness[] {
  const quarter = Math.max(1, Math.floor(points.length / 4));
  return (Object.keys(ALLOWED) as (keyof Usage)[]).map((what) => {
    const values = points.map((point) => point[what]);
    const first = median(values.slice(0, quarter));
    const last = median(values.slice(-quarter));
    const allowed = ALLOWED[what].more + ALLOWED[what].share * first;
    const judged = what !== "resident" || points.length >= RESIDENT_POINTS_MIN;
    const perHour = slope(
      points.map(({ atMs }) => atMs / 3.6e6),
      values,
    );
    return { what, first, last, perHour, allowed, flat: judged ? last - first <= allowed : undefined };
  });
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function slope(at: number[], values: number[]): number {
  const mean = (of: number[]) => of.reduce((sum, value) => sum + value, 0) / of.length;
  const [middle, level] = [mean(at), mean(values)];
  const above = at.reduce((sum, x, i) => sum + (x - middle) * (values[i]! - level), 0);
  const below = at.reduce((sum, x) => sum + (x - middle) ** 2, 0);
  return below ? above / below : 0;
}
