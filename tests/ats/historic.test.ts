// SPDX-License-Identifier: Apache-2.0
//
// On a real server: what reports of Traffic Server's history said leaked, or seemed to, each as a small plugin with the same mechanism
// (tests/plugins/historic_NUMBER_*, by the number of the issue), and what memtrack's rows say of it. Whether such a growth is a leak,
// tests/analysis answers ("historic reports"), which needs no server and hours of no clock. Leaks that are in the server today are in
// real.test.ts.

import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { parseAnalysis } from "../../harness/analysis.ts";
import { Ats, type AtsOptions } from "../../harness/ats.ts";
import type { Dump } from "../../harness/dump.ts";
import { requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { PLUGIN } from "../../tools/build.ts";
import { assertHolds, assertSound, buildCorpus, corpus, expectedOf, rowsOfOwner } from "../support/corpus.ts";
import { grown, quiet } from "../support/grown.ts";
import { exchange, request, tally } from "../support/stubs.ts";

const HEAP = { "proxy.config.plugin.memtrack.heap": 1 };
const MIB = 1024 * 1024;
const WAIT_MS = 30_000;
/** Of these the source says what each transaction keeps, and nothing else is held. */
const EXACT = [
  "historic_5777_mutex",
  "historic_5794_mutex",
  "historic_7572_no_close",
  "historic_7158_string",
  "historic_10091_wrapper",
];
/** One in so many transactions is a burst. */
const BURSTS = 20;
/** The last stops transactions, which plugins after it do not see then. */
const PLUGINS = [
  ...EXACT.map(corpus),
  ...["historic_8615_digest", "historic_4562_generations", "historic_4452_timer", "historic_6614_sessions"].map(corpus),
  `${corpus("historic_9162_burst")} ${BURSTS}`,
  ...["historic_7179_slow_client", "historic_2354_reenable"].map(corpus),
];

let origin: Origin;
before(async () => {
  buildCorpus();
  origin = await Origin.start();
});
after(() => origin.stop());

async function withServer(options: AtsOptions, body: (ats: Ats) => Promise<void>): Promise<void> {
  const ats = await Ats.start({ level: 2, origin: origin.url, ...options, records: { ...HEAP, ...options.records } });
  try {
    await body(ats);
  } finally {
    await ats.stop();
  }
}

/** Connections with one request each, which stay open and whose answers nobody reads. */
function open(ats: Ats, path: string, count: number): Socket[] {
  return Array.from({ length: count }, () => {
    const socket = connect(ats.httpPort, "127.0.0.1").on("error", () => {});
    socket.pause();
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    return socket;
  });
}

/** Repeats dumps until one is as expected. */
async function dumpWith(ats: Ats, what: string, expected: (dump: Dump) => boolean): Promise<Dump> {
  for (const end = Date.now() + WAIT_MS; ;) {
    const dump = await ats.dump();
    if (expected(dump)) return dump;
    assert.ok(Date.now() < end, `no dump with ${what}:\n${dump.text}`);
  }
}

/** The sum of an owner's rows of a class whose location contains a text. */
function sum(dump: Dump, owner: string, name: string, place = ""): { alive: number; held: number } {
  const rows = rowsOfOwner(dump, `${owner}.so`).filter((row) => row.class === name && row.location.includes(place));
  return {
    alive: rows.reduce((sum, { allocs, frees }) => sum + allocs - frees, 0),
    held: rows.reduce((sum, { held }) => sum + held, 0),
  };
}

/** Undefined in the first second, when nothing has been measured. */
const partOf = (dump: Dump, name: RegExp) => parseAnalysis(dump.text).parts.find(({ what }) => name.test(what))?.bytes;

describe("historic reports, all in one server", () => {
  const dumps: Dump[] = [];
  let transactions = 0;
  let sessions: Dump;
  let slow: Dump;
  let held: Dump;
  let afterwards: Dump;
  before(async () => {
    await withServer({ plugins: [PLUGIN, ...PLUGINS] }, async (ats) => {
      const some = async (count: number) => {
        assert.deepEqual(await requests(ats.httpUrl, count), { requests: count, errors: 0 });
        transactions += count;
      };
      const opened = async (path: string, count: number, what: string, expected: (dump: Dump) => boolean) => {
        const sockets = open(ats, path, count);
        const dump = await dumpWith(ats, what, expected);
        for (const socket of sockets) socket.destroy();
        return dump;
      };
      await some(2 * BURSTS);
      // Until the certificates of this time are all that will be.
      await dumpWith(ats, "refreshes", (dump) => sum(dump, "historic_4452_timer", "tsapi").alive >= 5);
      assert.equal(await exchange({ port: ats.httpPort }, request("GET /stop HTTP/1.1")), 404);
      transactions += 1;
      dumps.push(await quiet(ats));
      await some(50);
      const delayed = Array.from({ length: 8 }, () => exchange({ port: ats.httpPort }, request("GET /delayed HTTP/1.1")));
      assert.deepEqual(tally(await Promise.all(delayed)), { 404: 8 });
      transactions += 8;
      const alive = (dump: Dump) => sum(dump, "historic_6614_sessions", "tsapi").alive;
      sessions = await opened("/size/10", 20, "20 sessions", (dump) => alive(dump) === 20);
      transactions += 20;
      slow = await opened(
        "/large",
        3,
        "large answers",
        (dump) => sum(dump, "historic_7179_slow_client", "iobuffer").held > 24 * MIB,
      );
      transactions += 3;
      dumps.push(await quiet(ats));
      // Last: the server does not close their connections any more.
      held = await opened(
        "/held",
        5,
        "held transactions",
        (dump) => sum(dump, "historic_2354_reenable", "tsapi", " hold ").alive === 5,
      );
      afterwards = await ats.dump();
    });
  });
  const last = () => dumps.at(-1)!;

  test("every dump is valid", () => {
    for (const dump of [...dumps, sessions, slow, held]) assertSound(dump);
  });

  for (const name of EXACT) {
    test(`${name}: keeps something of each transaction`, () => {
      assertHolds(last(), `${name}.so`, expectedOf(name, { transaction: transactions, once: 1 }));
    });
  }

  test("historic_8615_digest: much work, and no growth", () => {
    const [row] = rowsOfOwner(last(), "historic_8615_digest.so").filter(({ location }) => /\/evp\/digest\.c/.test(location));
    assert.ok(row && row.allocs >= transactions, JSON.stringify(row));
    const rows = grown(dumps[0]!, last());
    assert.deepEqual(
      rows.filter(({ owner }) => owner === "historic_8615_digest.so"),
      [],
    );
  });

  test("historic_4562_generations: two generations are kept, however many there were", () => {
    assert.ok(sum(last(), "historic_4562_generations", "openssl").held > 2000);
    const rows = grown(dumps[0]!, last());
    assert.deepEqual(
      rows.filter(({ owner }) => owner === "historic_4562_generations.so"),
      [],
    );
  });

  test("historic_4452_timer: keeps something at each refresh, and nothing of a transaction", () => {
    const refreshes = sum(dumps[0]!, "historic_4452_timer", "tsapi").alive;
    assert.ok(refreshes >= 5);
    const certificates = rowsOfOwner(dumps[0]!, "historic_4452_timer.so").filter((row) => row.class === "openssl" && row.held > 0);
    const ofEach = certificates.filter(({ allocs, frees }) => (allocs - frees) % refreshes === 0);
    assert.ok(ofEach.length >= 2, JSON.stringify(certificates));
    const rows = grown(dumps[0]!, last());
    assert.deepEqual(
      rows.filter(({ owner }) => owner === "historic_4452_timer.so"),
      [],
    );
  });

  test("historic_2354_reenable: of a delayed transaction nothing is left, of one that is never reenabled its data", () => {
    const data = (dump: Dump, place: string) => sum(dump, "historic_2354_reenable", "tsapi", ` ${place} `).alive;
    assert.deepEqual([data(last(), "delay"), data(held, "hold"), data(afterwards, "hold")], [0, 5, 5]);
    assert.equal(sum(last(), "historic_2354_reenable", "TSMutex").alive, 0);
    const stopped = (dump: Dump) => sum(dump, "historic_2354_reenable", "held transaction").alive;
    assert.deepEqual([stopped(last()), stopped(afterwards)], [0, 5]);
  });

  test("historic_6614_sessions: follows the open connections", () => {
    assert.deepEqual(sum(sessions, "historic_6614_sessions", "tsapi"), { alive: 20, held: 20 * 4000 });
    assert.deepEqual(sum(last(), "historic_6614_sessions", "tsapi"), { alive: 0, held: 0 });
    // A session whose transaction is held does not end, though its client has left.
    assert.deepEqual(sum(afterwards, "historic_6614_sessions", "tsapi"), { alive: 5, held: 5 * 4000 });
  });

  test("historic_7179_slow_client: what a slow client has not read is in the plugin's row, and gone with its connection", () => {
    assert.ok(sum(slow, "historic_7179_slow_client", "iobuffer").held > 24 * MIB);
    for (const name of ["iobuffer", "tsapi", "TSIOBuffer", "TSIOBufferReader", "TSMutex"])
      assert.equal(sum(last(), "historic_7179_slow_client", name).held, 0, name);
  });

  test("historic_9162_burst: no row holds what the server keeps of a burst; it is idle in the server's freelists", () => {
    const { alive, held } = sum(last(), "historic_9162_burst", "iobuffer");
    assert.deepEqual({ alive, held }, { alive: 0, held: 0 });
    assert.ok(partOf(last(), /^idle in the server's freelists/)! >= 100 * 32768 + 800 * 4096, last().text);
  });
});

describe("historic reports of reloads", () => {
  test("historic_8728_instance: the handle of each instance in its row, and what it maps", async () => {
    const reloads = 10;
    const mapped = 4 * MIB;
    const remap = [`map /a/ ${origin.url} @plugin=${corpus("historic_8728_instance")}`];
    await withServer({ plugins: [PLUGIN, corpus("reload")], remap }, async (ats) => {
      const reload = async (count: number) => {
        for (let i = 0; i < count; ++i) assert.equal(await exchange({ port: ats.httpPort }, request("GET /reload HTTP/1.1")), 404);
      };
      await reload(3);
      await dumpWith(ats, "measurements", (dump) => partOf(dump, /^not accounted/) !== undefined);
      const first = await quiet(ats);
      await reload(reloads);
      const second = await quiet(ats);
      assertSound(second);
      const counts = { transaction: 0, instance: 1 + 3 + reloads };
      assertHolds(second, "historic_8728_instance.so", expectedOf("historic_8728_instance", counts));
      const rows = grown(first, second);
      assert.deepEqual(
        rows.filter(({ owner }) => owner !== "historic_8728_instance.so"),
        [],
      );
      const rest = partOf(second, /^not accounted/)! - partOf(first, /^not accounted/)!;
      assert.ok(rest < 0.1 * reloads * mapped, `${rest} of ${reloads * mapped}`);
    });
  });
});
