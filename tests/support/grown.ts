// SPDX-License-Identifier: Apache-2.0
//
// What grew between two dumps, row by row, and its comparison with what one event of a known leak keeps.

import assert from "node:assert/strict";
import type { Dump } from "../../harness/dump.ts";
import { MEMORY_CLASSES } from "../../host/shared/classes.ts";
import { ownerOf, rowsOf } from "./corpus.ts";

/** A row that holds more, or less, than before. */
export interface Grown {
  class: string;
  location: string;
  owner: string;
  allocs: number;
  frees: number;
  /** Blocks, or objects. */
  alive: number;
  /** Of memory; undefined for objects. */
  bytes: number | undefined;
}

/** Rows of one event. `location` matches the whole location; rows that match the same pattern are added up. */
export interface Kept {
  class: string;
  location: RegExp;
  /** Blocks or objects that each event keeps. */
  alive: number;
  /** Bytes that each event keeps, where the source says so. */
  bytes?: number;
  /** Blocks that each event releases as well (default 0; undefined: not checked). */
  frees?: number | undefined;
}

const isMemory = (name: string) => (MEMORY_CLASSES as readonly string[]).includes(name);

/** A server's dump when nothing changes any more, the server's own rows included. */
export function quiet(ats: { settledDump(state: (dump: Dump) => unknown): Promise<Dump> }): Promise<Dump> {
  return ats.settledDump((dump) => rowsOf(dump));
}

/** The rows that hold more or less than before. */
export function grown(before: Dump, after: Dump): Grown[] {
  const keyOf = (row: { class: string; location: string }) => `${row.class} ${row.location}`;
  const old = new Map(rowsOf(before).map((row) => [keyOf(row), row]));
  return rowsOf(after)
    .map((row) => {
      const { allocs, frees, held } = old.get(keyOf(row)) ?? { allocs: 0, frees: 0, held: 0 };
      return {
        class: row.class,
        location: row.location,
        owner: ownerOf(row.location),
        allocs: row.allocs - allocs,
        frees: row.frees - frees,
        alive: row.allocs - row.frees - (allocs - frees),
        bytes: isMemory(row.class) ? row.held - held : undefined,
      };
    })
    .filter(({ alive, bytes }) => alive !== 0 || (bytes ?? 0) !== 0);
}

/** Asserts that of an owner's rows exactly these grew, by exactly what so many events keep. */
export function assertGrown(all: Grown[], owner: string, events: number, expected: Kept[]): void {
  const rows = all.filter((row) => row.owner === owner);
  const show = `\n${owner} grew by\n${rows.map((row) => `  ${JSON.stringify(row)}`).join("\n")}`;
  for (const row of rows) {
    const matching = expected.filter((kept) => kept.class === row.class && kept.location.test(row.location));
    assert.equal(matching.length, 1, `one expected row for ${row.class} ${row.location}${show}`);
  }
  for (const kept of expected) {
    const of = rows.filter((row) => row.class === kept.class && kept.location.test(row.location));
    const sum = (value: (row: Grown) => number) => of.reduce((sum, row) => sum + value(row), 0);
    const name = `of ${kept.class} ${kept.location}${show}`;
    assert.equal(
      sum((row) => row.alive),
      events * kept.alive,
      `kept ${name}`,
    );
    if (kept.bytes !== undefined) {
      assert.equal(
        sum((row) => row.bytes ?? 0),
        events * kept.bytes,
        `bytes ${name}`,
      );
    }
    const frees = "frees" in kept ? kept.frees : 0;
    if (frees !== undefined) {
      assert.equal(
        sum((row) => row.frees),
        events * frees,
        `released ${name}`,
      );
    }
  }
}
