// SPDX-License-Identifier: Apache-2.0
//
// On a real server: the ages in a dump are correct. A plugin keeps memory that was allocated at times known to this test.

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAnalysis, type Aged } from "../../harness/analysis.ts";
import { Ats } from "../../harness/ats.ts";
import type { Dump } from "../../harness/dump.ts";
import { requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { PLUGIN } from "../../tools/build.ts";
import { buildCorpus, corpus } from "../support/corpus.ts";

const INTERVAL = "proxy.config.plugin.memtrack.sample_interval";
const KEPT = "memory/plugin/ager.so on_transaction (ager.c:19)";
const REPLACED = "memory/plugin/ager.so on_transaction (ager.c:20)";
const START = "memory/plugin/ager.so TSPluginInit (ager.c:32)";
const BATCHES = 8;
const BATCH = 50;
const WAIT_MS = 60_000;

/** Transactions whose blocks were allocated between two times, in seconds. */
interface Batch {
  count: number;
  from: number;
  to: number;
}

function linesOf(dump: Dump, site: string): Aged[] {
  return parseAnalysis(dump.text).ages.filter(({ location }) => location === site);
}

function sum(lines: Aged[], field: "alive" | "inUse"): number {
  return lines.reduce((total, line) => total + line[field], 0);
}

/** Blocks of ended epochs. Those of the present one are older than 0 s. */
function oldOf(dump: Dump): number {
  return sum(
    linesOf(dump, KEPT).filter(({ olderThan }) => olderThan > 0),
    "alive",
  );
}

function rowOf(dump: Dump, site: string) {
  const row = dump.tsapi.rows.find(({ location }) => location === site);
  assert.ok(row, dump.text);
  return row;
}

const seconds = (): number => performance.now() / 1000;

/** A dump, with the times before and after it. */
async function dumpOf(ats: Ats): Promise<{ dump: Dump; from: number; to: number }> {
  const from = seconds();
  const dump = await ats.dump();
  assert.deepEqual(dump.foreign, []);
  return { dump, from, to: seconds() };
}

test("live memory has the correct age in a dump, to the block, and the lines of a site add up to its row", async (t) => {
  buildCorpus();
  const origin = await Origin.start();
  const ats = await Ats.start({
    level: 1,
    ctl: true,
    plugins: [PLUGIN, corpus("ager")],
    origin: origin.url,
    records: { [INTERVAL]: 1 },
  });
  try {
    const batches: Batch[] = [];
    let made = 0;
    let last = await dumpOf(ats);
    // Each batch is made when the previous batch has become old: its site then has another line, or different lines.
    for (const end = seconds() + WAIT_MS / 1000; batches.length < BATCHES;) {
      assert.ok(seconds() < end, last.dump.text);
      const from = seconds();
      await requests(ats.httpUrl, BATCH);
      made += BATCH;
      do last = await dumpOf(ats);
      while (rowOf(last.dump, KEPT).allocs < made && seconds() < end);
      batches.push({ count: BATCH, from, to: last.to });
      while (oldOf(last.dump) < made && seconds() < end) last = await dumpOf(ats);
    }
    const { dump, from, to } = last;
    const lines = linesOf(dump, KEPT);
    t.diagnostic(lines.map(({ olderThan, youngerThan, alive }) => `${olderThan}..${youngerThan ?? "-"} s: ${alive}`).join("; "));
    assert.ok(lines.length >= 3, dump.text);
    assert.deepEqual([sum(lines, "alive"), sum(lines, "inUse")], [made, made * 1000]);
    assert.equal(rowOf(dump, KEPT).inUse, made * 1000);
    const tolerance = Number(/\(exact to (\d+) s\)/.exec(parseAnalysis(dump.text).agesTitle)![1]);
    assert.ok(tolerance >= 1 && tolerance <= 3, dump.text);
    for (const [index, { olderThan, youngerThan }] of lines.entries()) {
      assert.ok((youngerThan ?? 0) <= (lines[index + 1]?.olderThan ?? Infinity), "spans do not overlap");
      const older = sum(
        lines.filter((line) => line.olderThan >= olderThan),
        "alive",
      );
      const most = batches
        .filter((batch) => to - batch.from > olderThan - tolerance)
        .reduce((total, { count }) => total + count, 0);
      assert.ok(older <= most, `${older} are older than ${olderThan} s, of ${most} that can be`);
      const younger = sum(
        lines.filter((line) => line.olderThan <= olderThan),
        "alive",
      );
      const least = batches
        .filter((batch) => from - batch.to < (youngerThan ?? Infinity) + tolerance)
        .reduce((total, { count }) => total + count, 0);
      assert.ok(
        youngerThan !== undefined && younger <= least,
        `${younger} are younger than ${youngerThan} s, of ${least} that can be`,
      );
    }
    // One block dates from the start, in the oldest bucket; one is replaced all the time, so it dates from the last transaction.
    const [first, ...more] = linesOf(dump, START);
    assert.deepEqual([first?.alive, first?.inUse, first?.share, more.length], [1, 5000, 100, 0], dump.text);
    assert.ok(first!.olderThan >= Math.max(...parseAnalysis(dump.text).ages.map(({ olderThan }) => olderThan)), dump.text);
    const replaced = linesOf(dump, REPLACED);
    assert.deepEqual([sum(replaced, "alive"), sum(replaced, "inUse")], [1, 300]);
    assert.ok(replaced[0]!.olderThan <= to - batches.at(-1)!.from + tolerance, dump.text);
    // Objects too: the plugin's only continuation is as old as its first block.
    const cont = parseAnalysis(dump.text).ages.find(({ kind, location }) => kind === "TSCont" && location.includes("ager.so"));
    assert.deepEqual([cont?.alive, cont?.olderThan], [1, first!.olderThan]);
    assert.ok(cont!.inUse > 0, dump.text);
    assert.equal(parseAnalysis(dump.text).ages.filter(({ kind }) => kind === "iobuffer").length, 0);
    // After a new arming, older memory is in no row, and so has no age.
    for (const level of [0, 1]) {
      await ats.ctl("plugin", "msg", "memtrack", `arm ${level}`);
      do last = await dumpOf(ats);
      while (last.dump.header.get("level") !== String(level));
    }
    await requests(ats.httpUrl, BATCH);
    for (const end = seconds() + WAIT_MS / 1000; ;) {
      assert.ok(seconds() < end, last.dump.text);
      last = await dumpOf(ats);
      const fresh = linesOf(last.dump, KEPT);
      assert.deepEqual(linesOf(last.dump, START), []);
      if (!fresh.length) continue;
      assert.deepEqual(
        [sum(fresh, "alive"), sum(fresh, "inUse")],
        [rowOf(last.dump, KEPT).allocs, rowOf(last.dump, KEPT).inUse],
        last.dump.text,
      );
      for (const { olderThan } of fresh) assert.ok(olderThan <= Number(last.dump.header.get("armed")) + 1, last.dump.text);
      // Wait until all blocks belong to an epoch that has ended.
      if (sum(fresh, "alive") === BATCH && fresh.every((line) => line.olderThan > 0)) break;
    }
  } finally {
    await ats.stop();
    await origin.stop();
  }
});
