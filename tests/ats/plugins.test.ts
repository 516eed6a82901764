// SPDX-License-Identifier: Apache-2.0
//
// On a real server: memory held by each plugin of the corpus appears under its name, function and line, exact to the byte or
// object; a plugin that releases everything holds nothing. The expected value is the number of transactions times the amount
// declared in the plugin's source (tests/plugins/corpus.h). Many plugins share a server, as in production.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ats, type AtsOptions } from "../../harness/ats.ts";
import type { Dump } from "../../harness/dump.ts";
import { h2load, requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { installedServer } from "../../harness/server.ts";
import { PLUGIN } from "../../tools/build.ts";
import {
  assertHolds,
  assertSound,
  assertUnseen,
  buildCorpus,
  corpus,
  expectedOf,
  growingSite,
  grownOf,
  locationOf,
} from "../support/corpus.ts";
import { ownerOf, rowsOf, rowsOfOwner, settled, sitesOf, SOURCES, type Counts, type Expected } from "../support/corpus.ts";

const HEAP = { "proxy.config.plugin.memtrack.heap": 1 };

/** Plugins called once per transaction that need no particular position; others are in libraries.test.ts and ways.test.ts. */
const named = (prefix: string, except: RegExp = /^$/) =>
  readdirSync(SOURCES)
    .map((file) => /^(\w+)\.cc?$/.exec(file)?.[1] ?? "")
    .filter((name) => name.startsWith(prefix) && !except.test(name))
    .sort();
const LEAKS = named("leak_", /truth$|^leak_(many|fallback|string|vector|libraries|ways)$/);
const UNOPTIMISED = ["leak_tsmalloc_o0", "leak_malloc_o0", "leak_new_o0", "leak_map_o0"];
const GROWING = ["leak_string", "leak_vector", "leak_string_o0", "leak_vector_o0"];
// The plugin that hands memory over must be loaded before the plugin that receives it: the order of their names.
const INNOCENTS = named("innocent_", /^innocent_libraries$/);
const ALL = [...LEAKS, ...UNOPTIMISED, ...GROWING, "leak_fallback", "leak_stripped", ...INNOCENTS];

let origin: Origin;
before(async () => {
  buildCorpus();
  origin = await Origin.start();
});
after(() => origin.stop());

/** Starts a server, runs `body` with it, and stops it; throws if it crashed. */
async function withServer<T>(options: AtsOptions, body: (ats: Ats) => Promise<T>): Promise<T> {
  const ats = await Ats.start({ level: 2, records: HEAP, origin: origin.url, ...options });
  try {
    return await body(ats);
  } finally {
    await ats.stop();
  }
}

/** Exactly `count` transactions, all answered: plain and TLS, HTTP/1.1 and HTTP/2. Returns their number. */
async function traffic(ats: Ats, count: number): Promise<number> {
  const paths = ["/size/1000", "/size/0", "/size/40000?chunked", "/size/5000?cache=600"];
  const some = Math.floor(count / 10);
  const done = await Promise.all([requests(ats.httpUrl, count - some, { paths }), h2load(ats.httpsUrl, some, { paths })]);
  for (const { errors } of done) assert.equal(errors, 0);
  return count;
}

/** That many for each path that an innocent plugin of the corpus answers itself. */
async function answeredByPlugins(ats: Ats, count: number): Promise<number> {
  assert.deepEqual(await requests(ats.httpUrl, count, { paths: ["/intercept"] }), { requests: count, errors: 0 });
  // An answer with status 403.
  assert.deepEqual(await requests(ats.httpUrl, count, { paths: ["/error"] }), { requests: 0, errors: count });
  return 2 * count;
}

function expected(name: string, counts: Counts): Expected[] {
  return [...expectedOf(name, counts), ...(GROWING.includes(name) ? [grownOf(name, counts.transaction)] : [])];
}

/** A line of leak_openssl_truth: the memory kept by each further call of leak_openssl.so. */
function opensslTruth(): { place: string; blocks: number; bytes: number }[] {
  const said = execFileSync(corpus("leak_openssl_truth").replace(/\.so$/, ""), { encoding: "utf8" });
  return said
    .trim()
    .split("\n")
    .map((line) => {
      const [, place, blocks, bytes] = /^(?:\.\.\/)*(\S+) (\d+) (\d+)$/.exec(line) ?? [];
      return { place: place!, blocks: Number(blocks), bytes: Number(bytes) };
    });
}

for (const [where, plugins, once] of [
  ["first", [PLUGIN, ...ALL.map(corpus)], 1],
  // Allocations of the others in their TSPluginInit are then older than memtrack.
  ["last", [...ALL.map(corpus), PLUGIN], 0],
] as const) {
  describe(`memtrack.so loaded ${where}`, () => {
    const dumps: { dump: Dump; transactions: number }[] = [];
    let diags: string;
    before(async () => {
      await withServer({ plugins: [...plugins] }, async (ats) => {
        let transactions = 0;
        for (const count of [100, 60]) {
          transactions += (await traffic(ats, count)) + (await answeredByPlugins(ats, 10));
          dumps.push({ dump: await settled(ats), transactions });
        }
        diags = ats.diags();
      });
    });
    const last = () => dumps.at(-1)!;

    test("every dump is valid, and the owners' sums equal the totals", () => {
      for (const { dump } of dumps) assertSound(dump);
    });

    // A thread started before memtrack was loaded has no known owner.
    const unknown = (name: string, { class: kind }: Expected) => where === "last" && name === "leak_thread" && kind === "openssl";
    for (const name of [...LEAKS, ...UNOPTIMISED, ...GROWING].filter((name) => name !== "leak_openssl")) {
      test(`${name}: exactly the memory declared in its source, at its lines`, () => {
        const { dump, transactions } = last();
        const rows = expected(name, { transaction: transactions, once }).filter((row) => !unknown(name, row));
        assertHolds(dump, `${name}.so`, rows);
      });
    }

    for (const name of INNOCENTS) {
      test(`${name}: holds nothing`, () => {
        const { dump, transactions } = last();
        assertHolds(dump, `${name}.so`, expected(name, { transaction: transactions, once }));
        const counted = rowsOfOwner(dump, `${name}.so`).reduce((sum, row) => sum + row.allocs, 0);
        const marked = sitesOf(name).some((site) => site.per === "transaction");
        assert.ok(counted > 0 || !marked, "it has been seen at all");
      });
    }

    test("diags.log says once that plugins were loaded before memtrack.so, if they were", () => {
      const lines = diags.match(/\[memtrack\] \d+ plugins were loaded before memtrack\.so, .*/g) ?? [];
      assert.equal(lines.length, where === "last" ? 1 : 0);
      if (lines[0]) assert.match(lines[0], new RegExp(`^\\[memtrack\\] ${ALL.length} plugins .* first line of plugin\\.config$`));
    });

    test("leak_openssl: OpenSSL's own lines, on behalf of the plugin, as many as an independent program counts", () => {
      const [first, second] = dumps as [(typeof dumps)[0], (typeof dumps)[0]];
      const times = second.transactions - first.transactions;
      const truth = opensslTruth();
      const held = ({ dump }: { dump: Dump }, place: string) => {
        const location = `memory/OpenSSL/${place} [via leak_openssl.so]`;
        const row = rowsOf(dump).find((row) => row.class === "openssl" && row.location === location);
        assert.ok(row, `a row of ${location} in\n${JSON.stringify(rowsOfOwner(dump, "leak_openssl.so"), null, 1)}`);
        return { blocks: row.allocs - row.frees, bytes: row.held };
      };
      assert.ok(truth.length > 5);
      for (const { place, blocks, bytes } of truth) {
        const [before, after] = [held(first, place), held(second, place)];
        assert.equal(after.blocks - before.blocks, times * blocks, place);
        assert.equal(after.bytes - before.bytes, times * bytes, place);
      }
      const [own] = expectedOf("leak_openssl", { transaction: second.transactions });
      const row = rowsOf(second.dump).find(({ location }) => location === own!.location);
      assert.deepEqual({ ...row, held: 0 }, { class: "openssl", location: own!.location, allocs: own!.allocs, frees: 0, held: 0 });
      assert.equal(row!.held, own!.bytes);
      // All growth is attributed: OpenSSL's permanent memory is allocated by the first dump.
      const sum = (dump: Dump) => rowsOfOwner(dump, "leak_openssl.so").reduce((sum, row) => sum + row.held, 0);
      const each = truth.reduce((sum, { bytes }) => sum + bytes, 0) + own!.bytes! / second.transactions;
      assert.equal(sum(second.dump) - sum(first.dump), times * each);
    });

    test("without debug information: a function's name and an offset, or an address for addr2line", () => {
      const { dump, transactions } = last();
      const rows = rowsOfOwner(dump, "leak_stripped.so");
      const lineOf = (bytes: number) => sitesOf("leak_stripped").find((site) => site.bytes === bytes)!.line;
      const of = (bytes: number) => {
        const found = rows.filter((row) => row.allocs === transactions && row.held === bytes * transactions);
        assert.equal(found.length, 1, JSON.stringify(rows, null, 1));
        return found[0]!.location;
      };
      assert.match(of(91), /^memory\/plugin\/leak_stripped\.so leak_exported\+0x[0-9a-f]+ calls malloc$/);
      // Only where TSmalloc says it is the line known.
      const says = installedServer().cxxApi ? " calls _TSmalloc" : ` \\(leak_fallback\\.c:${lineOf(93)}\\)`;
      for (const [bytes, after] of [
        [92, " calls malloc"],
        [93, says],
      ] as const) {
        const [, offset] = new RegExp(`^memory/plugin/leak_stripped\\.so\\+(0x[0-9a-f]+)${after}$`).exec(of(bytes)) ?? [];
        assert.ok(offset, of(bytes));
        // The same code, with debug information.
        const said = execFileSync("addr2line", ["-i", "-e", corpus("leak_fallback"), offset], { encoding: "utf8" });
        assert.match(said, new RegExp(`leak_fallback\\.c:${lineOf(bytes)}\\b`));
      }
    });

    test("with debug information: the same module has its functions and lines", () => {
      const { dump, transactions } = last();
      assertHolds(dump, "leak_fallback.so", expectedOf("leak_fallback", { transaction: transactions, once }));
    });
  });
}

describe("the heap", () => {
  test("is not tracked by default, and everything else is as exact", async () => {
    const plugins = [PLUGIN, ...["leak_tsmalloc", "leak_tsrealloc", "leak_malloc", "innocent_handover_from"].map(corpus)];
    const { dump, transactions } = await withServer({ plugins, records: {} }, async (ats) => {
      const transactions = await traffic(ats, 40);
      return { dump: await settled(ats), transactions };
    });
    assertSound(dump);
    assert.deepEqual(dump.heap.rows, []);
    for (const name of ["leak_tsmalloc", "leak_tsrealloc"]) {
      assertHolds(dump, `${name}.so`, expectedOf(name, { transaction: transactions, once: 1 }));
    }
  });
});

describe("a plugin loaded more than once", () => {
  const site = () => growingSite("leak_many");
  const heap = (dump: Dump, owner: string) => {
    const location = locationOf(site(), owner);
    const row = rowsOf(dump).find((row) => row.class === "heap" && row.location === location);
    return row && { allocs: row.allocs, frees: row.frees, held: row.held };
  };
  const run = (plugins: string[]) =>
    withServer({ plugins }, async (ats) => {
      const transactions = await traffic(ats, 50);
      const dump = await settled(ats);
      assertSound(dump);
      return { dump, transactions };
    });

  test("from one path by two lines is one module and one owner", async () => {
    const { dump, transactions } = await run([PLUGIN, `${corpus("leak_many")} 111`, `${corpus("leak_many")} 222`]);
    assert.deepEqual(heap(dump, "leak_many.so"), { allocs: 2 * transactions, frees: 0, held: 333 * transactions });
    assert.deepEqual(rowsOfOwner(dump, "leak_many.so#2"), []);
  });

  test("from two files of one name: the second is another owner, #2", async () => {
    const folder = mkdtempSync(join(tmpdir(), "memtrack-many-"));
    try {
      const other = join(folder, "other");
      mkdirSync(other);
      chmodSync(folder, 0o755);
      copyFileSync(corpus("leak_many"), join(other, "leak_many.so"));
      const { dump, transactions } = await run([PLUGIN, `${corpus("leak_many")} 111`, `${join(other, "leak_many.so")} 222`]);
      assert.deepEqual(heap(dump, "leak_many.so"), { allocs: transactions, frees: 0, held: 111 * transactions });
      assert.deepEqual(heap(dump, "leak_many.so#2"), { allocs: transactions, frees: 0, held: 222 * transactions });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test("a library that a plugin loads later is tracked within seconds", async () => {
  await withServer({ plugins: [PLUGIN, corpus("late_loader")] }, async (ats) => {
    copyFileSync(corpus("late_library"), join(ats.folder, "plugins", "late_library.so")); // where the plugin looks for it
    assert.equal((await requests(ats.httpUrl, 1)).errors, 0);
    const counts = async () => {
      const dump = await settled(ats);
      assertSound(dump);
      return rowsOfOwner(dump, "late_loader.so")
        .filter((row) => row.class === "heap")
        .reduce((sum, row) => ({ allocs: sum.allocs + row.allocs, alive: sum.alive + row.allocs - row.frees }), {
          allocs: 0,
          alive: 0,
        });
    };
    // Until then, memory allocated by the library is in no row.
    const followed = async () => {
      const before = await counts();
      assert.equal((await requests(ats.httpUrl, 20)).errors, 0);
      const after = await counts();
      return after.allocs - before.allocs === 80 && after.alive === before.alive;
    };
    const deadline = Date.now() + 20_000;
    while (!(await followed())) assert.ok(Date.now() < deadline, "the library is not followed");
  });
});

describe("hostile plugins", () => {
  const HOSTILE = ["hostile_mixed", "hostile_foreign", "hostile_overrun", "hostile_unseen"];

  describe("memory errors that the allocator survives", () => {
    let dump: Dump;
    let transactions: number;
    before(async () => {
      const plugins = [PLUGIN, ...[...HOSTILE, "leak_tsmalloc", "leak_malloc", "innocent_tsapi", "innocent_heap"].map(corpus)];
      await withServer({ plugins }, async (ats) => {
        transactions = await traffic(ats, 100);
        dump = await settled(ats);
      });
    });

    test("the server continues to serve, the dump is valid, and the rows of others stay exact", () => {
      assertSound(dump);
      for (const name of ["leak_tsmalloc", "leak_malloc", "innocent_tsapi", "innocent_heap"]) {
        assertHolds(dump, `${name}.so`, expectedOf(name, { transaction: transactions, once: 1 }));
      }
    });

    test("a block freed by another family of functions is charged to the place of its allocation", () => {
      assertHolds(dump, "hostile_mixed.so", expectedOf("hostile_mixed", { transaction: transactions, once: 1 }));
    });

    test("a foreign block that is freed is in no plugin's row", () => {
      assertHolds(dump, "hostile_foreign.so", expectedOf("hostile_foreign", { transaction: transactions, once: 1 }));
    });
  });

  test("a block that is freed past all hooks leaves its row when it is handed out again", async () => {
    const { dump, transactions } = await withServer({ plugins: [PLUGIN, corpus("hostile_unseen")] }, async (ats) => {
      const transactions = await traffic(ats, 100);
      return { transactions, dump: await settled(ats) };
    });
    assertSound(dump);
    assertHolds(dump, "hostile_unseen.so", expectedOf("hostile_unseen", { transaction: transactions, once: 1 }));
    assertUnseen(dump);
  });

  test("freed blocks that nobody was seen to allocate are counted apart, with who freed them", async () => {
    const records = { "proxy.config.plugin.memtrack.heap": 0 }; // with the heap, what the C library allocates has a row
    const { dump, transactions } = await withServer({ plugins: [PLUGIN, corpus("hostile_foreign")], records }, async (ats) => {
      const transactions = await traffic(ats, 100);
      return { transactions, dump: await settled(ats) };
    });
    const tsapi = dump.prior.find((row) => row.class === "tsapi" && row.by === "hostile_foreign.so");
    assert.equal(tsapi?.frees, 2 * transactions);
    // 101 and 5 bytes, allocated by the C library: 104 and 24 usable bytes, or 16 more if it found a larger block.
    const least = (104 + 24) * transactions;
    assert.ok(tsapi.bytes >= least && tsapi.bytes <= least + 2 * 16 * transactions, `${tsapi.bytes} of ${least}`);
    assert.equal(
      dump.prior.find((row) => row.class === "heap"),
      undefined,
    );
  });

  // Alone, with sequential requests: the test predicts the allocator's next step, which other plugins would change.
  test("a double free that the C library does not notice: the server continues to serve, and the block is released once", async () => {
    await withServer({ plugins: [PLUGIN, corpus("hostile_double_free_hidden")] }, async (ats) => {
      const transactions = 20;
      for (let i = 0; i < transactions; ++i) assert.equal((await requests(ats.httpUrl, 1)).errors, 0);
      const dump = await settled(ats);
      assertSound(dump);
      const rows = rowsOfOwner(dump, "hostile_double_free_hidden.so").filter((row) => row.class === "tsapi");
      assert.equal(
        rows.reduce((sum, row) => sum + row.allocs, 0),
        transactions * 10,
      );
      for (const row of rows) assert.ok(row.frees <= row.allocs, JSON.stringify(row));
    });
  });

  test("a block written past its end: detected, counted, reported with its site, and released from that site", async () => {
    const { dump, transactions, out } = await withServer({ plugins: [PLUGIN, corpus("hostile_overrun")] }, async (ats) => {
      const transactions = await traffic(ats, 100);
      return { dump: await settled(ats), transactions, out: ats.trafficOut() };
    });
    assertSound(dump);
    assertHolds(dump, "hostile_overrun.so", expectedOf("hostile_overrun", { transaction: transactions, once: 1 }));
    // At first only the eighth byte reaches the tag: both sites are watched from then on, and each overrun is proved. In one of 256
    // blocks the first byte has the same value already, and the others differ.
    const damaged = Number(dump.header.get("damaged"));
    assert.ok(damaged > 15.5 * (transactions - 8) && damaged <= 16 * transactions, `${damaged} of ${16 * transactions}`);
    const lines = out.split("\n").filter((line) => line.startsWith("memtrack warning="));
    assert.equal(lines.length, 20);
    for (const line of lines) {
      assert.match(
        line,
        /^memtrack warning="written past its end, or freed unseen and used again: a block of 25 bytes of memory\/plugin\/hostile_overrun\.so by_bytes \(hostile_overrun\.c:\d+\)"$/,
      );
    }
  });

  test("more sites than fit: (other) of the plugin, and each plugin's sum exact", async () => {
    const plugins = [PLUGIN, ...["hostile_many_sites", "leak_tsmalloc"].map(corpus)];
    await withServer({ plugins }, async (ats) => {
      const transactions = await traffic(ats, 80);
      const dump = await settled(ats);
      assertSound(dump);
      const [used, room] = dump.header.get("sites")!.split("/").map(Number);
      assert.equal(used, room);
      const held = (name: string) => dump.owners.find(({ owner }) => owner === name)?.tsapi ?? 0;
      const other = dump.tsapi.rows.find(({ location }) => location === "memory/plugin/hostile_many_sites.so (other)");
      assert.ok(other && other.inUse > 0 && other.inUse < held("hostile_many_sites.so"));
      assert.equal(
        dump.tsapi.rows.find(({ location }) => location === "memory/plugin/(other)"),
        undefined,
      );
      assert.equal(held("hostile_many_sites.so"), transactions * 750 * 16);
      assert.equal(held("leak_tsmalloc.so"), transactions * 5100);
      assert.ok(dump.notes.some((note) => /proxy\.config\.plugin\.memtrack\.sites/.test(note.get("warning") ?? "")));
    });
  });

  test("a double free that the C library notices: reported with its site, and it ends the server as without memtrack", async () => {
    const ended = async (plugins: string[]) => {
      const ats = await Ats.start({ level: 2, records: HEAP, origin: origin.url, plugins });
      try {
        assert.equal((await requests(ats.httpUrl, 5)).errors, 0);
        assert.equal((await requests(ats.httpUrl, 1, { paths: ["/double-free"] })).errors, 1);
        await ats.ended();
        return { status: ats.exitStatus, out: ats.trafficOut() };
      } finally {
        await ats.stop().catch(() => {});
      }
    };
    const plugin = corpus("hostile_double_free");
    const [without, withUs] = [await ended([plugin]), await ended([PLUGIN, plugin])];
    assert.equal(withUs.status, without.status);
    assert.match(
      withUs.out,
      /^memtrack warning="released twice: a block of 700 bytes, last tracked at memory\/plugin\/hostile_double_free\.so/m,
    );
  });
});

test("every plugin named in a dump's rows is loaded", async () => {
  await withServer({ plugins: [PLUGIN, corpus("innocent_cpp"), corpus("leak_string")] }, async (ats) => {
    await traffic(ats, 30);
    const dump = await settled(ats);
    const owners = new Set(rowsOf(dump).map(({ location }) => ownerOf(location)));
    for (const owner of owners) assert.ok(["core", "innocent_cpp.so", "leak_string.so"].includes(owner), owner);
    assert.deepEqual(new Set(dump.owners.map(({ owner }) => owner)), owners.add("core"));
  });
});
