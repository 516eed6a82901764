// SPDX-License-Identifier: Apache-2.0
//
// The corpus of plugins (tests/plugins): builds them, reads the expected rows from marks in their sources (tests/plugins/corpus.h
// describes the marks), and compares a dump with them. This file contains no line number and no size.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { classes } from "../../format/format.ts";
import type { Ats } from "../../harness/ats.ts";
import type { Dump, Table } from "../../harness/dump.ts";
import { installedServer } from "../../harness/server.ts";
import { BUILD, TOP } from "../../tools/build.ts";

export const SOURCES = join(TOP, "tests", "plugins");

/** How often the marked places of a plugin were reached. Places without a count are not checked. */
export interface Counts {
  /** For marks without a word at their end. */
  transaction: number;
  once?: number;
  /** Loads of a remap plugin's module. */
  load?: number;
  /** Created instances of a remap plugin. */
  instance?: number;
  /** Deleted instances (default: all). */
  deleted?: number;
}

/** A mark in a source. */
export interface Site {
  file: string;
  line: number;
  function: string;
  /** iobuffer, openssl, tsapi, heap, mapped; or a kind of objects. */
  class: string;
  /** Number per `per`; undefined if the source does not specify it. */
  allocs: number | undefined;
  frees: number | undefined;
  bytes: number | undefined;
  per: Exclude<keyof Counts, "deleted">;
}

/** The expected values of a row. `bytes` of objects are those of all that are alive; undefined values are not checked. */
export interface Expected {
  class: string;
  location: string;
  allocs: number | undefined;
  frees: number | undefined;
  bytes: number | undefined;
}

/** Where the plugins are built for the server under test: each prefix has its own, because headers differ. */
export function corpusFolder(): string {
  const { prefix } = installedServer();
  return join(BUILD, prefix === undefined ? "plugins" : `plugins${prefix.replaceAll("/", "-")}`);
}

/** Builds the plugins whose sources have changed. */
export function buildCorpus(): void {
  const { prefix, include, lib, cxxApi } = installedServer();
  const settings = [
    ...(prefix === undefined ? [] : [`OUT=${corpusFolder()}`, `HEADERS=-isystem ${include}`, `LIBRARIES=${lib}`]),
    // As C++23 for <stdatomic.h>.
    ...(cxxApi ? ["C_WITH=g++ -x c++ -std=gnu++23", "CXX_WITH=g++ -std=gnu++20"] : []),
  ];
  // One at a time: two files of tests run at once.
  const make = ["make", "-s", "-j2", "-C", SOURCES, ...settings];
  const made = spawnSync("flock", [join(BUILD, "plugins.lock"), ...make], { encoding: "utf8" });
  assert.equal(made.status, 0, made.stdout + made.stderr);
}

/** The path of a plugin of the corpus. */
export function corpus(name: string): string {
  return join(corpusFolder(), `${name}.so`);
}

const MARK = /\/\/ SITE (.+?): (.+)$/;
const COUNTS = /^(\w+) \+(\d+|n) -(\d+|n)(?: =(\d+|n))?(?: (once|load|instance))?$/;

/** The marks in a plugin's source, except `grows` and `=size`, which are for tests that know the plugin. */
export function sitesOf(name: string): Site[] {
  const base = name === "leak_stripped" ? "leak_fallback" : name.replace(/_o0$/, "");
  const file = [`${base}.c`, `${base}.cc`].find((candidate) => existsSync(join(SOURCES, candidate)));
  assert.ok(file, `tests/plugins has a source of ${name}`);
  const count = (text: string | undefined) => (text === undefined || text === "n" ? undefined : Number(text));
  const lines = readFileSync(join(SOURCES, file), "utf8").split("\n");
  return lines.flatMap((text, index) => {
    const mark = MARK.exec(text);
    if (!mark) return [];
    const parts = mark[2]!.split("; ").filter((part) => !/ grows$| =size$/.test(part));
    return parts.map((part) => {
      const [, kind, allocs, frees, bytes, per] = COUNTS.exec(part) ?? [];
      assert.ok(kind, `${file}:${index + 1}: not a mark: ${part}`);
      const counts = { allocs: count(allocs), frees: count(frees), bytes: count(bytes) };
      return { file, line: index + 1, function: mark[1]!, class: kind, ...counts, per: (per ?? "transaction") as Site["per"] };
    });
  });
}

/** The location of the only mark in a source that grows. */
export function growingSite(name: string): { file: string; line: number; function: string } {
  const file = `${name.replace(/_o0$/, "")}.cc`;
  const lines = readFileSync(join(SOURCES, file), "utf8").split("\n");
  const line = lines.findIndex((text) => / (grows|=size)$/.test(text));
  return { file, line: line + 1, function: MARK.exec(lines[line]!)![1]! };
}

