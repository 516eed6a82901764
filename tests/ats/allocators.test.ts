// SPDX-License-Identifier: Apache-2.0
//
// On a real server with a preloaded allocator, as operators often run it: it has its own operators new and delete, rounds
// differently, and does not mark released blocks. Plugins' memory is counted as exactly as with the C library's allocator, and
// facts that cannot be known are not reported. Libraries that a plugin loads tell the allocator the right sizes: jemalloc's own counts
// show it, and Scudo ends the process otherwise.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ats } from "../../harness/ats.ts";
import type { Dump } from "../../harness/dump.ts";
import { h2load, requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { PLUGIN } from "../../tools/build.ts";
import {
  assertHolds,
  assertSound,
  assertUnseen,
  buildCorpus,
  corpus,
  expectedOf,
  grownOf,
  rowsOfOwner,
  settled,
} from "../support/corpus.ts";

const GROWING = ["leak_string", "leak_vector"];
const LEAKS = [
  ...["leak_tsmalloc", "leak_tsrealloc", "leak_tsstrdup", "leak_malloc", "leak_realloc", "leak_strdup", "leak_aligned", "leak_new"],
  ...["leak_map", "leak_others", "leak_tsmbuffer", "leak_tsiobuffer", "leak_thread", "leak_nested_inner", "leak_nested_outer"],
];
// The plugin that hands memory over must be loaded before the plugin that receives it.
const INNOCENTS = [
  ...["innocent_tsapi", "innocent_heap", "innocent_cpp", "innocent_exceptions", "innocent_objects", "innocent_openssl"],
  ...["innocent_libc_allocates", "innocent_server_frees", "innocent_handover_from", "innocent_handover_to"],
];
// They write past the ends of blocks, but not into other blocks.
const HOSTILE = ["hostile_mixed", "hostile_overrun"];
const UNSEEN = "hostile_unseen";
/** GWP-ASan takes one block in five: its freed blocks are not readable. */
const SCUDO = { SCUDO_OPTIONS: "GWP_ASAN_SampleRate=5:GWP_ASAN_MaxSimultaneousAllocations=4000:dealloc_type_mismatch=1" };
const ALL = [...LEAKS, ...GROWING, ...INNOCENTS, ...HOSTILE, UNSEEN];

let origin: Origin;
before(async () => {
  buildCorpus();
  origin = await Origin.start();
});
after(() => origin.stop());

for (const library of ["libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2"]) {
  describe(library, () => {
    const count = 60;
    let dump: Dump;
    let mapped: string;
    before(async () => {
      const ats = await Ats.start({
        level: 2,
        records: { "proxy.config.plugin.memtrack.heap": 1 },
        plugins: [PLUGIN, ...ALL.map(corpus)],
        origin: origin.url,
        env: { LD_PRELOAD: library },
      });
      try {
        mapped = readFileSync(`/proc/${ats.pid}/maps`, "utf8");
        const done = [await requests(ats.httpUrl, count - 10), await h2load(ats.httpsUrl, 10)];
        for (const { errors } of done) assert.equal(errors, 0);
        dump = await settled(ats);
      } finally {
        await ats.stop();
      }
    });

    test("is the server's allocator; every hook is installed, and the dump is valid", () => {
      assert.ok(mapped.includes(`/${library.split(".so")[0]}.so`));
      for (const hook of ["iobuffer", "openssl", "plugins", "buffers", "heap"])
        assert.equal(dump.header.get(hook), "installed", hook);
      assertSound(dump);
    });

    for (const name of [...LEAKS, ...GROWING]) {
      test(`${name}: exactly the memory declared in its source, at its lines`, () => {
        const grown = GROWING.includes(name) ? [grownOf(name, count)] : [];
        assertHolds(dump, `${name}.so`, [...expectedOf(name, { transaction: count, once: 1 }), ...grown]);
      });
    }

    for (const name of [...INNOCENTS, ...HOSTILE]) {
      test(`${name}: holds nothing`, () => {
        assertHolds(dump, `${name}.so`, expectedOf(name, { transaction: count, once: 1 }));
        assert.ok(rowsOfOwner(dump, `${name}.so`).length > 0, "it has been seen at all");
      });
    }

    test("blocks freed past all hooks leave their row when they are handed out again", () => {
      assertHolds(dump, `${UNSEEN}.so`, [...expectedOf(UNSEEN, { transaction: count, once: 1 })]);
      assertUnseen(dump);
    });

    test("blocks written past their end are detected as with the C library's allocator", () => {
      const damaged = Number(dump.header.get("damaged"));
      assert.ok(damaged > 15 * (count - 8) && damaged <= 16 * count, `${damaged} of ${16 * count}`);
    });

    test("blocks released twice cannot be detected, and are not reported", () => {
      assert.equal(dump.header.get("twice"), "-");
    });

    test("heap tracking is switched while a plugin's objects are allocated and released: the server continues to serve", async () => {
      const folder = mkdtempSync(join(tmpdir(), "memtrack-churn-"));
      chmodSync(folder, 0o755);
      const late = join(folder, "late_library.so");
      copyFileSync(corpus("late_library"), late);
      const ats = await Ats.start({
        level: 1,
        ctl: true,
        plugins: [PLUGIN, `${corpus("churn_loader")} ${late}`],
        origin: origin.url,
        env: { LD_PRELOAD: library },
      });
      try {
        // In the first seconds after a start traffic_ctl does not know memtrack's records.
        const set = () => ats.ctl("config", "set", "proxy.config.plugin.memtrack.heap", "1").catch(() => undefined);
        for (const end = Date.now() + 20_000; (await set()) === undefined;) assert.ok(Date.now() < end);
        await ats.waitFor(ats.diagsPath, /memtrack\.heap is now 1/, { timeoutMs: 25_000 });
        const made = async () =>
          rowsOfOwner(await ats.dump(), "churn_loader.so").find((row) => /churn_loader\.cc:2\d\b/.test(row.location))?.allocs ?? 0;
        let first = 0;
        for (const end = Date.now() + 20_000; first === 0; first = await made()) assert.ok(Date.now() < end);
        assert.ok((await made()) > first, "its objects are tracked");
        assert.deepEqual(await requests(ats.httpUrl, 10), { requests: 10, errors: 0 });
        assert.ok(ats.alive());
      } finally {
        await ats.stop();
        rmSync(folder, { recursive: true, force: true });
      }
    });
  });
}

/** The path of a library that comes with clang. */
function ofClang(name: string): string {
  return execFileSync("clang", [`--print-file-name=lib/linux/libclang_rt.${name}-x86_64.so`], { encoding: "utf8" }).trim();
}

describe("a C++ library that a plugin loads at each transaction releases blocks from its constructor on", () => {
  const allocators: [name: string, env: Record<string, string>][] = [
    ["the C library's malloc", {}],
    ["libc_malloc_debug", { LD_PRELOAD: "libc_malloc_debug.so.0", MALLOC_CHECK_: "3", MALLOC_PERTURB_: "85" }],
    ["jemalloc", { LD_PRELOAD: "libjemalloc.so.2" }],
    ["jemalloc without thread caches", { LD_PRELOAD: "libjemalloc.so.2", MALLOC_CONF: "abort_conf:true,tcache:false,junk:true" }],
    ["tcmalloc", { LD_PRELOAD: "libtcmalloc_minimal.so.4" }],
    ["mimalloc", { LD_PRELOAD: "libmimalloc.so.2" }],
    ["Scudo, which checks sizes and puts some blocks before a guard page", { LD_PRELOAD: ofClang("scudo_standalone"), ...SCUDO }],
  ];
  for (const [name, env] of allocators) {
    test(`${name}: each has its size, and each is counted`, async () => {
      await withLateLibrary(env, async (ats) => {
        assert.deepEqual(await requests(ats.httpUrl, 900), { requests: 900, errors: 0 });
        assert.equal((await h2load(ats.httpsUrl, 100)).errors, 0);
        const dump = await settled(ats);
        assertSound(dump);
        assert.equal(dump.header.get("heap"), "installed");
        assert.equal(dump.header.get("damaged"), "0");
        const rows = rowsOfOwner(dump, "late_sized.so").filter((row) => row.class === "heap" && /behave/.test(row.location));
        assert.ok(rows.reduce((sum, row) => sum + row.allocs, 0) > 1000 * 60, "its memory is tracked");
        for (const row of rows) assert.equal(row.frees, row.allocs, row.location);
        assert.doesNotMatch(ats.trafficOut(), /late_sized: class|warning=/);
      });
    });
  }

  test("gperftools' debugging allocator counts its own data as usable: it is refused, and the server runs on", async () => {
    await withLateLibrary({ LD_PRELOAD: "libtcmalloc_minimal_debug.so.4" }, async (ats) => {
      assert.deepEqual(await requests(ats.httpUrl, 20), { requests: 20, errors: 0 });
      const { header } = await ats.dump();
      assert.deepEqual([header.get("plugins"), header.get("heap")], ["refused", "off"]);
      assert.match(ats.diags(), /memory cannot be attributed to plugins: \S+libtcmalloc_minimal_debug\S+ has \d+ usable bytes/);
    });
  });
});

async function withLateLibrary(env: Record<string, string>, body: (ats: Ats) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "memtrack-late-"));
  chmodSync(folder, 0o755);
  const library = join(folder, "late.so");
  copyFileSync(corpus("late_sized_library"), library);
  const plugins = [PLUGIN, `${corpus("late_sized")} ${library}`];
  const records = { "proxy.config.plugin.memtrack.heap": 1 };
  const ats = await Ats.start({ level: 2, records, plugins, origin: origin.url, env });
  try {
    await body(ats);
    assert.ok(ats.alive());
  } finally {
    await ats.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
