// SPDX-License-Identifier: Apache-2.0
//
// On a real server: a leak in one of a thousand transactions is found among other growth and churn, and nothing else becomes a suspect; the
// verbs of plugin messages; invalid input.

import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { parseAnalysis, type Analysis } from "../../harness/analysis.ts";
import { Ats } from "../../harness/ats.ts";
import { handshakes, requests, wrk } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { installedServer } from "../../harness/server.ts";
import { records } from "../../format/format.ts";
import { PLUGIN } from "../../tools/build.ts";
import { buildCorpus, corpus } from "../support/corpus.ts";

const INTERVAL = "proxy.config.plugin.memtrack.sample_interval";
const FOUND_MS = 120_000;
const CHANGE_MS = 25_000;
const SURGE = 900;
const CAUSE = /^memory\/plugin\/leaky\.so on_transaction \(\d+ rows\)$/;
const LEAK = /^memory\/plugin\/leaky\.so on_transaction \(leaky\.c:\d+\)$/;

/** Repeats other work until a promise is settled. */
async function during<T>(main: Promise<T>, ...others: (() => Promise<unknown>)[]): Promise<T> {
  let over = false;
  const ended = main.finally(() => (over = true));
  ended.catch(() => {});
  await Promise.all(
    others.map(async (other) => {
      while (!over) await other();
    }),
  );
  return ended;
}

let origin: Origin;

before(async () => {
  buildCorpus();
  origin = await Origin.start();
});
after(() => origin.stop());

describe("a plugin that leaks in one of 1,000 transactions", () => {
  test("is the first suspect within 2 minutes; a RAM cache that fills and a surge of persistent connections are no suspects", async (t) => {
    const ats = await Ats.start({
      level: 2,
      plugins: [PLUGIN, `${corpus("leaky")} 1000`],
      origin: origin.url,
      records: {
        [INTERVAL]: 1,
        "proxy.config.cache.ram_cache.size": 268435456,
        "proxy.config.cache.ram_cache.use_seen_filter": 0,
        "proxy.config.http.keep_alive_no_activity_timeout_in": 200,
      },
    });
    const kept: Socket[] = [];
    try {
      const start = Date.now();
      const path = "size/1000?cache=600";
      await requests(ats.httpUrl, 50, { paths: [`/${path}`] });
      let objects = 0;
      await during(
        ats.waitFor(ats.diagsPath, /\[memtrack\] new suspect: /, { timeoutMs: FOUND_MS }).catch(async (error) => {
          throw new Error(`${error}\n${(await ats.dump()).text}`);
        }),
        () => wrk(ats.httpUrl + path, { seconds: 2, connections: 8 }),
        () => handshakes(ats.tlsPort, 20, { path: `/${path}`, concurrency: 2 }),
        // Fills the RAM cache, and evicts from it.
        async () => {
          const fill = Array.from({ length: 25 }, () => `/size/20000?cache=600&n=${objects++}`);
          await requests(ats.httpUrl, 50, { paths: fill, concurrency: 1 });
        },
        async () => {
          if (Date.now() - start < 40_000 || kept.length >= SURGE) return pause(50);
          kept.push(await keep(ats.httpPort, `/${path}`));
        },
      );
      t.diagnostic(
        `found after ${((Date.now() - start) / 1000).toFixed(0)} s; ${kept.length} connections, ${objects} objects in the cache`,
      );
      assert.ok(kept.length >= SURGE / 2, `${kept.length} connections`);
      const dump = await ats.dump();
      const analysis = parseAnalysis(dump.text);
      assert.deepEqual(dump.foreign, []);
      // Its buffers and the objects that contain them form one suspect, with a line for each below it once both are found.
      const [suspect, ...rows] = analysis.suspects;
      assert.match(suspect!.location, rows.length ? CAUSE : LEAK, dump.text);
      for (const { location, under } of rows) assert.ok(under && LEAK.test(location), dump.text);
      assert.match(dump.text, /^Suspects: 1 with unexplained growth$/m);
      assert.equal(dump.summaryLines[1]!.split(";")[0], "1 suspect");
      assert.match(
        dump.summaryLines[2]!,
        /^suspect: leaky\.so on_transaction \(leaky\.c:\d+\)(?: and 1 more row)?: \+[\d.]+ [KM]iB in \d+ (?:s|min) \(\+[\d.]+ [KM]iB\/h\); memory limit in about \d+ \w+$/,
      );
      for (const line of dump.summaryLines) assert.ok(line.length <= 200 - "memtrack summary: ".length, line);
      assert.match(
        (rows[0] ?? suspect)!.evidence,
        /: \+[\d.]+ [KM]iB\/h for \d+ (?:s|min|h).*, [\d,]+ allocated, [\d,]+ freed, .*transactions/,
      );
      assertAddsUp(analysis);
      // It leaked all the time, so the leaked memory has all ages, and the lines add up to the row.
      const aged = analysis.ages.filter(({ kind, location }) => kind === "TSIOBuffer" && LEAK.test(location));
      const row = dump.objects.find(({ kind, location }) => kind === "TSIOBuffer" && LEAK.test(location));
      assert.ok(aged.length >= 4, dump.text);
      assert.equal(
        aged.reduce((sum, { alive }) => sum + alive, 0),
        row?.alive,
      );
      const cached = analysis.parts.find(({ what }) => what === "RAM cache")!.bytes!;
      assert.ok(cached > 10_000_000, `${cached} bytes in the RAM cache`);
      assert.match(ats.diags(), /new suspect: memory\/plugin\/leaky\.so/);
    } finally {
      for (const socket of kept) socket.destroy();
      await ats.stop();
    }
  });
});

