// SPDX-License-Identifier: Apache-2.0
//
// On a real server: the records, live through traffic_ctl; the signal; the timer; log rotation.

import assert from "node:assert/strict";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { Ats } from "../../harness/ats.ts";
import { parseDumps, type Dump } from "../../harness/dump.ts";
import { handshakes, mixed, requests, wrk } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { PLUGIN } from "../../tools/build.ts";
import { lacksVerify } from "../support/lacks.ts";

/** A changed record takes up to 10 s to reach the server. */
const CHANGE_MS = 25_000;

const LEVEL = "proxy.config.res_track_memory";
const FREQUENCY = "proxy.config.dump_mem_info_frequency";
const VERIFY = "proxy.config.plugin.memtrack.verify";

/** Sets a record and waits until memtrack has logged the change. */
async function change(ats: Ats, name: string, value: number): Promise<void> {
  const from = ats.sizeOf(ats.diagsPath);
  await ats.ctl("config", "set", name, String(value));
  await ats.waitFor(ats.diagsPath, new RegExp(`\\[memtrack\\] ${name} is now ${value}\\b`), { from, timeoutMs: CHANGE_MS });
}

function assertNothingNegative(dump: Dump): void {
  for (const row of dump.tables.flatMap((table) => table.rows))
    assert.ok(row.inUse >= 0 && row.frees <= row.allocs, JSON.stringify(row));
}

