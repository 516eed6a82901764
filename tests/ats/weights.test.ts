// SPDX-License-Identifier: Apache-2.0
//
// On a real server: objects of plugins weigh what they hold, in bytes of the server's own freelists and of malloc.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Ats } from "../../harness/ats.ts";
import type { Dump } from "../../harness/dump.ts";
import { requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { PLUGIN } from "../../tools/build.ts";
import { assertHolds, assertSound, buildCorpus, corpus, expectedOf, rowsOfOwner } from "../support/corpus.ts";
import { settled } from "../support/corpus.ts";

const INTERVAL = { "proxy.config.plugin.memtrack.sample_interval": 1 };
/** Threads keep no objects of freelists for themselves, so that the server's table shows what is in use. */
const NO_CACHES = { "proxy.config.allocator.thread_freelist_size": 0 };
const WAIT_MS = 60_000;

let origin: Origin;
before(async () => {
  buildCorpus();
  origin = await Origin.start();
});
after(() => origin.stop());

/** Bytes in use of a freelist, in the last table that the server printed. */
function inUseOf(ats: Ats, name: string): number {
  const rows = ats.trafficOut().split("\n");
  const heading = rows.find((row) => /In-Use .*Free List Name/.test(row))!.split("|");
  const row = rows.findLast((row) => row.trimEnd().endsWith(`| memory/${name}`))!.split("|");
  return Number(row[heading.findIndex((column) => /^ *In-Use *$/.test(column))]);
}

async function dumpWith(ats: Ats, wanted: (dump: Dump) => boolean): Promise<Dump> {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    const dump = await ats.dump();
    if (wanted(dump)) return dump;
    assert.ok(Date.now() < deadline, dump.text);
  }
}

const bytesOf = (dump: Dump, owner: string): number =>
  dump.objects.filter(({ location }) => location.includes(owner)).reduce((sum, row) => sum + row.inUse, 0);

test("buffers of headers weigh what they hold, to the byte, as the server's own freelists say", async () => {
  const plugins = [PLUGIN, corpus("leak_held")];
  const records = { ...INTERVAL, ...NO_CACHES };
  const ats = await Ats.start({ level: 1, origin: origin.url, plugins, records });
  try {
    const seen: { dump: Dump; heaps: number; strings: number }[] = [];
    let made = 0;
    for (const count of [100, 400]) {
      assert.deepEqual(await requests(ats.httpUrl, count), { requests: count, errors: 0 });
      made += count;
      await ats.connectionsClosed();
      const dump = await settled(ats);
      assert.equal(dump.header.get("weights"), "installed");
      assertSound(dump);
      const expected = expectedOf("leak_held", { transaction: made, once: 1 });
      assertHolds(
        dump,
        "leak_held.so",
        expected.filter((row) => row.class !== "heap"),
      );
      seen.push({ dump, heaps: inUseOf(ats, "hdrHeap"), strings: inUseOf(ats, "hdrStrHeap") });
    }
    const [before, now] = seen as [(typeof seen)[0], (typeof seen)[0]];
    // Of each kind of buffer 400 more: eight first heaps without the one that was destroyed, and strings of 2,048 bytes in three.
    assert.equal(now.heaps - before.heaps, 400 * 7 * 2048);
    assert.equal(now.strings - before.strings, 400 * 3 * 2048);
    const growing = (dump: Dump) => dump.objects.find(({ created, kind }) => created === 1 && kind === "TSMBuffer")!;
    assert.ok(growing(now.dump).inUse >= growing(before.dump).inUse + 400 * 100, now.dump.text);
  } finally {
    await ats.stop();
  }
});

test("buffers that change, end, or hold garbage while they are read: no fault, and what is destroyed weighs nothing", async () => {
  const plugins = [PLUGIN, `${corpus("hostile_buffers")} 100000`];
  const ats = await Ats.start({ level: 1, origin: origin.url, plugins, records: INTERVAL });
  try {
    const dump = await dumpWith(ats, (dump) => {
      assertSound(dump);
      const rows = rowsOfOwner(dump, "hostile_buffers.so").filter((row) => row.class === "TSMBuffer");
      return rows.filter((row) => row.location.includes(" change ")).every((row) => row.held === 0 && row.allocs > 1000);
    });
    for (const row of dump.objects.filter(({ location }) => location.includes(" change "))) assert.equal(row.inUse, 0, dump.text);
    const spoilt = dump.objects.filter(({ location }) => / spoil/.test(location));
    assert.equal(
      spoilt.reduce((sum, row) => sum + row.alive, 0),
      8,
    );
    assert.equal(
      spoilt.reduce((sum, row) => sum + row.inUse, 0),
      8 * 2048,
    );
    assert.ok(ats.alive());
  } finally {
    await ats.stop();
  }
});

test("two million objects are alive: all are counted, and none is left when they are destroyed", async () => {
  const plugins = [PLUGIN, corpus("hostile_many_objects")];
  const ats = await Ats.start({ level: 1, origin: origin.url, plugins, records: INTERVAL });
  try {
    const before = await ats.dump();
    assert.deepEqual(await requests(ats.httpUrl, 1), { requests: 1, errors: 0 });
    const full = await settled(ats);
    const [row] = full.objects.filter(({ kind }) => kind === "TSMutex");
    assert.equal(row!.alive, 2_000_000);
    assert.equal(full.header.get("untracked"), "0");
    assertSound(full);
    const tables = Number(full.header.get("memory")) - Number(before.header.get("memory"));
    assert.ok(tables > 0 && tables <= 2_000_000 * 40, `${tables}`);
    await requests(ats.httpUrl, 1, { paths: ["/destroy"] });
    const empty = await dumpWith(ats, (dump) => dump.objects.every(({ kind, alive }) => kind !== "TSMutex" || alive === 0));
    assert.equal(bytesOf(empty, "hostile_many_objects.so"), empty.objects.find(({ kind }) => kind === "TSCont")!.inUse);
  } finally {
    await ats.stop();
  }
});
