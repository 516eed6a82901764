// SPDX-License-Identifier: Apache-2.0
//
// The ages in a dump are assigned to their sites; invalid lines are ignored.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as abi from "../../../assembly/abi.ts";
import { Host } from "../../../harness/host.ts";
import { loadCore } from "../../../host/node/core/module.ts";
import { ageKey, agesIn } from "../../../host/node/read/ages.ts";
import type { Section } from "../../../host/node/read/dump.ts";
import { Parser } from "../../../host/node/read/parse.ts";
import { Sites } from "../../../host/node/read/sites.ts";

const COLUMNS = ["Older than", "Younger than", "Alive", "Size In-use", "% of site", "Kind", "Location"];
const TITLE = "Ages of live memory in seconds (exact to 1 s): 2 sites, by bytes older than 60 s; IOBuffers have no age";
const TITLE_OF_FORMAT_1 = "Ages of what is alive, in seconds: 2 sites (of IOBuffers they are not known)";

function section(rows: string[][], title = TITLE, columns = COLUMNS): Section {
  return { title, columns, rows };
}

function sectionsOf(text: Buffer | string): Section[] {
  let sections: Section[] = [];
  const parser = new Parser(new Sites(), (dump) => {
    assert.equal(dump.state, "complete");
    sections = [...dump.sections];
  });
  parser.push(Buffer.from(text));
  parser.end();
  assert.equal(parser.counts.foreign, 0);
  return sections;
}

describe("ages", () => {
  test("are read as the core writes them, in the order of each site's lines", () => {
    const host = new Host(loadCore(), abi.SITES_MIN);
    const shard = host.addShard();
    const owner = host.registry.registerOwner("foo.so");
    const measures = (now: bigint) => [[abi.MEASURE_NOW, now] as const];
    const place = "foo.so a | b (foo.c:1)"; // a bar in a name is no column separator
    const allocate = (cls: number, size: bigint) => host.recordAlloc(shard, cls, 0x1000n, place, 0, size, owner);
    host.sample(1000n, 0n, measures(1000n));
    const births = [allocate(abi.CLASS_TSAPI, 10n), allocate(abi.CLASS_OBJECT, 0n)];
    host.sample(1100n, 0n, measures(1100n));
    allocate(abi.CLASS_TSAPI, 20n);
    host.recordFree(shard, births[1]!, 0n);
    allocate(abi.CLASS_OBJECT, 0n);
    host.sample(1200n, 0n, measures(1205n));
    const ages = agesIn(sectionsOf(host.dump({ time: 0n, level: 1, armed: 400n })));
    assert.deepEqual(ages.get(ageKey("tsapi", `memory/plugin/${place}`)), [
      { olderThan: 5, youngerThan: 105, alive: 1, bytes: 20 },
      { olderThan: 105, youngerThan: 400, alive: 1, bytes: 10 },
    ]);
    assert.deepEqual(ages.get(ageKey("TSCont", `memory/plugin/${place}`)), [
      { olderThan: 5, youngerThan: 105, alive: 1, bytes: 0 },
    ]);
    assert.equal(ages.size, 2);
  });

  test("are ordered by old bytes, then by bytes, with objects after memory", () => {
    const host = new Host(loadCore(), abi.SITES_MIN);
    const shard = host.addShard();
    const owner = host.registry.registerOwner("foo.so");
    const measures = (now: bigint) => [[abi.MEASURE_NOW, now] as const];
    const allocate = (line: number, size: bigint, key: number) =>
      host.recordAlloc(shard, abi.CLASS_OPENSSL, 0x1000n, "a.c", line, size, key);
    host.sample(1000n, 0n, measures(1000n));
    allocate(1, 1n << 40n, abi.OWNER_CORE);
    allocate(2, 10n, owner);
    allocate(3, 20n, owner);
    for (let i = 0; i < 100; ++i) host.recordAlloc(shard, abi.CLASS_OBJECT, 0x2000n, "foo.so+0x6 (a.c:6)", 0, 0n, owner);
    host.sample(1100n, 0n, measures(1100n));
    allocate(4, 1n << 41n, abi.OWNER_CORE);
    allocate(5, 5000n, owner);
    host.sample(1120n, 0n, measures(1120n));
    const lines = [...agesIn(sectionsOf(host.dump({ time: 0n, level: 2, armed: 400n }))).keys()];
    assert.deepEqual(
      lines.map((key) => Number(/:(\d)/.exec(key)?.[1])),
      [1, 3, 2, 4, 5, 6],
    );
  });

  test("include plugins although the server, which keeps much memory for good, has many sites", () => {
    const host = new Host(loadCore(), abi.SITES_MIN);
    const shard = host.addShard();
    const owner = host.registry.registerOwner("foo.so");
    const measures = (now: bigint) => [[abi.MEASURE_NOW, now] as const];
    host.sample(1000n, 0n, measures(1000n));
    for (let line = 1; line <= 25; ++line) host.recordAlloc(shard, abi.CLASS_OPENSSL, 0x1000n, "a.c", line, 1n << 20n);
    host.recordAlloc(shard, abi.CLASS_TSAPI, 0x2000n, "foo.so+0x1", 0, 10n, owner);
    host.sample(1100n, 0n, measures(1100n));
    const text = host.dump({ time: 0n, level: 2 });
    assert.match(
      text.toString(),
      /^Ages of live memory in seconds \(exact to 1 s\): top 20 of 26 sites, by bytes older than \d+ s;/m,
    );
    const keys = [...agesIn(sectionsOf(text)).keys()];
    assert.deepEqual([keys.length, keys.at(-1)], [20, ageKey("tsapi", "memory/plugin/foo.so+0x1")]);
  });

  test("are empty in a dump of a server that takes no samples", () => {
    const host = new Host(loadCore(), abi.SITES_MIN);
    host.recordAlloc(host.addShard(), abi.CLASS_TSAPI, 1n, "foo.so+0x1", 0, 10n);
    assert.equal(agesIn(sectionsOf(host.dump({ time: 0n, level: 1 }))).size, 0);
  });

  test("are read only from their own section and from valid numbers, whatever the file contains", () => {
    const row = ["10", "-", "1", "20", "100", "heap", "memory/plugin/x"];
    assert.deepEqual(agesIn([section([row])]).get("heap memory/plugin/x"), [
      { olderThan: 10, youngerThan: undefined, alive: 1, bytes: 20 },
    ]);
    assert.equal(agesIn([section([row], TITLE_OF_FORMAT_1)]).size, 1);
    assert.equal(agesIn([section([row], "Ages ago")]).size, 0);
    assert.equal(agesIn([section([row], TITLE, COLUMNS.slice(1))]).size, 0);
    for (const bad of ["", "x", "1e400", "9007199254740993"]) {
      if (bad) assert.equal(agesIn([section([[...row.slice(0, 2), bad, ...row.slice(3)]])]).size, 0, bad);
    }
  });
});
