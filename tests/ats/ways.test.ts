// SPDX-License-Identifier: Apache-2.0
//
// On a real server: every way to allocate and to release. Pointers to functions are equal in all modules, and what goes through them,
// or through the C library, stands in its row, to the byte.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ats } from "../../harness/ats.ts";
import { requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { PLUGIN } from "../../tools/build.ts";
import { assertHolds, assertSound, buildCorpus, corpus, expectedOf, settled } from "../support/corpus.ts";

const COUNT = 1000;

let origin: Origin;
before(async () => {
  buildCorpus();
  origin = await Origin.start();
});
after(() => origin.stop());

const WAYS = ["noplt", "lazy", "norelro", "symbolic", "sysv", "thunk", "cet", "relr"].map((way) => `leak_ways_${way}`);

test("however a plugin is compiled and linked, and whichever way it takes, its rows are exact", async () => {
  const plugins = ["leak_ways", ...WAYS];
  const records = { "proxy.config.plugin.memtrack.heap": 1 };
  const ats = await Ats.start({ level: 2, records, origin: origin.url, plugins: [PLUGIN, ...plugins.map(corpus)] });
  try {
    assert.deepEqual(await requests(ats.httpUrl, 100), { requests: 100, errors: 0 });
    const dump = await settled(ats);
    assertSound(dump);
    assert.deepEqual([dump.header.get("damaged"), dump.header.get("twice")], ["0", "0"]);
    for (const plugin of plugins) {
      assertHolds(dump, `${plugin}.so`, expectedOf("leak_ways", { transaction: 100, once: 1 }, `${plugin}.so`));
    }
    assert.equal(
      dump.prior.find((row) => row.class === "heap"),
      undefined,
    );
  } finally {
    await ats.stop();
  }
});

describe("pointers to functions of the heap", () => {
  for (const heap of [0, 1]) {
    test(`with heap ${heap} they are equal wherever they come from, and rows are exact`, async () => {
      const plugins = ["innocent_pointers", "leak_pointers", "leak_libc", "innocent_libc_allocates"];
      const records = { "proxy.config.plugin.memtrack.heap": heap };
      const ats = await Ats.start({ level: 2, records, origin: origin.url, plugins: [PLUGIN, ...plugins.map(corpus)] });
      try {
        assert.deepEqual(await requests(ats.httpUrl, COUNT), { requests: COUNT, errors: 0 });
        const dump = await settled(ats);
        assertSound(dump);
        assert.doesNotMatch(ats.trafficOut(), /innocent_pointers: .* differs/);
        for (const plugin of plugins) {
          const expected = expectedOf(plugin, { transaction: COUNT, once: 1 });
          assertHolds(dump, `${plugin}.so`, heap ? expected : expected.filter((row) => row.class !== "heap"));
        }
      } finally {
        await ats.stop();
      }
    });
  }
});