/** The location in a dump of a place in a plugin that is loaded as `owner`. */
export function locationOf(site: { file: string; line: number; function: string; class?: string }, owner: string): string {
  return site.class === "openssl"
    ? `memory/OpenSSL/${site.file}:${site.line} [via ${owner}]`
    : `memory/plugin/${owner} ${site.function} (${site.file}:${site.line})`;
}

/** The expected rows of a plugin after these counts. Marks of the same line form one row. */
export function expectedOf(name: string, counts: Counts, owner = `${name}.so`): Expected[] {
  const rows = new Map<string, Expected>();
  const times = (value: number | undefined, count: number) => (value === undefined ? undefined : value * count);
  const plus = (a: number | undefined, b: number | undefined) => (a === undefined || b === undefined ? undefined : a + b);
  for (const site of sitesOf(name)) {
    const count = counts[site.per];
    if (count === undefined) continue;
    const row: Expected = {
      class: site.class,
      location: locationOf(site, owner),
      allocs: times(site.allocs, count),
      frees: times(site.frees, site.per === "instance" ? (counts.deleted ?? count) : count),
      bytes: times(site.bytes, count),
    };
    const key = `${row.class} ${row.location}`;
    const same = rows.get(key);
    rows.set(
      key,
      same
        ? { ...row, allocs: plus(same.allocs, row.allocs), frees: plus(same.frees, row.frees), bytes: plus(same.bytes, row.bytes) }
        : row,
    );
  }
  return [...rows.values()];
}

/** The successive capacities of a container to which elements are added singly: one block was allocated for each. */
function growth(elements: number, step: number, next: (needed: number, capacity: number) => number, start: number): number[] {
  const capacities: number[] = [];
  let capacity = start;
  for (let size = step; size <= elements; size += step) {
    if (size > capacity) capacities.push((capacity = next(size, capacity)));
  }
  return capacities;
}

/** The expected row of a container that grows with each transaction (leak_string, leak_vector): it holds its last block. */
export function grownOf(name: string, transactions: number): Expected {
  const blocks = name.startsWith("leak_string")
    ? growth(100 * transactions, 100, (needed, old) => Math.max(needed, 2 * old), 15).map((capacity) => capacity + 1)
    : growth(16 * transactions, 1, (needed, old) => Math.max(needed, 2 * old), 0).map((capacity) => 4 * capacity);
  const location = locationOf(growingSite(name), `${name}.so`);
  return { class: "heap", location, allocs: blocks.length, frees: blocks.length - 1, bytes: blocks.at(-1)! };
}

/** A row of any section, in a common form. */
interface Held {
  class: string;
  location: string;
  allocs: number;
  frees: number;
  /** Bytes in use, or live objects. */
  held: number;
  /** Bytes of the live objects. */
  inUse?: number;
}

/** All rows of a dump. */
export function rowsOf(dump: Dump): Held[] {
  const memory = (name: string, table: Table) =>
    table.rows.map(({ allocs, frees, inUse, location }) => ({ class: name, location, allocs, frees, held: inUse }));
  return [
    ...memory("iobuffer", dump.iobuffer),
    ...memory("openssl", dump.openssl),
    ...memory("tsapi", dump.tsapi),
    ...memory("heap", dump.heap),
    ...memory("mapped", dump.mapped),
    ...dump.objects.map(({ created, destroyed, alive, inUse, kind, location }) => {
      return { class: kind, location, allocs: created, frees: destroyed, held: alive, inUse };
    }),
  ];
}

