// SPDX-License-Identifier: Apache-2.0
//
// On a real server: IOBuffers that the server allocates during a plugin's call, for a fetch that the plugin begins, are rows of that
// plugin under the server's own line.

import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { Ats } from "../../harness/ats.ts";
import type { Dump } from "../../harness/dump.ts";
import { requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { PLUGIN } from "../../tools/build.ts";
import { lacksVerify } from "../support/lacks.ts";
import { assertSound, buildCorpus, corpus, rowsOf, settled } from "../support/corpus.ts";

const COUNT = 200;

let origin: Origin;
before(async () => {
  buildCorpus();
  origin = await Origin.start();
});
after(() => origin.stop());

/** The first dump in verify mode comes some seconds after the start. */
async function verifying(ats: Ats): Promise<void> {
  for (const end = Date.now() + 20_000; (await ats.dump()).header.get("verify") !== "on";)
    assert.ok(Date.now() < end, "verify mode");
}

describe("buffers of a plugin's fetches", () => {
  test("are [via] the plugin, to the last one, and gone when the fetches have ended", async () => {
    const records = lacksVerify() ? {} : { "proxy.config.plugin.memtrack.verify": 1 };
    const ats = await Ats.start({ level: 1, records, plugins: [PLUGIN, corpus("fetches")], origin: origin.url });
    try {
      if (!lacksVerify()) await verifying(ats);
      assert.deepEqual(await requests(ats.httpUrl, COUNT, { paths: ["/size/3000"] }), { requests: COUNT, errors: 0 });
      const dump = await settled(ats);
      assertSound(dump);
      if (!lacksVerify()) assert.equal(dump.verify?.differing, 0, dump.text);
      const of = (line: RegExp) => rowsOf(dump).filter((row) => row.class === "iobuffer" && line.test(row.location));
      assert.equal(of(/\bFetchSM\./).length, 2, dump.text);
      for (const { location, allocs, frees } of of(/\bFetchSM\.|\[via /)) {
        assert.match(location, /^memory\/IOBuffer\/\S+:\d+ \[via fetches\.so\]$/);
        assert.deepEqual([allocs, frees], [COUNT, COUNT], location);
      }
    } finally {
      await ats.stop();
    }
  });

  test("stay while the origin does not answer", async () => {
    const silent = createServer(() => undefined).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const plugins = [PLUGIN, corpus("fetches")];
    const ats = await Ats.start({ level: 1, plugins, origin: `http://127.0.0.1:${port}/` });
    try {
      const clients = Array.from({ length: 20 }, () => http.get(ats.httpUrl).on("error", () => undefined));
      const held = (dump: Dump) =>
        rowsOf(dump)
          .filter(({ location }) => /FetchSM\.h:\d+ \[via fetches\.so\]$/.test(location))
          .reduce((sum, row) => sum + row.allocs - row.frees, 0);
      let dump = await ats.dump();
      for (let i = 0; i < 20 && held(dump) < 2 * clients.length; ++i) dump = await ats.dump();
      assert.equal(held(dump), 2 * clients.length, dump.text);
      for (const client of clients) client.destroy();
    } finally {
      await ats.stop();
      silent.close();
    }
  });
});