describe("records through traffic_ctl, without a restart", () => {
  test("verify mode", { skip: lacksVerify() }, async () => {
    const origin = await Origin.start();
    const ats = await Ats.start({ level: 2, ctl: true, plugins: [PLUGIN], origin: origin.url });
    try {
      await change(ats, VERIFY, 1);
      await mixed(ats, 600);
      let verified = await ats.dump();
      while (verified.header.get("verify") !== "on") verified = await ats.dump();
      await mixed(ats, 600);
      verified = await ats.dump();
      assert.equal(verified.verify?.differing, 0, verified.text);
      assert.ok(verified.verify.compared > 3);
      await change(ats, VERIFY, 0);
      assert.equal((await ats.dump()).verify, undefined);
    } finally {
      await ats.stop();
      await origin.stop();
    }
  });

  test("level 0, 1, 2 and back, the timer, and invalid values", async () => {
    const origin = await Origin.start();
    const ats = await Ats.start({ level: 0, ctl: true, plugins: [PLUGIN], origin: origin.url });
    try {
      const pid = ats.pid;
      await mixed(ats, 600);
      const off = await ats.dump();
      assert.equal(off.header.get("level"), "0");
      assert.equal(off.header.get("openssl"), "off");
      assert.equal(off.tables.length, 0);
      assert.match(off.summaryLines.join(), /^dump 1 at \S+: nothing is tracked at level 0; \d+\.\d MiB resident$/);
      assert.doesNotMatch(ats.diags(), /baseline start-up/);
      assert.match(off.text, /nothing is tracked at level 0; set proxy\.config\.res_track_memory/);

      // Buffers of persistent connections that are older than the arming are released after it.
      const held = wrk(ats.httpUrl + "size/1000?cache=600", { seconds: 6 });
      await change(ats, LEVEL, 1);
      assert.equal((await held).errors, 0);
      await mixed(ats, 600);
      const one = await ats.dump();
      assert.equal(one.header.get("level"), "1");
      assert.deepEqual(one.openssl.rows, []);
      assert.ok(one.iobuffer.rows.length > 3);
      assertNothingNegative(one);

      await change(ats, LEVEL, 2);
      await handshakes(ats.tlsPort, 300);
      const two = await ats.dump();
      assert.equal(two.header.get("openssl"), "installed");
      assert.ok(two.summary!.allocated > 300 * 10_000);
      assertNothingNegative(two);
      // Counting of IOBuffers continued from level 1 to 2.
      const count = (dump: Dump, location: string) => dump.iobuffer.rows.find((row) => row.location === location)?.allocs ?? 0;
      for (const row of one.iobuffer.rows) assert.ok(count(two, row.location) >= row.allocs, row.location);

      // The timer, and another interval.
      const from = ats.sizeOf(ats.trafficOutPath);
      await change(ats, FREQUENCY, 1);
      const timed = (text: string) => parseDumps(text).filter((dump) => dump.header.get("reason") === "timer").length;
      await ats.waitFor(ats.trafficOutPath, (text) => timed(text) >= 3, { from, timeoutMs: CHANGE_MS });
      await change(ats, FREQUENCY, 3600);
      const later = ats.sizeOf(ats.trafficOutPath);
      await ats.dump();
      await ats.dump();
      await ats.dump();
      assert.ok(timed(ats.trafficOut().slice(later)) <= 1, "no more dumps each second");

      // Back down: OpenSSL has its own functions again, and a new arming starts from zero.
      await change(ats, LEVEL, 1);
      assert.equal((await ats.dump()).header.get("openssl"), "off");
      await handshakes(ats.tlsPort, 100);
      await change(ats, LEVEL, 2);
      await handshakes(ats.tlsPort, 100);
      const again = await ats.dump();
      assertNothingNegative(again);
      assert.ok(again.summary!.allocated < two.summary!.allocated, "counted from the new arming");
      await change(ats, LEVEL, 0);
      assert.equal((await ats.dump()).tables.length, 0);

      // A file edited by hand, and a reload.
      const file = ats.recordsPath;
      writeFileSync(file, readFileSync(file, "utf8").replace(/(res_track_memory(?: INT|: !!int)) \d/, "$1 1"));
      const reload = ats.sizeOf(ats.diagsPath);
      await ats.ctl("config", "reload");
      await ats.waitFor(ats.diagsPath, /\[memtrack\] proxy\.config\.res_track_memory is now 1\b/, {
        from: reload,
        timeoutMs: CHANGE_MS,
      });
      assert.equal((await ats.dump()).header.get("level"), "1");

      // traffic_ctl knows the ranges of memtrack's records.
      for (const [name, value] of [
        [LEVEL, "3"],
        [LEVEL, "full"],
        [VERIFY, "2"],
        ["proxy.config.plugin.memtrack.sites", "7"],
      ] as const) {
        await assert.rejects(ats.ctl("config", "set", name, value), `${name} ${value}`);
      }
      // traffic_ctl has no range for the frequency: the server treats a negative value as off, and memtrack logs it.
      const before = ats.sizeOf(ats.diagsPath);
      await ats.ctl("config", "set", FREQUENCY, "-5");
      await ats.waitFor(ats.diagsPath, /dump_mem_info_frequency: value -5 is out of range \[0, \d+\]; using 0/, {
        from: before,
        timeoutMs: CHANGE_MS,
      });
      assert.equal(ats.pid, pid);
      assert.ok(ats.alive());
    } finally {
      await ats.stop();
      await origin.stop();
    }
  });
});

