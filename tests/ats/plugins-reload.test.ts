// SPDX-License-Identifier: Apache-2.0
//
// On a real server: remap plugins are loaded and unloaded under load. Each reload is done by the server itself, requested by
// tests/plugins/reload.cc; one test uses traffic_ctl. MEMTRACK_RELOADS=n changes the number of reloads from 200,
// up to 900: each generation keeps memory, so it keeps its place in the table of 1,024 owners.

import assert from "node:assert/strict";
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ats, type AtsOptions } from "../../harness/ats.ts";
import type { Dump } from "../../harness/dump.ts";
import { requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { bundled, lacksPlugins } from "../../harness/plugins.ts";
import { PLUGIN } from "../../tools/build.ts";
import { assertHolds, assertSound, buildCorpus, corpus, expectedOf, rowsOfOwner, settled } from "../support/corpus.ts";
import { reload, renew } from "../support/reloads.ts";

const RELOADS = Number(process.env.MEMTRACK_RELOADS ?? 200);
/** After this many reloads memtrack has allocated what it needs for them: its memory must not grow any more. */
const WARM = Math.min(10, RELOADS - 1);
/** Enough for the rows of every generation: each keeps memory, so none is reclaimed. */
const SITES = Math.max(4096, 16 * RELOADS);
/** Number of rules in remap.config that name a plugin of the corpus; each has its own instance. */
const RULES = 2;

let origin: Origin;
before(async () => {
  buildCorpus();
  origin = await Origin.start();
});
after(() => origin.stop());

async function withServer(options: AtsOptions, body: (ats: Ats) => Promise<void>): Promise<void> {
  const ats = await Ats.start({
    level: 2,
    plugins: [PLUGIN, corpus("reload")],
    origin: origin.url,
    ...options,
    records: { "proxy.config.plugin.memtrack.heap": 1, ...options.records },
  });
  try {
    await body(ats);
  } finally {
    await ats.stop();
  }
}

/** Rules with the same plugins, for /a0/, /a1/ ... */
function rules(...names: string[]): string[] {
  const plugins = names.map((name) => `@plugin=${corpus(name)}`).join(" ");
  return Array.from({ length: RULES }, (_, index) => `map /a${index}/ ${origin.url} ${plugins}`);
}

const PATHS = Array.from({ length: RULES }, (_, index) => [`/a${index}/size/1000`, `/a${index}/size/40000`]).flat();

/** Reloads under load. Returns the number of requests answered in the meantime, which are all that were sent. */
async function reloadsUnderLoad(ats: Ats, count: number, before: (index: number) => void): Promise<number> {
  let over = false;
  let answered = 0;
  const load = async () => {
    while (!over) {
      const done = await requests(ats.httpUrl, 40, { paths: PATHS, concurrency: 4 });
      assert.equal(done.errors, 0, "every request is answered");
      answered += done.requests;
    }
  };
  const loading = load();
  try {
    for (let index = 0; index < count; ++index) {
      before(index);
      await reload(ats);
    }
  } finally {
    over = true;
    await loading;
  }
  return answered;
}

const memory = (dump: Dump) => Number(dump.header.get("memory"));

/** The name of the n-th load of a module, with n from 1. */
const generation = (name: string, n: number) => `${name}.so${n > 1 ? `#${n}` : ""}`;

/** The same rows without the mark of unloaded modules, and whether all rows had the mark; a mixture is an error. */
function unmarked(dump: Dump, owner: string): { dump: Dump; retired: boolean } {
  const of = rowsOfOwner(dump, owner);
  const retired = of.filter(({ location }) => location.endsWith(" [retired]")).length;
  assert.ok(retired === 0 || retired === of.length, `some rows of ${owner} are retired, some not: ${JSON.stringify(of, null, 1)}`);
  const without = <T extends { location: string }>(rows: T[]) =>
    rows.map((row) => ({ ...row, location: row.location.replace(/ \[retired\]$/, "") }));
  const table = (name: "iobuffer" | "openssl" | "tsapi" | "heap") => ({ ...dump[name], rows: without(dump[name].rows) });
  return {
    dump: {
      ...dump,
      iobuffer: table("iobuffer"),
      openssl: table("openssl"),
      tsapi: table("tsapi"),
      heap: table("heap"),
      objects: without(dump.objects),
    },
    retired: retired > 0,
  };
}

/** It comes with the server, and can be a global plugin and a remap plugin. */
const HEADER_REWRITE = bundled("header_rewrite");

/** Starts a server that loads header_rewrite through plugin.config and through remap.config. */
async function withBothWays(options: AtsOptions, body: (ats: Ats) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "memtrack-both-"));
  try {
    chmodSync(folder, 0o755);
    mkdirSync(join(folder, "etc"));
    writeFileSync(join(folder, "etc", "rules.conf"), "cond %{SEND_RESPONSE_HDR_HOOK}\n  set-header X-Seen yes\n");
    const plugins = [PLUGIN, corpus("reload"), `${HEADER_REWRITE} rules.conf`];
    const remap = [`map /a0/ ${origin.url} @plugin=${HEADER_REWRITE} @pparam=rules.conf`];
    await withServer({ folder, plugins, remap, ...options }, body);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Number of modules of that name in the server's memory. */
function mapped(ats: Ats, name: string): number {
  const lines = readFileSync(`/proc/${ats.pid}/maps`, "utf8").split("\n");
  return lines.filter((line) => line.includes(`/${name}.so`) && / r-xp /.test(line)).length;
}

describe("dynamic reload mode on", () => {
  test(`${RELOADS} reloads of changed modules under load: each generation has exact rows, and memtrack needs no more memory`, async () => {
    const names = ["remap_leak", "remap_innocent"];
    const records = { "proxy.config.plugin.memtrack.sites": SITES };
    await withServer({ remap: rules(...names), records }, async (ats) => {
      const renewed = (from: number) => (index: number) => names.forEach((name) => renew(ats, name, from + index));
      let transactions = await reloadsUnderLoad(ats, WARM, renewed(0));
      const warm = await settled(ats);
      transactions += await reloadsUnderLoad(ats, RELOADS - WARM, renewed(WARM));
      const dump = await settled(ats);
      assert.equal(memory(dump), memory(warm), "memory of memtrack");
      assertSound(warm);
      assertSound(dump);
      assert.equal(mapped(ats, "remap_leak"), 1, "the server has unloaded all but the last");

      const state = new Map(dump.owners.map(({ owner, state }) => [owner, state]));
      let called = 0;
      for (let n = 1; n <= RELOADS + 1; ++n) {
        const owner = generation("remap_leak", n);
        const view = unmarked(dump, owner);
        const last = n === RELOADS + 1;
        assert.equal(view.retired, !last, `${owner} is ${last ? "loaded" : "retired"}`);
        assert.equal(/retired/.test(state.get(owner) ?? ""), !last, `the owner's state: ${state.get(owner)}`);
        // The share of the requests that this generation served is unknown, but their sum is known.
        const [row] = rowsOfOwner(view.dump, owner).filter(({ location }) => / behave /.test(location));
        called += row?.allocs ?? 0;
        const counts = { transaction: row?.allocs ?? 0, load: 1, instance: RULES, deleted: last ? 0 : RULES };
        assertHolds(view.dump, owner, expectedOf("remap_leak", counts, owner));
        for (const row of rowsOfOwner(dump, generation("remap_innocent", n))) {
          assert.ok(last || row.held === 0, `an innocent that is gone holds nothing: ${JSON.stringify(row)}`);
        }
      }
      assert.equal(called, transactions);
    });
  });

  test("a reload of unchanged modules makes new instances in the same module", async () => {
    await withServer({ remap: rules("remap_leak") }, async (ats) => {
      const transactions = await reloadsUnderLoad(ats, 5, () => {});
      const dump = await settled(ats);
      assertSound(dump);
      const counts = { transaction: transactions, load: 1, instance: 6 * RULES, deleted: 5 * RULES };
      assertHolds(dump, "remap_leak.so", expectedOf("remap_leak", counts));
      assert.deepEqual(rowsOfOwner(dump, "remap_leak.so#2"), []);
    });
  });

  test("a module with a continuation that the server still counts is never unloaded, and not retired", async () => {
    await withServer({ remap: rules("remap_holds_cont") }, async (ats) => {
      await reloadsUnderLoad(ats, 5, (index) => renew(ats, "remap_holds_cont", index));
      const dump = await settled(ats);
      assertSound(dump);
      assert.equal(mapped(ats, "remap_holds_cont"), 6);
      for (let n = 1; n <= 6; ++n) {
        const owner = generation("remap_holds_cont", n);
        assertHolds(dump, owner, expectedOf("remap_holds_cont", { transaction: 0, instance: RULES }, owner));
      }
    });
  });

  test("traffic_ctl config reload after a change: the first generation is retired, the second has its rows", async () => {
    await withServer({ remap: rules("remap_leak"), ctl: true }, async (ats) => {
      const before = await requests(ats.httpUrl, 20, { paths: PATHS });
      const from = ats.sizeOf(ats.diagsPath);
      renew(ats, "remap_leak", 1);
      appendFileSync(join(ats.folder, "etc", "remap.config"), "# changed\n");
      await ats.ctl("config", "reload");
      await ats.waitFor(ats.diagsPath, /remap\.config finished loading/, { from, timeoutMs: 30_000 });
      const after = await requests(ats.httpUrl, 30, { paths: PATHS });
      const dump = await settled(ats);
      assertSound(dump);
      for (const [owner, done, last] of [
        ["remap_leak.so", before, false],
        ["remap_leak.so#2", after, true],
      ] as const) {
        const view = unmarked(dump, owner);
        assert.equal(view.retired, !last);
        const counts = { transaction: done.requests, load: 1, instance: RULES, deleted: last ? 0 : RULES };
        assertHolds(view.dump, owner, expectedOf("remap_leak", counts, owner));
      }
    });
  });
});

/** The names of header_rewrite's owners, and whether they are loaded. */
const ownersOf = (dump: Dump): string[][] =>
  dump.owners
    .filter(({ owner }) => owner.startsWith("header_rewrite"))
    .sort((a, b) => (a.owner < b.owner ? -1 : 1))
    .map(({ owner, state }) => [owner, state]);

describe("a plugin loaded by both plugin.config and remap.config", { skip: lacksPlugins("header_rewrite") }, () => {
  test("is two owners, and only that of remap.config is loaded again", async () => {
    await withBothWays({}, async (ats) => {
      const before = await settled(ats);
      assertSound(before);
      assert.deepEqual(ownersOf(before), [
        ["header_rewrite.so", "loaded"],
        ["header_rewrite.so(remap)", "loaded"],
      ]);
      for (const owner of ["header_rewrite.so", "header_rewrite.so(remap)"]) {
        assert.ok(
          rowsOfOwner(before, owner).some(({ held }) => held > 0),
          `rows of ${owner}`,
        );
      }
      renew(ats, "header_rewrite", 1);
      await reload(ats);
      const after = ownersOf(await settled(ats));
      assert.deepEqual(
        after.filter(([, state]) => state === "loaded"),
        [
          ["header_rewrite.so", "loaded"],
          ["header_rewrite.so(remap)#2", "loaded"],
        ],
      );
      for (const [owner, state] of after) if (state === "retired") assert.equal(owner, "header_rewrite.so(remap)");
    });
  });

  test("is one module and one owner if the server does not copy it (dynamic reload mode off)", async () => {
    await withBothWays({ records: { "proxy.config.plugin.dynamic_reload_mode": 0 } }, async (ats) => {
      assert.deepEqual(ownersOf(await settled(ats)), [["header_rewrite.so", "loaded"]]);
    });
  });
});

describe("dynamic reload mode off", () => {
  test(`${RELOADS} reloads under load: one generation, which keeps the leaks of each reload`, async () => {
    const records = { "proxy.config.plugin.dynamic_reload_mode": 0 };
    await withServer({ remap: rules("remap_leak", "remap_innocent"), records }, async (ats) => {
      let transactions = await reloadsUnderLoad(ats, WARM, (index) => renew(ats, "remap_leak", index));
      const warm = await settled(ats);
      transactions += await reloadsUnderLoad(ats, RELOADS - WARM, (index) => renew(ats, "remap_leak", WARM + index));
      const dump = await settled(ats);
      assertSound(dump);
      assert.equal(memory(dump), memory(warm), "memory of memtrack");
      const counts = { transaction: transactions, load: 1, instance: (RELOADS + 1) * RULES, deleted: RELOADS * RULES };
      assertHolds(dump, "remap_leak.so", expectedOf("remap_leak", counts));
      assert.deepEqual(rowsOfOwner(dump, "remap_leak.so#2"), []);
    });
  });
});
