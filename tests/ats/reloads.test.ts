// SPDX-License-Identifier: Apache-2.0
//
// On a real server: what the server's own plugins leak at each `traffic_ctl config reload` is found by the number of reloads, in bytes that
// equal the rows' own counts; a plugin that keeps two generations is no suspect; and `show` puts rows in full into a dump.

import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parseAnalysis } from "../../harness/analysis.ts";
import { Ats } from "../../harness/ats.ts";
import type { Dump } from "../../harness/dump.ts";
import { requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { bundled, lacksPlugins } from "../../harness/plugins.ts";
import { PLUGIN } from "../../tools/build.ts";
import { buildCorpus, corpus } from "../support/corpus.ts";

const RELOADS = 8;
const PATHS = ["/size/1000", "/e/size/1000"];
const RELOAD_MS = 30_000;
/** The last reload is complete after 12 seconds; then a growth between reloads has to be excluded, for half as long as they took. */
const FOUND_MS = 90_000;

let origin: Origin;
before(async () => {
  buildCorpus();
  origin = await Origin.start();
});
after(() => origin.stop());

/** Sends a message. Returns the dump that it requests. */
async function dumped(ats: Ats, message: string): Promise<Dump> {
  const from = ats.sizeOf(ats.trafficOutPath);
  await ats.ctl("plugin", "msg", "memtrack", message);
  return ats.nextDump({ from, reason: "message" });
}

/** Number of samples taken, and of reloads counted. */
async function status(ats: Ats): Promise<[number, number]> {
  const from = ats.sizeOf(ats.diagsPath);
  await ats.ctl("plugin", "msg", "memtrack", "status");
  const said = await ats.waitFor(ats.diagsPath, /configuration reloads?, /, { from });
  const [, samples, reloads] = / (\d+) samples? so far, (\d+) configuration/.exec(said)!;
  return [Number(samples), Number(reloads)];
}

/** Reloads, under some traffic; returns when remap.config is loaded and sampled. */
async function reload(ats: Ats): Promise<void> {
  const from = ats.sizeOf(ats.diagsPath);
  appendFileSync(join(ats.folder, "etc", "remap.config"), "# changed\n");
  await ats.ctl("config", "reload");
  await ats.waitFor(ats.diagsPath, /remap\.config finished loading/, { from, timeoutMs: RELOAD_MS });
  await sampled(ats);
}

/** Waits for samples, under some traffic. */
async function sampled(ats: Ats): Promise<void> {
  const [before] = await status(ats);
  for (const end = Date.now() + RELOAD_MS; (await status(ats))[0] < before + 3;) {
    assert.ok(Date.now() < end, "samples are taken");
    await requests(ats.httpUrl, 20, { paths: PATHS });
  }
}

describe("a leak per reload", { skip: lacksPlugins("compress", "esi") }, () => {
  test("of the server's own compress.so and esi.so is found after eight reloads", async (t) => {
    const ats = await Ats.start({
      level: 1,
      ctl: true,
      plugins: [PLUGIN, bundled("compress"), corpus("reload_keeps_two")],
      remap: [`map /e/ ${origin.url} @plugin=${bundled("esi")}`],
      origin: origin.url,
      records: { "proxy.config.plugin.memtrack.sample_interval": 1, "proxy.config.plugin.memtrack.heap": 1 },
    });
    try {
      await requests(ats.httpUrl, 100, { paths: PATHS });
      await sampled(ats);
      for (let count = 1; count <= RELOADS; ++count) {
        await reload(ats);
        assert.equal((await status(ats))[1], count, "each command is one reload");
      }
      const leaks = (dump: Dump, owner: string) =>
        parseAnalysis(dump.text).suspects.filter(({ location }) => location.startsWith(`memory/plugin/${owner} `));
      let dump = await dumped(ats, "show compress.so");
      for (const end = Date.now() + FOUND_MS; !leaks(dump, "compress.so").length || !leaks(dump, "esi.so").length;) {
        assert.ok(Date.now() < end, dump.text);
        await requests(ats.httpUrl, 100, { paths: PATHS });
        dump = await dumped(ats, "show compress.so");
      }
      assert.deepEqual(dump.foreign, []);
      for (const owner of ["compress.so", "esi.so"]) for (const { evidence } of leaks(dump, owner)) t.diagnostic(evidence);
      // Each row kept a whole number of blocks at each reload, and one at its start: the evidence is exact.
      for (const { evidence, location } of parseAnalysis(dump.text).suspects) {
        const row = [...dump.tsapi.rows, ...dump.heap.rows].find((row) => row.location === location);
        const [, amount, reloads] = /: \+([\d,]+) bytes? a reload, (\d+) reloads? in /.exec(evidence)!;
        assert.equal(Number(reloads), RELOADS, evidence);
        if (row) assert.equal(Number(amount!.replaceAll(",", "")) * (RELOADS + 1), row.inUse, evidence);
      }
      // A plugin that keeps two generations holds two.
      const [two] = dump.tsapi.rows.filter(({ location }) => location.startsWith("memory/plugin/reload_keeps_two.so load "));
      assert.deepEqual([two?.allocs, two?.frees, two?.inUse], [RELOADS + 1, RELOADS - 1, 200_000]);
      assert.deepEqual(leaks(dump, "reload_keeps_two.so"), []);
      assert.match(ats.diags(), /new suspect: memory\/plugin\/esi\.so .*: \+8 bytes a reload, 8 reloads in /);
      // `show` has the suspects' verdicts, in words and with their histories.
      const shown = dump.text.slice(dump.text.indexOf("\nShow: "));
      assert.match(shown, /^Show: \d+ rows whose names contain 'compress\.so'$/m);
      assert.match(shown, /^ {2}1 \| leak +\| .* \| heap +\| memory\/plugin\/compress\.so /m);
      assert.match(shown, /^ {2}1 \|( +- \|){4} leak: \+\d+ bytes a reload, 8 reloads in /m);
      assert.ok(!shown.includes("esi.so TSRemapNewInstance (") || shown.indexOf("esi.so") > shown.indexOf("\nModules:"));
    } finally {
      await ats.stop();
    }
  });
});