/** The server updates its statistics every 5 seconds. */
async function eventually(done: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 20_000; !(await done()); await pause(100))
    assert.ok(Date.now() < end, `${String(done)} was never true`);
}

/** A connection that has received an answer and stays open. */
function keep(port: number, path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", reject);
    socket.once("data", () => {
      socket.off("error", reject);
      socket.on("error", () => {});
      socket.on("data", () => {});
      resolve(socket);
    });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  });
}

/** The known parts of the resident memory, and the remainder that is not accounted, add up to all of it; none is negative. */
function assertAddsUp({ parts }: Analysis): void {
  const [rss, ...rest] = parts.filter(({ what }) => !what.startsWith("limit"));
  assert.match(rss!.what, /RSS/);
  assert.ok(rest.every(({ bytes }) => bytes === undefined || bytes >= 0));
  const sign = (what: string): number => (what.startsWith("tracked, but not resident") ? -1 : 1);
  assert.equal(
    rest.reduce((sum, { bytes, what }) => sum + sign(what) * (bytes ?? 0), 0),
    rss!.bytes,
  );
  assert.ok(parts.some(({ what, bytes }) => what.startsWith("limit") && bytes! > 0));
}

describe("the server's start", () => {
  test("does not fill the growth tables: memory from before the server was initialized is no growth", async () => {
    const ats = await Ats.start({ level: 2, plugins: [PLUGIN], origin: origin.url, records: { [INTERVAL]: 1 } });
    try {
      await ats.waitFor(ats.diagsPath, /NOTE: \[memtrack\] baseline start-up is set\n/);
      await handshakes(ats.tlsPort, 20);
      let dump = await ats.dump();
      while (!parseAnalysis(dump.text).since) dump = await ats.dump();
      const { since, growth } = parseAnalysis(dump.text);
      assert.match(since, /^Growth since start-up(?:, \d+ s ago)?: /);
      // Loaded certificates take some 100 KB in dozens of rows, and have not grown since.
      const certificates = /^memory\/OpenSSL\/crypto\/(?:asn1|x509|bn)\//;
      const loaded = dump.openssl.rows.filter(({ location, inUse }) => certificates.test(location) && inUse > 0);
      assert.ok(loaded.length > 20, `${loaded.length} rows`);
      const grown = growth.filter(({ location }) => certificates.test(location));
      const bytes = (changes: number[]): number => changes.reduce((sum, change) => sum + Math.abs(change), 0);
      const part = bytes(grown.map(({ change }) => change)) / bytes(loaded.map(({ inUse }) => inUse));
      assert.ok(part < 0.05, dump.text);
      for (const { change, perHour } of growth)
        assert.ok(perHour === undefined || Math.sign(perHour) === Math.sign(change), dump.text);
    } finally {
      await ats.stop();
    }
  });
});

