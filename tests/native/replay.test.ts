// SPDX-License-Identifier: Apache-2.0
//
// One core, several hosts: a recorded log of a real server's events (tests/fixtures), replayed through memtrack.wasm in Node and
// through the wasm2c build in C, gives the same dump, byte for byte; and both are right, by a count of the log in plain TypeScript
// and by the table that the server's own tracker printed.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import * as abi from "../../assembly/abi.ts";
import { parseAnalysis } from "../../harness/analysis.ts";
import { parseDumps, parseTables, type Row } from "../../harness/dump.ts";
import { Host, type Facts, type OtherRow } from "../../harness/host.ts";
import { loadCore } from "../../host/node/core/module.ts";
import { BUILTIN_PATH, countEvents, parseEvents, recordedText, type Event } from "../fixtures/events.ts";

const TOP = fileURLToPath(new URL("../..", import.meta.url));
const REPLAY = join(TOP, "build", "native-plain", "replay");
const DIGEST = createHash("sha256")
  .update(readFileSync(join(TOP, "build", "memtrack.wasm")))
  .digest("hex")
  .slice(0, 16);

/** As in tests/native/replay.c. */
const FACTS: Facts = {
  time: 1795361003n,
  reason: abi.DUMP_REASON_SIGNAL,
  level: 2,
  iobuffer: abi.HOOK_INSTALLED,
  openssl: abi.HOOK_INSTALLED,
  digest: DIGEST,
};

interface Run {
  sites: number;
  /** After how many events a dump is made and both classes are armed anew; 0 for never. */
  mark: number;
  /** After each so many events, 20 s have passed and a sample is taken; 0 for never. */
  sample: number;
  verify: boolean;
}

/** The log in this process: what tests/native/replay.c does. */
function replayInNode(events: Event[], { sites, mark, sample, verify }: Run): Buffer {
  const host = new Host(loadCore(), sites);
  host.addShard(); // in C, the first shard is the one that threads share which can have none
  const shards = new Map<number, ReturnType<Host["addShard"]>>();
  const blocks = new Map<number, { birth: number; size: bigint }>();
  let now = 1000n;
  const dumps: Buffer[] = [];
  for (const [index, event] of events.entries()) {
    const shard = shards.get(event.thread) ?? host.addShard();
    shards.set(event.thread, shard);
    if (event.kind === "iobuffer") {
      host.recordBufferEvent(shard, event.place.address, event.place.text, BigInt(event.size));
    } else if (event.kind === "alloc") {
      const size = BigInt(event.size);
      const birth = host.recordAlloc(shard, abi.CLASS_OPENSSL, event.place.address, event.place.text, event.line, size);
      blocks.set(event.block, { birth, size });
    } else if (event.kind === "free") {
      const { birth, size } = blocks.get(event.block)!;
      host.recordFree(shard, birth, size);
    } else {
      host.recordFreeUntagged(shard, abi.CLASS_OPENSSL, BigInt(event.size));
    }
    if (sample && (index + 1) % sample === 0) {
      now += 20n;
      host.sample(now, 0n, [
        [abi.MEASURE_NOW, now],
        [abi.MEASURE_INTERVAL, 20],
      ]);
    }
    if (index + 1 === mark) {
      dumps.push(host.dump(FACTS));
      host.arm(abi.CLASS_IOBUFFER);
      host.arm(abi.CLASS_OPENSSL);
    }
  }
  dumps.push(host.dump(FACTS, verify ? builtinRows() : undefined));
  return Buffer.concat(dumps);
}

function builtinRows(): OtherRow[] {
  return builtinTable().map((row) => ({
    name: row.location,
    allocs: BigInt(row.allocs),
    frees: BigInt(row.frees),
    inUse: BigInt(row.inUse),
  }));
}

function builtinTable(): Row[] {
  return parseTables(readFileSync(BUILTIN_PATH, "utf8")).tables[0]!.rows;
}

