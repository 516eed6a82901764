// SPDX-License-Identifier: Apache-2.0
//
// On a real server: libraries that a plugin loads for an instant, in each other's place, and that have an allocator of their own.

import assert from "node:assert/strict";
import { chmodSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ats } from "../../harness/ats.ts";
import { requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { PLUGIN } from "../../tools/build.ts";
import { assertHolds, assertSound, buildCorpus, corpus, corpusFolder, expectedOf, settled } from "../support/corpus.ts";

const COUNT = 100;

describe("libraries that a plugin loads and unloads", () => {
  let origin: Origin;
  let folder: string;
  before(async () => {
    buildCorpus();
    origin = await Origin.start();
    folder = mkdtempSync(join(tmpdir(), "memtrack-loads-"));
    cpSync(join(corpusFolder(), "late"), folder, { recursive: true });
    chmodSync(folder, 0o755);
  });
  after(async () => {
    await origin.stop();
    rmSync(folder, { recursive: true });
  });

  for (const heap of [0, 1]) {
    test(`with heap ${heap}: exact at once, from constructors on, also at one address; other allocators are left alone`, async () => {
      const plugins = [PLUGIN, `${corpus("late_reloads")} ${folder} namespace`];
      const ats = await Ats.start({
        level: 2,
        records: { "proxy.config.plugin.memtrack.heap": heap },
        plugins,
        origin: origin.url,
      });
      try {
        assert.deepEqual(await requests(ats.httpUrl, COUNT), { requests: COUNT, errors: 0 });
        const dump = await settled(ats);
        assertSound(dump);
        assert.ok(ats.trafficOut().split("late_reloads: again at one address").length > COUNT, "they took each other's place");
        const expected = expectedOf("late_reloads", { transaction: COUNT, once: 1 });
        assertHolds(dump, "late_reloads.so", heap ? expected : expected.filter((row) => row.class !== "heap"));
        await ats.waitFor(ats.diagsPath, /\/late_own_now\.so has an allocator of its own: what it allocates there has no row/);
        await ats.waitFor(ats.diagsPath, /\/late_own_lazy\.so has an allocator of its own: what it allocates there has no row/);
        await ats.waitFor(
          ats.diagsPath,
          /\/late_same_1\.so is in a namespace of its own \(dlmopen\): what it allocates has no row/,
        );
        assert.doesNotMatch(ats.diags(), /some calls of|not mapped|is not tracked/);
      } finally {
        await ats.stop();
      }
    });
  }
});