describe("counting that begins anew in verify mode", { skip: lacksVerify() }, () => {
  test("is reported for the owners in place of a false decrease, and verify mode shows no negative number", async () => {
    const origin = await Origin.start();
    const ats = await Ats.start({ level: 2, ctl: true, plugins: [PLUGIN], origin: origin.url, records: { [VERIFY]: 1 } });
    try {
      const arm = async (level: number): Promise<void> => {
        const from = ats.sizeOf(ats.diagsPath);
        await ats.ctl("plugin", "msg", "memtrack", `arm ${level}`);
        await ats.waitFor(ats.diagsPath, new RegExp(`level set to ${level} by a message`), { from });
      };
      await mixed(ats, 600);
      let before = await ats.dump();
      while (before.header.get("verify") !== "on") before = await ats.dump();
      assert.ok(before.ownersTotal!.total > 500_000 && before.ownersTotal!.change !== undefined, before.text);
      // Buffers of these connections are allocated while tracking is off, and released when it is on again.
      await arm(0);
      const held = wrk(ats.httpUrl + "size/100000?cache=600", { seconds: 3, connections: 50 });
      await arm(2);
      assert.equal((await held).errors, 0);
      await mixed(ats, 600);
      const anew = await ats.dump();
      assert.deepEqual(anew.foreign, []);
      assert.match(anew.text, /^Owners: .*; counting began anew since the previous dump, so Change is not known$/m);
      assert.equal(anew.ownersTotal!.change, undefined);
      for (const { owner, change } of anew.owners) assert.equal(change, undefined, owner);
      assert.equal(anew.verify?.differing, 0, anew.text);
      for (const { inUse, allocs, frees } of anew.verify.rows) assert.ok(inUse >= 0 && allocs >= 0 && frees >= 0, anew.text);
      const next = await ats.dump();
      assert.match(next.text, /^Owners: .*; change since the previous dump$/m);
      assert.equal(next.ownersTotal!.change, next.ownersTotal!.total - anew.ownersTotal!.total);
    } finally {
      await ats.stop();
      await origin.stop();
    }
  });
});

describe("the signal", () => {
  test("20 SIGUSR1 in a second under full load: complete dumps, no lost event, no error, no crash", async () => {
    const origin = await Origin.start();
    const ats = await Ats.start({ level: 2, threads: 4, plugins: [PLUGIN], origin: origin.url });
    try {
      await requests(ats.httpUrl, 50, { paths: ["/size/1000?cache=600"] });
      const load = Promise.all([
        wrk(ats.httpUrl + "size/1000?cache=600", { seconds: 4 }),
        wrk(ats.httpsUrl + "size/1000?cache=600", { seconds: 4 }),
      ]);
      const from = ats.sizeOf(ats.trafficOutPath);
      for (let i = 0; i < 20; ++i) {
        ats.signal("SIGUSR1");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      for (const done of await load) {
        assert.equal(done.errors, 0);
        assert.ok(done.requests > 1000);
      }
      await ats.dump();
      const text = ats.trafficOut().slice(from);
      const dumps = parseDumps(text);
      assert.ok(dumps.length >= 2);
      assert.equal(dumps.length, text.match(/^memtrack format=/gm)?.length, "each dump that begins is whole");
      for (const [i, dump] of dumps.entries()) {
        assert.deepEqual(dump.foreign, []);
        assert.equal(dump.header.get("lost"), "0");
        assert.equal(dump.header.get("traps"), "0");
        assert.equal(dump.number, dumps[0]!.number + i);
        assertNothingNegative(dump);
      }
      assert.ok(ats.alive());
      assert.doesNotMatch(ats.diags(), /ERROR|FATAL/);
    } finally {
      await ats.stop();
      await origin.stop();
    }
  });

  test("a dump is written within a second of the signal", async () => {
    const ats = await Ats.start({ level: 2, plugins: [PLUGIN] });
    try {
      const times: number[] = [];
      for (let i = 0; i < 5; ++i) {
        const start = performance.now();
        await ats.dump();
        times.push(performance.now() - start);
      }
      assert.ok(Math.max(...times) < 1000, times.join(" "));
    } finally {
      await ats.stop();
    }
  });
});

describe("traffic.out", () => {
  test("is continued in the new file after a rotation", async () => {
    const ats = await Ats.start({ level: 1, plugins: [PLUGIN], records: { [FREQUENCY]: 1 } });
    try {
      await ats.dump();
      renameSync(ats.trafficOutPath, `${ats.trafficOutPath}.1`);
      ats.signal("SIGUSR2");
      await ats.waitFor(ats.diagsPath, /Reseated/);
      const dump = await ats.dump();
      assert.deepEqual(dump.foreign, []);
      await ats.nextDump({ reason: "timer" });
    } finally {
      await ats.stop();
    }
  });
});
