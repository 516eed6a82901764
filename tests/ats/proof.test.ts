// SPDX-License-Identifier: Apache-2.0
//
// On a real server: what a plugin forgets is a leak by proof long before the counters can tell it from a cache, and what it keeps in a
// vector is held by that vector's variable. Both grow evenly, by one block a request.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { parseAnalysis } from "../../harness/analysis.ts";
import { Ats } from "../../harness/ats.ts";
import type { Dump } from "../../harness/dump.ts";
import { requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { PLUGIN } from "../../tools/build.ts";
import { assertSound, buildCorpus, corpus } from "../support/corpus.ts";

/** By their counters alone, such rows are suspects after 384 samples, one a second. */
const FOUND_MS = 150_000;

let origin: Origin;

before(async () => {
  buildCorpus();
  origin = await Origin.start();
});
after(() => origin.stop());

/** What the section `Search` says of a row of the plugin. */
function proofOf(dump: Dump, way: string): string | undefined {
  return new RegExp(`^ *\\d+ \\| (\\w+) +\\|.*\\| memory/plugin/searched\\.so ${way} \\(`, "m").exec(dump.text)?.[1];
}

test("what nothing refers to is a leak by proof; what a vector has is held, and no suspect", async () => {
  const ats = await Ats.start({
    level: 2,
    ctl: true,
    plugins: [PLUGIN, `${corpus("searched")} lose hold_vector`],
    origin: origin.url,
    records: {
      "proxy.config.plugin.memtrack.heap": 1,
      "proxy.config.plugin.memtrack.sample_interval": 1,
      "proxy.config.http.cache.http": 0,
    },
  });
  try {
    await ats.ctl("plugin", "msg", "memtrack", "search searched.so");
    for (const end = Date.now() + FOUND_MS; ; await pause(500)) {
      assert.equal((await requests(ats.httpUrl, 20)).errors, 0);
      const dump = await ats.dump();
      const { suspects } = parseAnalysis(dump.text);
      const named = suspects.filter(({ evidence }) => evidence.includes("searched.so"));
      assert.ok(
        named.every(({ evidence }) => / lose \(/.test(evidence)),
        JSON.stringify(named),
      );
      if (!named.length) {
        assert.ok(Date.now() < end, dump.text);
        continue;
      }
      assertSound(dump);
      assert.match(named[0]!.evidence, /at least [\d,]+ of [\d,]+ blocks lost/);
      assert.equal(proofOf(dump, "lose"), "lost");
      assert.equal(proofOf(dump, "hold_vector"), "held");
      break;
    }
  } finally {
    await ats.stop();
  }
});