/** The lines of the first table in a text, whole, from its column heads to the line under its TOTAL. */
function firstTable(text: string): string[] {
  const lines = text.slice(text.indexOf("Allocs ")).split("\n");
  return lines.slice(0, lines.findIndex((line) => / TOTAL *$/.test(line)) + 2);
}

describe("a recorded log of a real server's events", () => {
  let folder = "";
  const log = recordedText();
  const events = parseEvents(log);

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "memtrack-replay-"));
    const native = join(TOP, "tests", "native");
    execFileSync("make", ["-s", "-C", native, relative(native, REPLAY)], { stdio: ["ignore", "ignore", "inherit"] });
    writeFileSync(join(folder, "events.log"), log);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function replayInC({ sites, mark, sample, verify }: Run): Buffer {
    const args = [join(folder, "events.log"), String(sites), String(mark), String(sample), ...(verify ? [BUILTIN_PATH] : [])];
    return execFileSync(REPLAY, args, { maxBuffer: 1 << 26 });
  }

  function replayInBoth(run: Run): string {
    const inNode = replayInNode(events, run);
    const inC = replayInC(run);
    assert.equal(inC.toString(), inNode.toString());
    assert.deepEqual(inC, inNode);
    return inNode.toString();
  }

  test("gives the same bytes in Node and in C, and every row is what the log says", () => {
    const dumps = parseDumps(replayInBoth({ sites: abi.SITES_DEFAULT, mark: 0, sample: 0, verify: false }));
    assert.equal(dumps.length, 1);
    const dump = dumps[0]!;
    assert.deepEqual(dump.foreign, []);
    assert.equal(dump.header.get("lost"), "0");
    const expected = countEvents(events);
    const older = expected.get("");
    expected.delete("");
    const rows = [...dump.iobuffer.rows, ...dump.openssl.rows];
    assert.equal(rows.length, expected.size);
    assert.ok(dump.iobuffer.rows.length > 5 && dump.openssl.rows.length > 100, "the recording has both classes");
    for (const row of rows) {
      const count = expected.get(row.location);
      assert.ok(count, row.location);
      assert.deepEqual(
        [row.allocs, row.frees, row.inUse],
        [count.allocs, count.frees, count.allocBytes - count.freeBytes],
        row.location,
      );
    }
    const sum = (field: "allocBytes" | "freeBytes") =>
      dump.openssl.rows.reduce((total, row) => total + expected.get(row.location)![field], 0);
    assert.deepEqual(dump.summary, {
      allocated: sum("allocBytes"),
      freed: sum("freeBytes"),
      current: sum("allocBytes") - sum("freeBytes"),
    });
    assert.equal(
      dump.iobuffer.total,
      dump.iobuffer.rows.reduce((total, row) => total + row.inUse, 0),
    );
    const prior = dump.prior.find((row) => row.class === "openssl");
    assert.deepEqual([prior?.frees ?? 0, prior?.bytes ?? 0], [older?.frees ?? 0, older?.freeBytes ?? 0]);
  });

  test("gives the table that the server's built-in tracker printed, byte for byte but for the order of the rows", () => {
    const ours = firstTable(replayInC({ sites: abi.SITES_DEFAULT, mark: 0, sample: 0, verify: false }).toString());
    const theirs = firstTable(readFileSync(BUILTIN_PATH, "utf8"));
    assert.deepEqual(ours.toSorted(), theirs.toSorted());
    assert.deepEqual([...ours.slice(0, 2), ...ours.slice(-2)], [...theirs.slice(0, 2), ...theirs.slice(-2)]);
  });

  test("agrees with the built-in tracker in verify mode, in both hosts", () => {
    const [dump] = parseDumps(replayInBoth({ sites: abi.SITES_DEFAULT, mark: 0, sample: 0, verify: true }));
    assert.equal(dump?.verify?.differing, 0);
    assert.equal(dump.verify.compared, builtinTable().length);
  });

  test("gives the same bytes when both classes are armed anew in the middle, and no row is below zero", () => {
    const dumps = parseDumps(
      replayInBoth({ sites: abi.SITES_DEFAULT, mark: Math.floor(events.length / 2), sample: 0, verify: false }),
    );
    assert.equal(dumps.length, 2);
    const expected = countEvents(events);
    const [first, second] = dumps as [(typeof dumps)[0], (typeof dumps)[0]];
    for (const row of [...second.iobuffer.rows, ...second.openssl.rows]) {
      assert.ok(row.inUse >= 0 && row.frees <= row.allocs, row.location);
      const earlier = [...first.iobuffer.rows, ...first.openssl.rows].find((other) => other.location === row.location);
      assert.equal(row.allocs + (earlier?.allocs ?? 0), expected.get(row.location)?.allocs, row.location);
    }
    assert.ok(
      second.prior.some((row) => row.frees > 0),
      "blocks from before the arming were released after it",
    );
  });

  test("with a table too small for its sites, gives the same bytes, and the totals are still exact", () => {
    const run = { sites: abi.SITES_MIN, mark: 0, sample: 0, verify: false };
    const [dump] = parseDumps(replayInBoth(run));
    assert.ok(dump && Number(dump.header.get("refused-sites")) > 0);
    assert.equal(dump.header.get("sites"), "64/64");
    const expected = countEvents(events);
    expected.delete("");
    const total = (prefix: string) =>
      [...expected]
        .filter(([name]) => name.startsWith(prefix))
        .reduce((sum, [, { allocBytes, freeBytes }]) => sum + allocBytes - freeBytes, 0);
    assert.equal(dump.iobuffer.total, total("memory/IOBuffer/"));
    assert.equal(dump.openssl.total, total("memory/OpenSSL/"));
    // What has no row of its own is in (other), and nothing else is.
    const named = new Set(dump.openssl.rows.map((row) => row.location));
    const without = [...expected].filter(([name]) => name.startsWith("memory/OpenSSL/") && !named.has(name));
    const other = dump.openssl.rows.find((row) => row.location === "memory/OpenSSL/(other)");
    assert.equal(
      other?.allocs,
      without.reduce((sum, [, count]) => sum + count.allocs, 0),
    );
    assert.equal(
      other?.frees,
      without.reduce((sum, [, count]) => sum + count.frees, 0),
    );
  });

  test("gives the same bytes when samples are taken and epochs begin, and the lines of each site's ages are its row", () => {
    const run = { sites: abi.SITES_DEFAULT, mark: Math.floor(events.length / 3), sample: 50, verify: false };
    const dumps = parseDumps(replayInBoth(run));
    assert.equal(dumps.length, 2);
    for (const dump of dumps) {
      const { ages, agesTitle } = parseAnalysis(dump.text);
      assert.match(agesTitle, /^Ages of live memory in seconds \(exact to 1 s\): (?:top 20 of )?\d+ sites/);
      const sites = new Set(ages.map(({ location }) => location));
      assert.ok(sites.size >= 5 && sites.size <= 20, `${sites.size} sites`);
      assert.ok(new Set(ages.map(({ olderThan }) => olderThan)).size > 1, "there is something of several epochs");
      for (const site of sites) {
        const lines = ages.filter(({ location }) => location === site);
        const row = dump.openssl.rows.find(({ location }) => location === site);
        assert.ok(row, site);
        const sum = (field: "alive" | "inUse") => lines.reduce((total, line) => total + line[field], 0);
        assert.deepEqual([sum("alive"), sum("inUse")], [row.allocs - row.frees, row.inUse], site);
        for (const [index, { olderThan, youngerThan, alive, inUse }] of lines.entries()) {
          // (The log has no tags: of what was there before the arming, releases are counted after it.)
          assert.ok(dump !== dumps[0] || (alive > 0 && inUse > 0), site);
          assert.ok(youngerThan === undefined || olderThan < youngerThan, site);
          assert.ok(index === 0 || olderThan > lines[index - 1]!.olderThan, site);
        }
      }
    }
  });
});
