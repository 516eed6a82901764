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
