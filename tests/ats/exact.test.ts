// SPDX-License-Identifier: Apache-2.0
//
// On a real server: the numbers are correct. Independent references are the server's own built-in tracker (verify mode) and, for
// OpenSSL, the fact that closed connections keep no memory.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Ats } from "../../harness/ats.ts";
import type { Dump, Table } from "../../harness/dump.ts";
import { handshakes, mixed, requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { PLUGIN } from "../../tools/build.ts";
import { lacksVerify } from "../support/lacks.ts";

/** Properties of every dump, whatever it counts. */
function assertSound(dump: Dump): void {
  assert.deepEqual(dump.foreign, [], "a line of another's within the dump");
  assert.equal(dump.header.get("lost"), "0");
  assert.equal(dump.header.get("traps"), "0");
  for (const table of dump.tables) {
    assert.equal(sum(table), table.total, "TOTAL is the sum of the rows");
    for (const row of table.rows) {
      assert.ok(row.inUse >= 0 && row.frees <= row.allocs, `negative row: ${JSON.stringify(row)}`);
      assert.equal(row.average, row.allocs > row.frees ? Math.floor(row.inUse / (row.allocs - row.frees)) : 0);
    }
    const order = table.rows.map((row) => row.inUse);
    assert.deepEqual(
      order,
      [...order].sort((a, b) => b - a),
      "largest first",
    );
    assert.equal(new Set(table.rows.map((row) => row.location)).size, table.rows.length, "one row a name");
  }
}

function sum(table: Table): number {
  return table.rows.reduce((total, row) => total + row.inUse, 0);
}

/** A dump equal to the previous one: ended connections have released their memory. */
function settled(ats: Ats): Promise<Dump> {
  return ats.settledDump((dump) => [dump.iobuffer, dump.openssl]);
}

async function withServer(
  options: Parameters<typeof Ats.start>[0],
  body: (ats: Ats, origin: Origin) => Promise<void>,
): Promise<void> {
  const origin = await Origin.start();
  try {
    const ats = await Ats.start({ plugins: [PLUGIN], origin: origin.url, ...options });
    try {
      await body(ats, origin);
    } finally {
      await ats.stop();
    }
  } finally {
    await origin.stop();
  }
}

describe("verify mode: the built-in tracker and memtrack count the same events", { skip: lacksVerify() }, () => {
  for (const [threads, count] of [
    [2, 30_000],
    [8, 100_000],
  ] as const) {
    test(`${count} mixed requests on ${threads} threads: no row differs`, async () => {
      await withServer({ threads, level: 2, records: { "proxy.config.plugin.memtrack.verify": 1 } }, async (ats) => {
        const done = mixed(ats, count);
        // Under load too: both accountants are read between two events.
        let verified = 0;
        let finished = false;
        void done.finally(() => (finished = true));
        while (!finished) {
          const dump = await ats.dump();
          assertSound(dump);
          if (dump.header.get("verify") === "on") {
            assert.equal(dump.verify?.differing, 0, dump.text);
            ++verified;
          }
        }
        assert.deepEqual(await done, { requests: count, errors: 0 });
        assert.ok(verified > 0, "a dump under load had both accountants");
        const dump = await settled(ats);
        assertSound(dump);
        assert.equal(dump.verify?.differing, 0, dump.text);
        assert.ok(dump.verify.compared > 5);
        const [ours, builtin] = dump.verify.rows;
        assert.ok(ours!.allocs > count / 2, "the accountants have something to agree on");
        assert.deepEqual({ ...ours, accountant: "" }, { ...builtin, accountant: "" });
      });
    });
  }
});

describe("level 2", () => {
  test("after 200 TLS requests the summary is correct, and nearly all bytes have a file and line", async () => {
    await withServer({ level: 2 }, async (ats) => {
      assert.deepEqual(await requests(ats.httpsUrl, 200), { requests: 200, errors: 0 });
      const dump = await ats.dump();
      assertSound(dump);
      assert.equal(dump.header.get("openssl"), "installed");
      assert.ok(dump.summary!.current > 0);
      assert.equal(dump.summary!.current, sum(dump.openssl));
      assert.equal(dump.summary!.allocated - dump.summary!.freed, dump.summary!.current);
      const named = dump.openssl.rows.filter((row) => /^memory\/OpenSSL\/[\w./-]+\.[ch]c?:\d+$/.test(row.location));
      const bytes = named.reduce((total, row) => total + row.inUse, 0);
      assert.ok(bytes > 0.95 * dump.summary!.current, `${bytes} of ${dump.summary!.current}`);
      assert.ok(named.length > 100);
    });
  });

  test("after each further 1,000 full handshakes every site has the same count again", async () => {
    await withServer({ level: 2 }, async (ats) => {
      const state = (dump: Dump) => {
        const live = dump.openssl.rows.map((row) => [row.location, [row.allocs - row.frees, row.inUse]] as const);
        return Object.fromEntries(live.sort(([a], [b]) => (a < b ? -1 : 1)));
      };
      // The first ones allocate permanent memory: each thread's error queue and random generator, the session cache's table.
      await handshakes(ats.tlsPort, 1000);
      const before = await settled(ats);
      for (let round = 0; round < 2; ++round) {
        assert.deepEqual(await handshakes(ats.tlsPort, 1000), { requests: 1000, errors: 0 });
        const after = await settled(ats);
        assertSound(after);
        assert.deepEqual(state(after), state(before));
        assert.ok(after.summary!.allocated > before.summary!.allocated + 1000 * 10_000);
      }
    });
  });
});

describe("the table of sites", () => {
  test("when full, counts new sites as (other), reports it once in diags.log, and totals stay exact", async () => {
    const verify = lacksVerify() ? 0 : 1;
    const records = { "proxy.config.plugin.memtrack.sites": 64, "proxy.config.plugin.memtrack.verify": verify };
    await withServer({ level: 2, records }, async (ats) => {
      await handshakes(ats.tlsPort, 200);
      await mixed(ats, 2000);
      const dump = await settled(ats);
      assertSound(dump);
      assert.equal(dump.header.get("sites"), "64/64");
      assert.ok(dump.openssl.rows.some((row) => row.location === "memory/OpenSSL/(other)" && row.allocs > 0));
      assert.equal(dump.summary!.current, sum(dump.openssl));
      assert.equal(dump.verify?.differing, verify ? 0 : undefined, dump.text);
      assert.ok(dump.notes.some((note) => /proxy\.config\.plugin\.memtrack\.sites/.test(note.get("warning") ?? "")));
      const said = () => ats.diags().match(/the table of 64 sites is full.*proxy\.config\.plugin\.memtrack\.sites/g)?.length ?? 0;
      await ats.waitFor(ats.diagsPath, () => said() > 0);
      await handshakes(ats.tlsPort, 50);
      assert.equal(said(), 1);
    });
  });
});
