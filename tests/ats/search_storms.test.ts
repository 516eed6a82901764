// SPDX-License-Identifier: Apache-2.0
//
// On a real server: the search for references at full speed while remap plugins are loaded and unloaded under load, the memory of
// IOBuffers, and a server that ends, or switches the tracking off, in the middle of a pass. MEMTRACK_ALLOCATORS=1: with other allocators
// too, and 200 reloads.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { after, before, describe, test } from "node:test";
import { Ats, type AtsOptions } from "../../harness/ats.ts";
import { requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { PLUGIN } from "../../tools/build.ts";
import { buildCorpus, corpus } from "../support/corpus.ts";
import { reload, renew } from "../support/reloads.ts";
import { searchStatus, type SearchStatus } from "../support/search_status.ts";

const LONG = process.env.MEMTRACK_ALLOCATORS !== undefined;
const RELOADS = LONG ? 200 : 30;
const ALLOCATORS = LONG ? ["", "libjemalloc.so.2", "libtcmalloc_minimal.so.4"] : [""];
const SHARE = "proxy.config.plugin.memtrack.search_cpu";
const REMAPPED = ["remap_leak", "remap_innocent"];
const HELD = ["hold_vector", "hold_map", "hold_lru"];
const WITHIN_MS = 90_000;

let origin: Origin;
before(async () => {
  buildCorpus();
  origin = await Origin.start();
});
after(() => origin.stop());

function start(options: AtsOptions): Promise<Ats> {
  const records = {
    "proxy.config.plugin.memtrack.heap": 1,
    "proxy.config.plugin.memtrack.sample_interval": 1,
    "proxy.config.plugin.memtrack.sites": 8192,
    "proxy.config.http.cache.http": 0,
    [SHARE]: 100,
    ...options.records,
  };
  return Ats.start({ level: 2, ctl: true, origin: origin.url, ...options, records });
}

async function until(ats: Ats, isSo: (status: SearchStatus) => boolean): Promise<SearchStatus> {
  for (const end = Date.now() + WITHIN_MS; ; await pause(200)) {
    const status = await searchStatus(ats);
    if (isSo(status)) return status;
    assert.ok(Date.now() < end, status.text);
  }
}

describe("reloads of changed modules under load", () => {
  for (const allocator of ALLOCATORS) {
    test(`${RELOADS} of them while the search runs at 100 %${allocator && `, with ${allocator}`}`, async () => {
      const ats = await start({
        plugins: [PLUGIN, corpus("reload"), `${corpus("searched")} ${[...HELD, "lose"].join(" ")}`],
        remap: [`map /a/ ${origin.url} ${REMAPPED.map((name) => `@plugin=${corpus(name)}`).join(" ")}`],
        env: allocator ? { LD_PRELOAD: allocator } : {},
      });
      try {
        await ats.ctl("plugin", "msg", "memtrack", "search .so");
        let over = false;
        const load = (async () => {
          while (!over) {
            const { errors } = await requests(ats.httpUrl, 40, { paths: ["/a/size/1000", "/a/size/40000"], concurrency: 4 });
            assert.equal(errors, 0, "every request is answered");
          }
        })();
        for (let index = 0; index < RELOADS; ++index) {
          for (const name of REMAPPED) renew(ats, name, index);
          await reload(ats);
        }
        over = true;
        await load;
        const rowsOf = ({ rows }: SearchStatus, way: string) =>
          rows.filter(({ location }) => location.includes(`searched.so ${way} (`));
        const isFound = (status: SearchStatus) => rowsOf(status, "lose").some(({ lost }) => lost >= 20);
        const status = await until(
          ats,
          (now) => isFound(now) && HELD.every((way) => rowsOf(now, way).some(({ passes }) => passes > 25)),
        );
        for (const way of HELD) {
          for (const row of rowsOf(status, way)) assert.ok(!row.lost && !row.probably && !row.isBlind, JSON.stringify(row));
        }
        assert.ok(
          rowsOf(status, "lose").every(({ isBlind }) => !isBlind),
          status.text,
        );
        assert.ok(status.complete > status.passes / 2, status.text);
        assert.ok(ats.isSearching());
      } finally {
        await ats.stop();
      }
    });
  }
});

describe("memory of IOBuffers", () => {
  test("is left out, also what the server maps for them after the first search", async () => {
    const ats = await start({ plugins: [PLUGIN, corpus("leak_tsiobuffer"), `${corpus("searched")} hold_vector`] });
    try {
      const resident = () => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${ats.pid}/status`, "utf8"))![1]) * 1024;
      // The least of some passes: a thorough one reads them too.
      const read = async () => {
        let least = Infinity;
        for (let { passes } = await searchStatus(ats), turn = 0; turn < 8; ++turn) {
          const status = await until(ats, (now) => now.passes > passes);
          passes = status.passes;
          least = Math.min(least, status.bytes);
        }
        return least;
      };
      await requests(ats.httpUrl, 200);
      await ats.ctl("plugin", "msg", "memtrack", "search searched.so");
      await until(ats, ({ complete }) => complete >= 2);
      const before = { read: await read(), resident: resident() };
      await requests(ats.httpUrl, 4000);
      const grown = { read: (await read()) - before.read, resident: resident() - before.resident };
      assert.ok(grown.resident > 16 * 2 ** 20, JSON.stringify(grown));
      assert.ok(grown.read < grown.resident / 3, JSON.stringify(grown));
    } finally {
      await ats.stop();
    }
  });
});

describe("in the middle of a pass", () => {
  const inPass = async (): Promise<Ats> => {
    const ats = await start({ plugins: [PLUGIN, `${corpus("searched")} hold_million`], records: { [SHARE]: 1 } });
    await requests(ats.httpUrl, 2);
    await ats.ctl("plugin", "msg", "memtrack", "search searched.so");
    for (const end = Date.now() + WITHIN_MS; !ats.isSearching(); await pause(20)) assert.ok(Date.now() < end);
    return ats;
  };

  test("the server ends as without it", async () => {
    const ats = await inPass();
    const begun = Date.now();
    await ats.stop(); // which throws if it had to be killed, or crashed
    assert.ok(Date.now() - begun < 10_000, `${Date.now() - begun} ms`);
  });

  test("level 0 ends it within seconds", async () => {
    const ats = await inPass();
    try {
      const begun = Date.now();
      await ats.ctl("plugin", "msg", "memtrack", "arm 0");
      for (; ats.isSearching(); await pause(20)) assert.ok(Date.now() - begun < 5000);
      assert.ok((await requests(ats.httpUrl, 20)).errors === 0);
    } finally {
      await ats.stop();
    }
  });
});
