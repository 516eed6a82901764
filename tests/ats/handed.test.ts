// SPDX-License-Identifier: Apache-2.0
//
// On a real server: what the plugin API hands out. Texts that a plugin must release with TSfree are memory of the calling line, to the
// byte; connections, fetches, threads, files and, with the heap, handles of fields are objects. plugins.test.ts has further ones.

import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ats, type AtsOptions } from "../../harness/ats.ts";
import { requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { installedServer } from "../../harness/server.ts";
import { PLUGIN } from "../../tools/build.ts";
import { assertSound, buildCorpus, corpus, expectedOf, ownerOf, rowsOf, rowsOfOwner, settled } from "../support/corpus.ts";

const HEAP = { "proxy.config.plugin.memtrack.heap": 1 };

let origin: Origin;
before(async () => {
  buildCorpus();
  origin = await Origin.start();
});
after(() => origin.stop());

async function withServer<T>(options: AtsOptions, body: (ats: Ats) => Promise<T>): Promise<T> {
  const ats = await Ats.start({ level: 1, records: HEAP, origin: origin.url, ...options });
  try {
    return await body(ats);
  } finally {
    await ats.stop();
  }
}

test("the URLs of requests that a plugin forgets to release: as many bytes as it asked for, and the allocator's rest is not counted", async () => {
  await withServer({ plugins: [PLUGIN, corpus("leak_strings")], records: {} }, async (ats) => {
    const paths = [1, 13, 24, 39, 40, 900, 3000].map((length) => `/size/100?${"q".repeat(length)}`);
    const count = 20 * paths.length;
    assert.deepEqual(await requests(ats.httpUrl, count, { paths }), { requests: count, errors: 0 });
    const dump = await settled(ats);
    assertSound(dump);
    const [whole] = expectedOf("leak_strings", { transaction: count });
    const row = rowsOf(dump).find(({ location }) => location === whole!.location);
    const bytes = paths.reduce((sum, path) => sum + new URL(path, ats.httpUrl).href.length + 1, 0);
    assert.deepEqual(row, { class: "tsapi", location: whole!.location, allocs: count, frees: 0, held: 20 * bytes });
    // Handles of fields are not followed without the heap.
    assert.equal(dump.objects.filter(({ kind }) => kind === "TSMLoc").length, 0);
  });
});

describe("connections, fetches, threads and files", () => {
  const KINDS = ["TSVConn", "TSFetchSM", "TSThread", "TSFile"];
  test("each is an object of the line that asked for it, until the plugin ends it", async () => {
    const plugin = `${corpus("handed_out")} ${new URL(origin.url).host}`;
    await withServer({ plugins: [PLUGIN, plugin] }, async (ats) => {
      const count = 25;
      assert.deepEqual(await requests(ats.httpUrl, count, { paths: ["/size/11"] }), { requests: count, errors: 0 });
      const ended = () => rowsOf(last).reduce((sum, { class: kind, frees }) => sum + (kind === "TSFetchSM" ? frees : 0), 0);
      let last = await settled(ats);
      for (const end = Date.now() + 20_000; ended() < count; last = await settled(ats)) {
        assert.ok(Date.now() < end, `${ended()} of ${count} fetches were ended`);
      }
      assertSound(last);
      const wanted = expectedOf("handed_out", { transaction: count }).filter(({ class: kind }) => KINDS.includes(kind));
      const found = rowsOfOwner(last, "handed_out.so").filter(({ class: kind }) => KINDS.includes(kind));
      const plain = wanted.map(({ class: kind, location, allocs, frees }) => {
        return { class: kind, location, allocs, frees, held: allocs! - frees!, inUse: 0 };
      });
      const byPlace = (a: { location: string }, b: { location: string }) => (a.location < b.location ? -1 : 1);
      assert.equal(plain.length, 9);
      assert.deepEqual(found.sort(byPlace), plain.sort(byPlace));
      assert.ok(ats.alive());
    });
  });
});

describe("handles of fields", () => {
  test("released twice: it ends the server as without memtrack", async () => {
    const ended = async (plugins: string[]) => {
      const ats = await Ats.start({ level: 1, records: HEAP, origin: origin.url, plugins });
      try {
        assert.equal((await requests(ats.httpUrl, 5)).errors, 0);
        assert.equal((await requests(ats.httpUrl, 1, { paths: ["/size/22"] })).errors, 1);
        await ats.ended();
        return ats.exitStatus;
      } finally {
        await ats.stop().catch(() => {});
      }
    };
    const plugin = corpus("handed_twice");
    assert.equal(await ended([PLUGIN, plugin]), await ended([plugin]));
  });

  // OperatorAddCookie keeps the handle of a Cookie field that is there already.
  const headerRewrite = join(installedServer().plugins, "header_rewrite.so");
  const skip = existsSync(headerRewrite) ? false : "the server has no header_rewrite.so";
  test("header_rewrite's add-cookie keeps one for each request with a cookie", { skip }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "memtrack-handles-"));
    try {
      chmodSync(folder, 0o755);
      const rules = join(folder, "rules.conf");
      writeFileSync(rules, "cond %{SEND_REQUEST_HDR_HOOK}\n  add-cookie foo bar\n", { mode: 0o644 });
      await withServer({ plugins: [PLUGIN, `header_rewrite.so ${rules}`] }, async (ats) => {
        const ask = async (count: number, headers: Record<string, string>) => {
          for (let i = 0; i < count; ++i) {
            const response = await fetch(`${ats.httpUrl}/size/50`, { headers });
            assert.equal(response.status, 200);
            await response.arrayBuffer();
          }
          const dump = await settled(ats);
          assertSound(dump);
          const rows = dump.objects.filter(({ kind, location }) => kind === "TSMLoc" && ownerOf(location) === "header_rewrite.so");
          return rows.reduce((sum, { alive }) => sum + alive, 0);
        };
        assert.equal(await ask(10, {}), 0);
        assert.equal(await ask(30, { cookie: "a=b" }), 30);
        assert.equal(await ask(10, { cookie: "a=b" }), 40);
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