describe("plugin messages", () => {
  test("mark, diff, dump, reset, arm, status, search [text], help; and unknown ones", async () => {
    const ats = await Ats.start({
      level: 1,
      ctl: true,
      plugins: [PLUGIN],
      origin: origin.url,
      records: { [INTERVAL]: 1 },
    });
    try {
      const tell = async (message: string[], expected: RegExp, timeoutMs = 5000) => {
        const from = ats.sizeOf(ats.diagsPath);
        await ats.ctl("plugin", "msg", "memtrack", ...message);
        return ats.waitFor(ats.diagsPath, expected, { from, timeoutMs });
      };
      const dumped = async (...message: string[]) => {
        const from = ats.sizeOf(ats.trafficOutPath);
        await ats.ctl("plugin", "msg", "memtrack", ...message);
        return ats.nextDump({ from, reason: "message" });
      };

      await requests(ats.httpUrl, 300);
      const first = await dumped("dump");
      assert.equal(first.header.get("reason"), "message");
      assert.deepEqual(first.foreign, []);

      await tell(["mark before"], /baseline before is set/);
      await requests(ats.httpUrl, 300);
      const diff = await dumped("diff before");
      const { since, growth } = parseAnalysis(diff.text);
      assert.match(since, /^Growth since before(, \d+ s ago)?: /);
      for (const { location, change, kind } of growth) {
        if (kind !== "iobuffer") continue;
        const inUse = (dump: typeof diff) => dump.iobuffer.rows.find((row) => row.location === location)?.inUse ?? 0;
        assert.ok(change !== 0 && Math.abs(change) <= Math.abs(inUse(diff)) + Math.abs(inUse(first)), location);
      }
      assert.match(parseAnalysis((await dumped("diff arming")).text).since, /^Growth since arming(, \d+ s ago)?: /);
      assert.match(parseAnalysis((await dumped("diff")).text).since, /^Growth since before(, \d+ s ago)?: /);

      // More baselines than are kept, and unusual names.
      for (const name of ["a", "b", "c", "d", "e"]) await tell([`mark ${name}`], new RegExp(`baseline ${name} is set`));
      await tell(["mark f"], /baseline f is set; before, the oldest of 6, is removed/);
      await tell(["diff before"], /no baseline is named "before"; baselines: f, e, d, c, b, a, arming/);
      await tell([`mark ${"n".repeat(200)}`], /baseline n{32} is set/);
      await tell(['mark a b|"\t;$(x)'], /baseline a\?b\?\?\?;\$\(x\) is set/);
      await tell(["mark"], /baseline mark is set/);
      await tell(["mark arming"], /baseline arming: this name is reserved/);

      await tell(
        ["status"],
        /level 1, a sample every 1 s; \d+ samples? so far, 0 configuration reloads, 0 suspects; baselines: mark, /,
      );
      const help = await tell(["help"], /plugin msg memtrack 'help': writes this list/);
      for (const verb of ["mark", "diff", "dump", "reset", "arm", "show", "status"])
        assert.match(help, new RegExp(`memtrack '${verb}`));

      // The server's statistics reach traffic_ctl a few seconds after the start; until then `metric get` fails.
      const metric = (line: RegExp) => eventually(async () => line.test(await ats.ctl("metric", "match", "plugin.memtrack")));
      await tell(["arm 2"], /level set to 2 by a message, until proxy\.config\.res_track_memory changes/);
      await handshakes(ats.tlsPort, 20);
      await metric(/openssl_bytes [1-9]/);
      const two = await dumped("dump");
      assert.equal(two.header.get("openssl"), "installed");
      assert.match(two.text, /\| memory\/OpenSSL\/.*\n[^]*\nGrowth since [^]*\| memory\/OpenSSL\/[^]*\nReconciliation: /);

      // A class that is not tracked does not appear: its last numbers are outdated.
      await tell(["arm 1"], /level set to 1 by a message/);
      await metric(/openssl_bytes 0$/m);
      const one = await dumped("dump");
      assert.doesNotMatch(one.text, /memory\/OpenSSL\//);
      assert.match(one.text, /\n {19}- \| {7}- \| {14}- \| OpenSSL alive: not known\n/);
      await tell(["arm 0"], /level set to 0 by a message/);
      await metric(/tracked_bytes 0$/m);
      const none = await dumped("dump");
      assert.equal(none.header.get("level"), "0");
      assert.doesNotMatch(none.text, /memory\/|^Growth|^Suspects/m);
      await tell(["arm 1"], /level set to 1 by a message/);
      await tell(["reset"], /histories, suspects and baselines are cleared; counters continue/);
      await tell(["status"], /baselines: arming$/m);

      // Counting began anew with `arm 1`.
      await requests(ats.httpUrl, 300);

      // Rows in full, also those with no change; the text is compared byte for byte.
      const [, title, row] =
        /\n(Show: \d+ rows? whose names? contains? 'HttpSM')\n.*\n.*\n(.*)\n/.exec((await dumped("show HttpSM")).text) ?? [];
      assert.ok(title && row, "the rows are shown");
      assert.match(row, /^ {2}1 \| \w+ +\| +\d+ \| +\d+ \| +\d+ \| iobuffer +\| memory\/IOBuffer\/HttpSM\.cc:\d+$/);
      assert.doesNotMatch((await dumped("dump")).text, /^Show/m);
      const unmatched = await dumped("show httpsm");
      assert.deepEqual(unmatched.foreign, []);
      assert.match(
        unmatched.text,
        /^memtrack note="show: none of \d+ rows has a name that contains 'httpsm'; upper and lower case differ"$/m,
      );

      // Accepted growth: by a message, which needs a row of that name, and by the record, whose bad patterns are named.
      await tell(
        ["accept HttpSM"],
        /accepted: \d+ rows?, "HttpSM"; suspects among them: 0; until the next start, or for longer in proxy/,
      );
      await tell(["accept httpsm"], /accept: none of \d+ rows has a name that contains "httpsm"; take a part of a name/);
      const accept = records.accept.name;
      const record = async (value: string, expected: RegExp) => {
        const from = ats.sizeOf(ats.diagsPath);
        await ats.ctl("config", "set", accept, value);
        await ats.waitFor(ats.diagsPath, expected, { from, timeoutMs: 15_000 });
      };
      await record(
        "foo.so handler, *",
        /accept is "foo\.so handler, \*": pattern 2 is not used: it matches every row; .* 1 pattern is accepted/,
      );
      await record("foo.so handler", /accept: growth of rows that match 1 pattern is accepted/);

      // None of these performs an action, and each is answered with the valid forms.
      const verbs =
        /verbs: mark \[name\], diff \[name\], dump, reset, arm 0\|1\|2, show text, status, search \[text\], accept pattern, unaccept pattern, help/;
      // A server without a manager takes no longer messages itself.
      const long = installedServer().hasManager ? 100_000 : 10_000;
      const wrong: [string[], RegExp][] = [
        [[], /plugin message ignored: it is empty/],
        [[""], /plugin message ignored: it is empty/],
        [["   "], /plugin message ignored: it is empty/],
        [["dumps"], /ignored: unknown verb "dumps"/],
        [["Dump"], /unknown verb "Dump"/],
        [["dump now"], /"dump now" ignored: dump takes no argument/],
        [["arm"], /"arm" ignored: the level must be 0, 1 or 2/],
        [["arm 3"], /"arm 3" ignored/],
        [["arm 1 2"], /"arm 1 2" ignored/],
        [["show"], /"show" ignored: the text must have 1 to 256 bytes; put the verb and the text in one pair of quotes/],
        [[`show ${"x".repeat(257)}`], /"show" ignored: the text must have 1 to 256 bytes; verbs/],
        [["accept"], /"accept" ignored: the pattern is missing; put the verb and the pattern in one pair of quotes/],
        [["accept *"], /"accept \*" ignored: it matches every row; write a part of the row's name/],
        [["x".repeat(long)], new RegExp(`ignored: ${long} bytes, at most 1024 are allowed`)],
        [["\x1b[31m"], /unknown verb "\?\[31m"/],
      ];
      for (const [message, expected] of wrong) {
        const said = await tell(message, expected);
        assert.match(said, verbs, message.join());
      }

      // A reload sets a baseline; the statistics belong to the server.
      const from = ats.sizeOf(ats.diagsPath);
      await ats.ctl("config", "reload");
      await ats.waitFor(ats.diagsPath, /baseline reload is set/, { from, timeoutMs: CHANGE_MS });
      await eventually(async () => /plugin\.memtrack\.suspects 0/.test(await ats.ctl("metric", "match", "plugin.memtrack")));

      // An invalid interval is never accepted; 0 stops sampling.
      await assert.rejects(ats.ctl("config", "set", INTERVAL, "-1"));
      await assert.rejects(ats.ctl("config", "set", INTERVAL, "86400"));
      await ats.ctl("config", "set", INTERVAL, "0");
      await ats.waitFor(ats.diagsPath, /sample_interval is now 0; /, { from, timeoutMs: CHANGE_MS });
      assert.ok(ats.alive());
    } finally {
      await ats.stop();
    }
  });

  test("an invalid interval in the file of records is reported and replaced", async () => {
    for (const [value, used] of [
      ["-1", 10],
      ["86400", 3600],
    ] as const) {
      const ats = await Ats.start({ level: 1, plugins: [PLUGIN], invalidRecords: { [INTERVAL]: { type: "INT", text: value } } });
      try {
        await ats.waitFor(
          ats.diagsPath,
          new RegExp(`sample_interval: value ${value} is out of range \\[0, 3600\\]; using ${used}`),
        );
      } finally {
        await ats.stop();
      }
    }
  });
});
