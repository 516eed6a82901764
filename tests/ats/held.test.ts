// SPDX-License-Identifier: Apache-2.0
//
// On a real server: transactions and sessions that a plugin holds are rows of the function that did not reenable them, as many as the
// plugin counts itself; delayed ones leave their row. The same with a handler in the library of the C++ API.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parseAnalysis } from "../../harness/analysis.ts";
import { Ats } from "../../harness/ats.ts";
import type { Dump } from "../../harness/dump.ts";
import { requests, wrk } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { installedServer } from "../../harness/server.ts";
import { PLUGIN } from "../../tools/build.ts";
import { assertSound, buildCorpus, corpus, SOURCES } from "../support/corpus.ts";

const FOUND_MS = 180_000;
// 9.2 closes the connection of a client that has gone when this time is over; 10 when the transaction ends. The transaction stays.
const IMPATIENT = { "proxy.config.http.transaction_no_activity_timeout_in": 4 };

let origin: Origin;
before(async () => {
  buildCorpus();
  origin = await Origin.start();
});
after(() => origin.stop());

/** Clients that send one request each, on a connection of their own, and wait. */
class Clients {
  readonly #sockets: Socket[] = [];
  answered = 0;

  send(ats: Ats, path: string, count: number): void {
    for (let i = 0; i < count; ++i) {
      const socket = connect({ port: ats.httpPort, host: "127.0.0.1" });
      this.#sockets.push(socket);
      socket.on("error", () => {});
      socket.once("data", () => ++this.answered);
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost:${ats.httpPort}\r\nConnection: close\r\n\r\n`);
    }
  }

  close(): void {
    for (const socket of this.#sockets.splice(0)) socket.destroy();
  }
}

/** Waits until the plugin has said that it holds that many. */
async function plugin(ats: Ats, what: string, held: number): Promise<void> {
  const last = (text: string) => [...text.matchAll(new RegExp(`^holds: ${what} (\\d+)$`, "gm"))].at(-1)?.[1];
  await ats.waitFor(ats.trafficOutPath, (text) => last(text) === String(held));
}

/** The row of a function of holds.c, at its first line: that of its name, or of its body. */
function rowOf(dump: Dump, kind: string, name: string): { created: number; destroyed: number; alive: number } {
  const lines = readFileSync(join(SOURCES, "holds.c"), "utf8").split("\n");
  const line = 1 + lines.findIndex((text) => text.startsWith(`${name}(`));
  const locations = [line, line + 1].map((first) => `memory/plugin/holds.so ${name} (holds.c:${first})`);
  const rows = dump.objects.filter((row) => row.kind === kind && locations.includes(row.location));
  assert.ok(rows.length < 2, dump.text);
  const { created, destroyed, alive } = rows[0] ?? { created: 0, destroyed: 0, alive: 0 };
  return { created, destroyed, alive };
}

/** Runs `body` with a server and clients. The server must be able to end with what is held. */
async function withPlugins(plugins: string[], body: (ats: Ats, clients: Clients) => Promise<void>, records = {}): Promise<void> {
  const ats = await Ats.start({ plugins: [PLUGIN, ...plugins], origin: origin.url, records: { ...IMPATIENT, ...records } });
  const clients = new Clients();
  try {
    await body(ats, clients);
  } finally {
    clients.close();
    await ats.stop();
  }
}

const alive = (dump: Dump) => dump.objects.filter((row) => row.kind.startsWith("held") && row.alive !== 0);

describe("what a plugin holds", () => {
  test("is in the row of the handler that did not reenable, as many as the plugin counts, also when the clients are gone", async () => {
    await withPlugins([corpus("holds"), corpus("holds_cxx")], async (ats, clients) => {
      assert.deepEqual(await requests(ats.httpUrl, 500), { requests: 500, errors: 0 });
      assert.deepEqual(alive(await ats.dump()), []);
      clients.send(ats, "/held/request", 31);
      clients.send(ats, "/held/close", 23);
      clients.send(ats, "/held/cxx", 7);
      await Promise.all([plugin(ats, "request", 31), plugin(ats, "close", 23), plugin(ats, "cxx", 7)]);
      const check = (dump: Dump) => {
        assertSound(dump);
        assert.deepEqual(rowOf(dump, "held transaction", "hold"), expected(31), dump.text);
        assert.deepEqual(rowOf(dump, "held transaction", "hold_at_close"), expected(23), dump.text);
        const [cxx, ...others] = alive(dump).filter(({ location }) => !location.includes("/holds.so "));
        assert.match(cxx!.location, /^memory\/plugin\/libtscppapi\.so.* \[via holds_cxx\.so\]$/);
        assert.deepEqual([cxx!.alive, others.length, alive(dump).length], [7, 0, 3], dump.text);
        const kinds = (name: string) => dump.owners.find(({ owner }) => owner === name)?.kinds["held transaction"];
        assert.deepEqual([kinds("holds.so"), kinds("holds_cxx.so")], [54, 7], dump.text);
      };
      check(await ats.dump());
      clients.close();
      if (!installedServer().cxxApi) await ats.connectionsClosed(20_000);
      assert.deepEqual(await requests(ats.httpUrl, 500), { requests: 500, errors: 0 });
      check(await ats.dump());
    });
  });

  test("is a session, if it is one", async () => {
    await withPlugins([`${corpus("holds")} 5 4`], async (ats, clients) => {
      clients.send(ats, "/size/100", 100);
      await Promise.all([plugin(ats, "session", 20), plugin(ats, "closing", 20)]);
      const dump = await ats.dump();
      assertSound(dump);
      assert.deepEqual(rowOf(dump, "held session", "hold_session"), expected(20), dump.text);
      assert.deepEqual(rowOf(dump, "held session", "hold_session_at_close"), expected(20), dump.text);
      assert.equal(alive(dump).length, 2, dump.text);
      assert.equal(dump.owners.find(({ owner }) => owner === "holds.so")?.kinds["held session"], 40, dump.text);
      assert.equal(clients.answered, 80);
    });
  });

  test("leaves the row when another thread or a later event reenables it, before the handler returns or after", async () => {
    await withPlugins([corpus("holds")], async (ats, clients) => {
      assert.equal((await requests(ats.httpUrl, 2000, { paths: ["/held/thread"] })).errors, 2000); // 404
      clients.send(ats, "/held/second", 100);
      await plugin(ats, "second", 100);
      assert.equal(rowOf(await ats.dump(), "held transaction", "delay").created, 100);
      await plugin(ats, "second", 0);
      const dump = await ats.settledDump(alive);
      assertSound(dump);
      assert.deepEqual(alive(dump), [], dump.text);
      assert.deepEqual(rowOf(dump, "held transaction", "delay"), { created: 100, destroyed: 100, alive: 0 });
      assert.ok(rowOf(dump, "held transaction", "leave_to_thread").created <= 1000, dump.text);
      assert.equal(clients.answered, 100);
    });
  });
});

const LONG = process.env.MEMTRACK_VERDICTS ? false : "takes two minutes: npm run test:long";

describe("a plugin that never reenables a few of many transactions", () => {
  test("is the suspect; one that delays them all for a second is not", { skip: LONG }, async (t) => {
    const records = { "proxy.config.plugin.memtrack.sample_interval": 1 };
    const body = async (ats: Ats, clients: Clients) => {
      let found = false;
      let held = 0;
      const start = Date.now();
      const seen = ats
        .waitFor(ats.diagsPath, /\[memtrack\] new suspect: /, { timeoutMs: FOUND_MS })
        .catch(async (error) => assert.fail(`${error}\n${(await ats.dump()).text}`))
        .finally(() => (found = true));
      seen.catch(() => {});
      while (!found) {
        clients.send(ats, "/held/request", 1);
        held += 1;
        const others = wrk(`${ats.httpUrl}size/1000`, { seconds: 1, connections: 4 });
        await Promise.all([others, wrk(`${ats.httpUrl}held/second`, { seconds: 2, connections: 32 })]);
        clients.close(); // as clients do that have no patience
      }
      await seen;
      t.diagnostic(`found after ${((Date.now() - start) / 1000).toFixed(0)} s`);
      await Promise.all([plugin(ats, "request", held), plugin(ats, "second", 0)]);
      const dump = await ats.dump();
      assertSound(dump);
      assert.deepEqual(rowOf(dump, "held transaction", "hold"), expected(held), dump.text);
      assert.equal(rowOf(dump, "held transaction", "delay").alive, 0, dump.text);
      const { suspects } = parseAnalysis(dump.text);
      assert.ok(suspects.length > 0, dump.text);
      for (const { location } of suspects) assert.match(location, /^memory\/plugin\/holds\.so hold \(/, dump.text);
      t.diagnostic(suspects[0]!.evidence);
    };
    await withPlugins([corpus("holds")], body, records);
  });
});

function expected(held: number): { created: number; destroyed: number; alive: number } {
  return { created: held, destroyed: 0, alive: held };
}
