// SPDX-License-Identifier: Apache-2.0
//
// On a real server: the rows of the server's freelists equal the table that the server itself prints, list by list; transactions that a
// plugin never lets go are in them to the object; a server whose table cannot be read has no such rows.

import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { parseAnalysis } from "../../harness/analysis.ts";
import { Ats } from "../../harness/ats.ts";
import type { Dump } from "../../harness/dump.ts";
import { requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { PLUGIN } from "../../tools/build.ts";
import { buildCorpus, corpus } from "../support/corpus.ts";

const INTERVAL = "proxy.config.plugin.memtrack.sample_interval";
const PREFIX = "memory/freelist/";
/** The server schedules an event to have memtrack write a dump, after it has printed its own table. */
const EVENTS = "eventAllocator";
const EVENTS_MORE = 2;
const TRIES = 20;
const HELD = 40;
/** With `npm run test:long`: until the growth is a suspect, at this many held transactions a second. */
const LONG = process.env.MEMTRACK_HELD !== undefined;
const HELD_PER_SECOND = 25;
const FOUND_MS = 400_000;

interface List {
  allocated: number;
  inUse: number;
  size: number;
}

/** The server's own table in a text: the last one. Columns by their heads, which differ from version to version. */
function ownTable(text: string): Map<string, List> {
  const lines = text.slice(text.lastIndexOf("     Allocated ")).split("\n");
  const cells = (line: string) => line.split("|").map((cell) => cell.trim());
  const heads = cells(lines[0]!);
  const lists = new Map<string, List>();
  for (const row of lines.slice(2).map(cells)) {
    const cell = (head: string) => row[heads.indexOf(head)] ?? "";
    const name = cell("Free List Name").replace(/^memory\//, "");
    if (row.length !== heads.length || name === "TOTAL") break;
    lists.set(name, { allocated: Number(cell("Allocated")), inUse: Number(cell("In-Use")), size: Number(cell("Type Size")) });
  }
  return lists;
}

/** Lists in which objects of plugins are: these have rows of their own, and are taken off the list's row. */
const CLAIMED = ["INKContAllocator", "INKVConnAllocator", "mutexAllocator", "ioAllocator", "hdrHeap", "hdrStrHeap"];
const isWhole = (name: string) => name !== EVENTS && !CLAIMED.includes(name);

/** Bytes and objects by list, of those with something in use, but for events. */
function ofServer(lists: Map<string, List>): Record<string, string> {
  const used = [...lists].filter(([name, { inUse }]) => inUse > 0 && !name.startsWith("ioBufAllocator[") && isWhole(name));
  const entries = used.map(([name, { inUse, size }]): [string, string] => [name, `${inUse} bytes, ${inUse / size} objects`]);
  return Object.fromEntries(entries.sort());
}

function ofMemtrack(dump: Dump): Record<string, string> {
  const used = dump.freelist.rows.filter(({ inUse, location }) => inUse > 0 && isWhole(location.slice(PREFIX.length)));
  const text = ({ inUse, allocs, frees }: (typeof used)[number]) => `${inUse} bytes, ${allocs - frees} objects`;
  return Object.fromEntries(used.map((row): [string, string] => [row.location.slice(PREFIX.length), text(row)]).sort());
}

/** A dump and the server's own table, printed before it. */
async function both(ats: Ats): Promise<[Dump, Map<string, List>]> {
  const from = ats.sizeOf(ats.trafficOutPath);
  const dump = await ats.dump();
  const said = readFileSync(ats.trafficOutPath).subarray(from).toString("utf8");
  return [dump, ownTable(said.slice(0, said.indexOf("memtrack format=")))];
}

function held(port: number): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write("GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n");
  return socket;
}

let origin: Origin;
before(async () => {
  buildCorpus();
  origin = await Origin.start();
});
after(() => origin.stop());

describe("the server's freelists", () => {
  let ats: Ats;
  before(async () => {
    const plugins = [PLUGIN, corpus("holds_transactions")];
    const records = { [INTERVAL]: 1, ...(LONG && { "proxy.config.memory.max_usage": 170 * 2 ** 20 }) };
    ats = await Ats.start({ level: 1, plugins, origin: origin.url, records });
    await requests(ats.httpUrl, 200, { paths: ["/size/1000", "/size/40000?cache=600"] });
  });
  after(() => ats.stop());

  /** The first dump, of at most TRIES, that agrees with the server's table: the server uses objects between the two as well. */
  async function agreeing(): Promise<[Dump, Map<string, List>]> {
    await ats.connectionsClosed();
    for (let tries = 0; ; ++tries) {
      const [dump, lists] = await both(ats);
      if (JSON.stringify(ofMemtrack(dump)) === JSON.stringify(ofServer(lists))) return [dump, lists];
      if (tries === TRIES) assert.deepEqual(ofMemtrack(dump), ofServer(lists));
    }
  }

  test("are rows that equal the server's own table, list by list", async (t) => {
    const [dump, lists] = await agreeing();
    assert.deepEqual(dump.foreign, []);
    assert.equal(dump.header.get("freelists"), "installed");
    assert.ok(Object.keys(ofMemtrack(dump)).length >= 10, dump.text);
    const events = dump.freelist.rows.find(({ location }) => location === PREFIX + EVENTS)!;
    const more = (events.inUse - lists.get(EVENTS)!.inUse) / events.average;
    assert.ok(more >= 0 && more <= EVENTS_MORE, `${more} events`);
    const nameOf = ({ location }: { location: string }) => location.slice(PREFIX.length);
    for (const row of dump.freelist.rows.filter((row) => row.inUse > 0 && isWhole(nameOf(row)))) {
      assert.equal(row.average, lists.get(nameOf(row))!.size);
    }
    const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);
    const rows = dump.freelist.rows.filter((row) => CLAIMED.includes(nameOf(row)));
    const objects = sum(dump.objects.map(({ inUse }) => inUse));
    assert.ok(objects > 0);
    assert.equal(sum(rows.map(({ inUse }) => inUse)) + objects, sum(CLAIMED.map((name) => lists.get(name)?.inUse ?? 0)));
    t.diagnostic(`${lists.size} lists, ${dump.freelist.rows.length} rows, ${dump.freelist.total} bytes`);
  });

  test("are parts of resident memory: what is in use, and what is not", async () => {
    // The section comes with the first sample.
    let [dump, lists] = await agreeing();
    for (const end = Date.now() + 20_000; !parseAnalysis(dump.text).parts.length; [dump, lists] = await agreeing()) {
      assert.ok(Date.now() < end, dump.text);
    }
    const { parts } = parseAnalysis(dump.text);
    const part = (name: string) => parts.find(({ what }) => what === name)?.bytes;
    assert.equal(part("server's freelists in use"), dump.freelist.total);
    const idle = [...lists.values()].reduce((sum, { allocated, inUse }) => sum + allocated - inUse, 0);
    const less = (idle - part("idle in the server's freelists")!) / lists.get(EVENTS)!.size;
    assert.ok(less >= 0 && less <= EVENTS_MORE, dump.text);
    assert.ok(part("not accounted")! > 0, dump.text);
  });

  test("hold the transactions that a plugin never lets go, each of them", async () => {
    const transactions = (lists: Map<string, List>) => lists.get("httpSMAllocator")!.inUse / lists.get("httpSMAllocator")!.size;
    const row = (dump: Dump) => dump.freelist.rows.find(({ location }) => location === `${PREFIX}httpSMAllocator`)!;
    const [before, own] = await agreeing();
    const sockets: Socket[] = [];
    for (let i = 0; i < HELD; ++i) sockets.push(held(ats.httpPort));
    // Threads use first what they kept of earlier transactions.
    let now = await both(ats);
    for (const end = Date.now() + 20_000; transactions(now[1]) < HELD && Date.now() < end; now = await both(ats)) await pause(100);
    for (const socket of sockets) socket.destroy();
    const [dump, lists] = await both(ats);
    assert.ok(transactions(lists) >= HELD && transactions(lists) <= transactions(own) + HELD, dump.text);
    assert.equal(row(dump).inUse, lists.get("httpSMAllocator")!.inUse, "after their clients have gone, too");
    assert.equal(row(dump).allocs - row(before).allocs, transactions(lists) - transactions(own));
    assert.equal(row(dump).frees, row(before).frees);
  });

  test(
    "name transactions that a plugin never lets go as the suspect",
    { skip: !LONG && "only with npm run test:long" },
    async (t) => {
      const start = Date.now();
      let sent = 0;
      let over = false;
      const found = ats.waitFor(ats.diagsPath, /\[memtrack\] new suspect: /, { timeoutMs: FOUND_MS }).finally(() => (over = true));
      found.catch(() => {});
      while (!over) {
        for (; sent < ((Date.now() - start) / 1000) * HELD_PER_SECOND; ++sent) {
          const socket = held(ats.httpPort);
          setTimeout(() => socket.destroy(), 200);
        }
        await requests(ats.httpUrl, 20);
      }
      await found;
      const dump = await ats.dump();
      t.diagnostic(`found after ${Math.round((Date.now() - start) / 1000)} s, ${sent} transactions held`);
      const { suspects } = parseAnalysis(dump.text);
      assert.ok(suspects.length > 0 && suspects.every(({ location }) => location.startsWith("memory/freelist")), dump.text);
      assert.ok(
        suspects.some(({ location }) => location === `${PREFIX}httpSMAllocator`),
        dump.text,
      );
    },
  );
});
