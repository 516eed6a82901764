// SPDX-License-Identifier: Apache-2.0
//
// On a real server: when a table of a fixed size is full, the header and diags.log report it once, and the server continues to
// serve.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Ats } from "../../harness/ats.ts";
import type { Dump } from "../../harness/dump.ts";
import { mixed } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { PLUGIN } from "../../tools/build.ts";
import { assertSound, buildCorpus, corpus } from "../support/corpus.ts";

let origin: Origin;
before(async () => {
  buildCorpus();
  origin = await Origin.start();
});
after(() => origin.stop());

/** Makes dumps until one satisfies the condition, for at most 30 s. */
async function dumpWith(ats: Ats, wanted: (dump: Dump) => boolean): Promise<Dump> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const dump = await ats.dump();
    if (wanted(dump)) return dump;
    assert.ok(Date.now() < deadline, dump.text);
  }
}

/** Bytes that the functions of hostile_many_handlers.so hold, 100 each: by owner. */
function heldByFunctions(dump: Dump): { plugin: number; core: number } {
  const held = (location: RegExp): number =>
    dump.openssl.rows.filter((row) => location.test(row.location)).reduce((sum, row) => sum + row.inUse, 0);
  return {
    plugin: held(/^memory\/OpenSSL\/many_handlers\.c:\d+ \[via hostile_many_handlers\.so\]$/),
    core: held(/^memory\/OpenSSL\/many_handlers\.c:\d+$/),
  };
}

test("a plugin that registers 20,000 functions: each runs for it", async () => {
  const ats = await Ats.start({ level: 2, origin: origin.url, plugins: [PLUGIN, corpus("hostile_many_handlers")] });
  try {
    assert.deepEqual(await mixed(ats, 300), { requests: 300, errors: 0 });
    const dump = await dumpWith(ats, (dump) => heldByFunctions(dump).plugin + heldByFunctions(dump).core === 2_000_000);
    assert.deepEqual(heldByFunctions(dump), { plugin: 2_000_000, core: 0 });
    assert.equal(dump.header.get("exhausted"), "-");
    assertSound(dump);
    const maps = readFileSync(`/proc/${ats.pid}/maps`, "utf8");
    assert.ok(maps.match(/ r-xp .*\/memtrack\.so$/gm)!.length > 4, maps);
    assert.doesNotMatch(maps, / .wx. .*\/memtrack\.so$/m);
    assert.doesNotMatch(ats.diags(), /limit \w+ reached/);
    assert.ok(ats.alive());
  } finally {
    await ats.stop();
  }
});

test("functions for which no thunk can be mapped run without an owner: header and log report it once, and the reason", async () => {
  const plugins = [PLUGIN, corpus("hostile_closes_descriptors"), corpus("hostile_many_handlers")];
  const ats = await Ats.start({ level: 2, origin: origin.url, plugins });
  try {
    assert.deepEqual(await mixed(ats, 300), { requests: 300, errors: 0 });
    const dump = await dumpWith(ats, (dump) => heldByFunctions(dump).plugin + heldByFunctions(dump).core === 2_000_000);
    const { plugin, core } = heldByFunctions(dump);
    assert.ok(plugin > 370_000 && plugin < 410_000, `${plugin}`);
    const [, times] = /^thunks:(\d+)$/.exec(dump.header.get("exhausted")!) ?? [];
    assert.ok(Number(times) >= core / 100 && Number(times) < core / 100 + 1000, dump.header.get("exhausted"));
    assertSound(dump);
    // The limits are checked every second.
    await ats.waitFor(ats.diagsPath, /limit thunks reached: further plugin functions run without an owner/);
    await ats.waitFor(ats.diagsPath, /run without an owner: the file of memtrack\.so has changed, or cannot be read/);
    const later = Number(dump.header.get("armed")) + 3;
    await dumpWith(ats, ({ header }) => Number(header.get("armed")) >= later);
    assert.equal(ats.diags().match(/without an owner/g)?.length, 2);
    assert.deepEqual(await mixed(ats, 300), { requests: 300, errors: 0 });
    assert.ok(ats.alive());
  } finally {
    await ats.stop();
  }
});