/** The owner of a location, as in the Owners section. */
export function ownerOf(location: string): string {
  return (
    / \[via ([^\]]+)\]/.exec(location)?.[1] ??
    /^memory\/plugin\/([^ +]+?\.so(?:\(remap\))?(?:#\d+)?)(?=[ +]|$)/.exec(location)?.[1] ??
    "core"
  );
}

export function rowsOfOwner(dump: Dump, owner: string): Held[] {
  return rowsOf(dump).filter((row) => ownerOf(row.location) === owner);
}

/** Asserts that each expected row exists with exactly these values, and that the owner holds nothing else. */
export function assertHolds(dump: Dump, owner: string, expected: Expected[]): void {
  const retired = dump.owners.find((row) => row.owner === owner)?.state === "retired";
  const rows = rowsOfOwner(dump, owner);
  const show = () => `\n${owner} has\n${rows.map((row) => `  ${JSON.stringify(row)}`).join("\n")}`;
  for (const want of expected) {
    const found = rows.filter((row) => row.class === want.class && row.location === want.location);
    // Rows of an unloaded module that hold nothing disappear after a while (assembly/model/reclaim.ts).
    const mayBeGone = want.allocs === 0 || (retired && want.allocs === want.frees);
    assert.equal(found.length, mayBeGone ? found.length : 1, `a row of ${want.class} at ${want.location}${show()}`);
    const [row] = found;
    if (!row) continue;
    const isMemory = want.class in classes;
    const counts: Record<string, number | undefined> = { allocs: want.allocs, frees: want.frees };
    counts.held = isMemory
      ? want.bytes
      : want.allocs === undefined || want.frees === undefined
        ? undefined
        : want.allocs - want.frees;
    if (!isMemory) counts.inUse = want.bytes;
    for (const [key, value] of Object.entries(counts)) {
      if (value !== undefined) assert.equal(row[key as "held"], value, `${key} of ${want.class} at ${want.location}${show()}`);
    }
  }
  for (const row of rows) {
    const known = expected.some(({ class: name, location }) => name === row.class && location === row.location);
    assert.ok(known || row.held === 0, `nothing else is kept: ${JSON.stringify(row)}${show()}`);
  }
}

/** Asserts that of what hostile_unseen frees past all hooks nearly everything has left the row: what malloc hands out again. */
export function assertUnseen(dump: Dump): void {
  const row = rowsOfOwner(dump, "hostile_unseen.so").find(({ location }) => / unseen \(/.test(location));
  assert.ok(row && row.allocs - row.frees <= row.allocs / 8, JSON.stringify(row));
  assert.ok(Number(dump.header.get("unseen")) >= row.frees, `unseen=${dump.header.get("unseen")}`);
}

/** Asserts what must hold for every dump at level 1 and 2; `rearmed`: buffers older than the tracking may have been released. */
export function assertSound(dump: Dump, { rearmed = false } = {}): void {
  assert.deepEqual(dump.foreign, [], "no foreign line within the dump");
  assert.equal(dump.header.get("lost"), "0");
  assert.equal(dump.header.get("traps"), "0");
  for (const table of dump.tables) {
    assert.equal(
      table.rows.reduce((sum, row) => sum + row.inUse, 0),
      table.total,
      `TOTAL is the sum of the rows: ${table.title}`,
    );
  }
  for (const row of rowsOf(dump)) {
    if (rearmed && row.class === "iobuffer") continue;
    const negative = row.held < 0 || row.frees > row.allocs || (row.frees === row.allocs && row.held !== 0);
    assert.ok(!negative, `an impossible row: ${JSON.stringify(row)}`);
  }
  for (const row of dump.objects) assert.equal(row.alive, row.created - row.destroyed, JSON.stringify(row));
  const seen = rowsOf(dump).map((row) => `${row.class} ${row.location}`);
  assert.deepEqual(
    seen.filter((row, at) => seen.indexOf(row) !== at),
    [],
    "each name has one row",
  );
  assertOwners(dump);
}

/** Asserts that the owners add up to the total, and each owner's rows to the owner. */
function assertOwners(dump: Dump): void {
  const classes = ["iobuffer", "openssl", "tsapi", "heap", "mapped", "freelist"] as const;
  const objectBytes = (owner?: string): number =>
    dump.objects.filter(({ location }) => !owner || ownerOf(location) === owner).reduce((sum, row) => sum + row.inUse, 0);
  assert.ok(
    dump.owners.some(({ owner }) => owner === "core"),
    "core is an owner",
  );
  assert.equal(new Set(dump.owners.map(({ owner }) => owner)).size, dump.owners.length, "each owner has one row");
  for (const name of classes) {
    assert.equal(
      dump.owners.reduce((sum, row) => sum + row[name], 0),
      dump[name].total,
      `the owners' sum of ${name}`,
    );
  }
  for (const row of dump.owners) {
    const bytes = Object.fromEntries(classes.map((name) => [name, 0]));
    if (row.owner === "core") bytes.freelist = dump.freelist.total; // rowsOf() leaves gauges out
    let objects = 0;
    for (const { class: name, held } of rowsOfOwner(dump, row.owner)) {
      if (name in bytes) bytes[name]! += held;
      else objects += held;
    }
    const { iobuffer, openssl, tsapi, heap, mapped, freelist } = row;
    assert.deepEqual(
      { iobuffer, openssl, tsapi, heap, mapped, freelist },
      bytes,
      `the memory of ${row.owner} is the sum of its rows`,
    );
    assert.equal(row.objects, objects, `objects of ${row.owner}`);
    assert.equal(row.object, objectBytes(row.owner), `bytes of objects of ${row.owner}`);
    assert.equal(row.total, iobuffer + openssl + tsapi + heap + mapped + freelist + row.object, row.owner);
  }
  const { total, objects, object } = dump.ownersTotal!;
  assert.equal(object, objectBytes(), "the bytes of all objects");
  for (const [name, said] of Object.entries({ total, objects, object })) {
    assert.equal(
      dump.owners.reduce((sum, row) => sum + row[name as "total"], 0),
      said,
      `the owners' sum of ${name}`,
    );
  }
}

/** A dump after all transactions have ended: the plugins' rows are the same as in the dump before. */
export function settled(ats: Ats): Promise<Dump> {
  return ats.settledDump((dump) => rowsOf(dump).filter((row) => ownerOf(row.location) !== "core"));
}
