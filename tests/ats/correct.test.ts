// SPDX-License-Identifier: Apache-2.0
//
// On a real server, with and without heap tracking: a correct program behaves as without memtrack, and nothing is reported about
// it. MEMTRACK_CHURN_SECONDS=n loads and unloads libraries for n seconds instead of 15; MEMTRACK_CHURN_TWICE=1 twice as many, in twice as
// many threads.

import assert from "node:assert/strict";
import { chmodSync, cpSync, mkdtempSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { PLUGIN } from "../../tools/build.ts";
import { Ats } from "../../harness/ats.ts";
import { assertSound, buildCorpus, corpus, corpusFolder, rowsOfOwner, settled } from "../support/corpus.ts";
import { requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { lacksVerify } from "../support/lacks.ts";

const HEAP = "proxy.config.plugin.memtrack.heap";
const CHURN_SECONDS = Number(process.env.MEMTRACK_CHURN_SECONDS ?? 15);
const [LIBRARIES, THREADS] = process.env.MEMTRACK_CHURN_TWICE === "1" ? [40, 4] : [20, 2];

/** In the long form also with these instead of the C library's. */
const ALLOCATORS =
  process.env.MEMTRACK_ALLOCATORS === "1" ? ["libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2"] : [];

let origin: Origin;
before(async () => {
  buildCorpus();
  origin = await Origin.start();
});
after(() => origin.stop());

/** 300 transactions of innocent plugins: all are answered, no memory is kept, nothing is reported. */
async function areInnocent(names: string[], records: Record<string, number>): Promise<void> {
  const ats = await Ats.start({ records, plugins: [PLUGIN, ...names.map(corpus)], origin: origin.url });
  try {
    assert.deepEqual(await requests(ats.httpUrl, 300), { requests: 300, errors: 0 });
    const dump = await settled(ats);
    assertSound(dump);
    assert.equal(dump.header.get("twice"), "0");
    assert.equal(dump.header.get("damaged"), "0");
    assert.doesNotMatch(ats.trafficOut(), /warning=/);
    for (const name of names) {
      const kept = rowsOfOwner(dump, `${name}.so`).filter((row) => row.class !== "TSCont" && row.held !== 0);
      assert.deepEqual(kept, [], name);
    }
  } finally {
    await ats.stop();
  }
}

/** Libraries come and go in a plugin's threads, a remap plugin is reloaded, and heap tracking is switched. */
async function churns(heap: number, env: Record<string, string>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "memtrack-churn-"));
  cpSync(join(corpusFolder(), "churn"), folder, { recursive: true });
  chmodSync(folder, 0o755);
  const remap = "remap_innocent";
  const ats = await Ats.start({
    level: 2,
    records: { [HEAP]: heap, "proxy.config.plugin.memtrack.verify": lacksVerify() ? 0 : 1 },
    ctl: true,
    plugins: [PLUGIN, corpus("reload"), `${corpus("churn_libraries")} ${folder} ${LIBRARIES} ${THREADS}`],
    remap: [`map /a/ ${origin.url} @plugin=${corpus(remap)}`],
    origin: origin.url,
    env,
  });
  try {
    const file = join(ats.folder, "plugins", basename(corpus(remap)));
    for (let seconds = 0, end = Date.now() + CHURN_SECONDS * 1000; Date.now() < end; ++seconds) {
      // The server reloads a module if its file's time has changed, by at least a second.
      utimesSync(file, 1_700_000_000 + seconds, 1_700_000_000 + seconds);
      // The server applies it within ten seconds; in the first ten after a start traffic_ctl does not know the record.
      if (seconds % 5 === 4) await ats.ctl("config", "set", HEAP, String((heap + (seconds + 1) / 5) % 3));
      await requests(ats.httpUrl, 1, { paths: ["/reload"] });
      assert.deepEqual(await requests(ats.httpUrl, 20, { paths: ["/a/size/1000", "/size/100"] }), { requests: 20, errors: 0 });
      assert.ok(ats.alive());
    }
    const dump = await settled(ats);
    assertSound(dump);
    if (!lacksVerify()) assert.equal(dump.verify?.differing, 0);
    assert.doesNotMatch(ats.diags(), /some calls of|not mapped|slot|is not tracked/);
    assert.doesNotMatch(ats.trafficOut(), /warning=/);
  } finally {
    await ats.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const CHURN = `libraries loaded and unloaded in a plugin's threads, remap reloads, and heap tracking switched, for ${CHURN_SECONDS} s`;

for (const heap of [0, 1]) {
  describe(`heap ${heap}`, () => {
    const records = { [HEAP]: heap };

    test("lines of getline that are no blocks or were never initialized, and blocks from ended threads' caches", async () => {
      await areInnocent(["innocent_getline", "innocent_short_threads", "innocent_libc_allocates", "innocent_thread"], records);
    });

    test("random allocations of every family, by 6,000 threads that end and hand over their blocks", async () => {
      await areInnocent(["innocent_torture"], records);
    });

    test(CHURN, () => churns(heap, {}));
  });
}

for (const allocator of ALLOCATORS) test(`${allocator}: ${CHURN}`, () => churns(1, { LD_PRELOAD: allocator }));
