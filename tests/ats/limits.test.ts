// SPDX-License-Identifier: Apache-2.0
//
// On a real server: when a table of a fixed size is full, the header and diags.log report it once, and the server continues to
// serve.

import assert from "node:assert/strict";
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

test("a plugin that registers more functions than there are thunks", async () => {
  const ats = await Ats.start({ level: 2, origin: origin.url, plugins: [PLUGIN, corpus("hostile_many_handlers")] });
  try {
    assert.equal((await ats.dump()).header.get("exhausted"), "-");
    assert.deepEqual(await mixed(ats, 300), { requests: 300, errors: 0 });
    const row = (dump: Dump, location: string) => dump.openssl.rows.find((row) => row.location === location);
    // Lines 0x100 and 0xb99: the first function has a thunk and therefore an owner, the last has none.
    const dump = await dumpWith(ats, (dump) => row(dump, "memory/OpenSSL/many_handlers.c:2969") !== undefined);
    assert.equal(row(dump, "memory/OpenSSL/many_handlers.c:256 [via hostile_many_handlers.so]")?.inUse, 10_000);
    assert.equal(row(dump, "memory/OpenSSL/many_handlers.c:2969")?.inUse, 10_000);
    const [, times] = /^thunks:(\d+)$/.exec(dump.header.get("exhausted")!) ?? [];
    assert.ok(Number(times) >= 76 && Number(times) < 100, dump.header.get("exhausted"));
    assertSound(dump);
    // The limits are checked every second.
    await ats.waitFor(ats.diagsPath, /limit thunks reached: further plugin functions run without an owner/);
    const later = Number(dump.header.get("armed")) + 3;
    await dumpWith(ats, ({ header }) => Number(header.get("armed")) >= later);
    assert.equal(ats.diags().match(/limit \w+ reached/g)?.length, 1);
    assert.deepEqual(await mixed(ats, 300), { requests: 300, errors: 0 });
    assert.ok(ats.alive());
  } finally {
    await ats.stop();
  }
});
