// SPDX-License-Identifier: Apache-2.0
//
// The core as hosts have it: the very Wasm that is shipped (and its debug build), embedded by host/node. Random operations over
// several shards against a plain model; the limits; and what the C host relies on without looking: no imports, no recursion.
// MEMTRACK_SEED=n repeats a random run.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { abi, Core, Host, loadCore, type Facts, type OtherRow } from "../../host/node/core.ts";
import { parseDumps, type Dump, type Row } from "../support/dump.ts";

const SEED = Number(process.env.MEMTRACK_SEED ?? Math.floor(Math.random() * 2 ** 32));

const BUILDS = ["memtrack.wasm", "memtrack.debug.wasm"].map((name) => ({
  name,
  path: fileURLToPath(new URL(`../../build/${name}`, import.meta.url)),
}));

const FACTS: Facts = { time: 1795361003n, level: 2, iobuffer: abi.HOOK_INSTALLED, openssl: abi.HOOK_INSTALLED, digest: "test" };

/** Numbers from 0 to n - 1 (mulberry32, Tommy Ettinger, public domain). */
function randomFrom(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

function only(text: Buffer): Dump {
  const dumps = parseDumps(text.toString());
  assert.equal(dumps.length, 1);
  assert.deepEqual(dumps[0]!.foreign, []);
  return dumps[0]!;
}

class Counts {
  allocs = 0;
  frees = 0;
  allocBytes = 0;
  freeBytes = 0;

  minus(other: Counts): Counts {
    return Object.assign(new Counts(), {
      allocs: this.allocs - other.allocs,
      frees: this.frees - other.frees,
      allocBytes: this.allocBytes - other.allocBytes,
      freeBytes: this.freeBytes - other.freeBytes,
    });
  }
}

/** What the core should say, in the plainest way: a Map of names per class. */
class Shadow {
  readonly rows = [new Map<string, Counts>(), new Map<string, Counts>()];
  readonly #armed = [new Map<string, Counts>(), new Map<string, Counts>()];
  readonly #prior = [new Map<string, Counts>(), new Map<string, Counts>()];
  readonly untagged = new Counts();

  count(cls: number, name: string, kind: "alloc" | "free", size: number): void {
    const rows = this.rows[cls]!;
    const row = rows.get(name) ?? new Counts();
    rows.set(name, row);
    row[`${kind}s`] += 1;
    row[`${kind}Bytes`] += size;
  }

  arm(cls: number): void {
    this.#armed[cls] = new Map([...this.rows[cls]!].map(([name, row]) => [name, row.minus(new Counts())]));
    this.#prior[cls] = new Map();
    if (cls === abi.CLASS_OPENSSL) Object.assign(this.untagged, new Counts());
  }

  /** The rows of a class as a dump of now shows them, and what it shows of older memory. */
  look(cls: number): { rows: Map<string, Counts>; prior: Counts } {
    const prior = new Counts();
    const rows = new Map<string, Counts>();
    for (const [name, total] of this.rows[cls]!) {
      const since = total.minus(this.#armed[cls]!.get(name) ?? new Counts());
      const older = this.#prior[cls]!.get(name) ?? new Counts();
      older.frees = Math.max(older.frees, since.frees - since.allocs);
      older.freeBytes = Math.max(older.freeBytes, since.freeBytes - since.allocBytes);
      this.#prior[cls]!.set(name, older);
      prior.frees += older.frees;
      prior.freeBytes += older.freeBytes;
      const shown = since.minus(older);
      if (shown.allocs || shown.frees) rows.set(name, shown);
    }
    if (cls === abi.CLASS_OPENSSL) {
      prior.frees += this.untagged.frees;
      prior.freeBytes += this.untagged.freeBytes;
    }
    return { rows, prior };
  }
}

function compare(dump: Dump, shadow: Shadow): void {
  for (const [cls, table] of [dump.iobuffer, dump.openssl].entries()) {
    const { rows, prior } = shadow.look(cls);
    const expected = [...rows].map(([location, row]) => {
      const inUse = row.allocBytes - row.freeBytes;
      const live = row.allocs - row.frees;
      return { allocs: row.allocs, frees: row.frees, inUse, average: live > 0 ? Math.trunc(inUse / live) : 0, location };
    });
    expected.sort(
      (a, b) =>
        b.inUse - a.inUse ||
        b.allocs - b.frees - (a.allocs - a.frees) ||
        b.allocs - a.allocs ||
        Buffer.compare(Buffer.from(a.location), Buffer.from(b.location)),
    );
    assert.deepEqual(table.rows, expected);
    assert.equal(
      table.total,
      expected.reduce((sum, row) => sum + row.inUse, 0),
    );
    const shown = dump.prior.find((row) => row.class === (cls ? "openssl" : "iobuffer"));
    assert.deepEqual([shown?.frees ?? 0, shown?.bytes ?? 0], [prior.frees, prior.freeBytes]);
    if (cls !== abi.CLASS_OPENSSL) continue;
    const sum = (field: "allocBytes" | "freeBytes") => [...rows.values()].reduce((total, row) => total + row[field], 0);
    const [allocated, freed] = [sum("allocBytes"), sum("freeBytes")];
    assert.deepEqual(dump.summary, { allocated, freed, current: allocated - freed });
  }
  assert.equal(dump.endRows, dump.iobuffer.rows.length + dump.openssl.rows.length);
  assert.equal(dump.header.get("lost"), "0");
}

interface Block {
  cls: number;
  name: string;
  place: bigint;
  text: string;
  site: number;
  size: number;
}

/** Random operations on a host with some shards, each dump compared with the shadow. */
function runRandomly(module: WebAssembly.Module, seed: number, how: { sites: number; places: number; operations: number }): void {
  const random = randomFrom(seed);
  const host = new Host(module, how.sites);
  const shards = Array.from({ length: 5 }, () => host.addShard());
  const shadow = new Shadow();
  const live: Block[] = [];
  const otherNames = ["memory/IOBuffer/(other)", "memory/OpenSSL/(other)"];
  let dumps = 0;
  for (let i = 0; i < how.operations; ++i) {
    const shard = shards[random(shards.length)]!;
    const what = random(1000);
    const number = random(how.places);
    // Every third name stands at two places.
    const name = number % 3 ? number : number >> 1;
    const size = random(20) ? random(1 << (1 + random(20))) : 0;
    if (what < 500) {
      const cls = random(2);
      const place = BigInt((cls ? 0x7f0000000000 : 0x550000000000) + number * 16);
      const text = cls ? `../ssl/file${name}.c` : `memory/IOBuffer/File${name % 7}.cc:${name}`;
      const line = name % 3;
      const site = cls ? host.charge(shard, cls, place, text, line, BigInt(size)) : host.event(shard, place, text, BigInt(size));
      const own = cls ? `memory/OpenSSL/ssl/file${name}.c:${line}` : text;
      const block = { cls, name: site < abi.SITE_FIRST ? otherNames[cls]! : own, place, text, site, size };
      shadow.count(cls, block.name, "alloc", size);
      // A release of 0 bytes counts as an allocation, in the built-in tracker too: there is none.
      if (cls || size) live.push(block);
    } else if (what < 970 && live.length) {
      const at = random(live.length);
      const block = live[at]!;
      live[at] = live.at(-1)!;
      live.pop();
      const { cls, place, text, site } = block;
      // Whatever shard releases it, the site is the one that allocated it.
      const charged = cls ? host.release(shard, site, BigInt(block.size)) : host.event(shard, place, text, -BigInt(block.size));
      assert.equal(charged, site);
      shadow.count(cls, block.name, "free", block.size);
    } else if (what < 985) {
      host.releaseUntagged(shard, abi.CLASS_OPENSSL, BigInt(size));
      shadow.untagged.frees += 1;
      shadow.untagged.freeBytes += size;
    } else if (what < 989) {
      host.observe();
      for (const cls of [0, 1]) shadow.look(cls);
    } else if (what < 990) {
      const cls = random(2);
      host.mark(cls);
      shadow.arm(cls);
    } else if (what < 992 && shards.length < 12) {
      shards.push(host.addShard());
    } else if (what < 994) {
      compare(only(host.dump(FACTS)), shadow);
      ++dumps;
    }
  }
  compare(only(host.dump(FACTS)), shadow);
  assert.equal(host.lost, 0n);
  assert.ok(dumps > 5);
}

for (const { name, path } of BUILDS) {
  const module = loadCore(path);

  describe(`${name}, random operations over several shards (MEMTRACK_SEED=${SEED})`, () => {
    const cases = {
      "in a table with room for all": { sites: 4096, places: 1500, operations: 12000 },
      "in a table that becomes full": { sites: 300, places: 400, operations: 12000 },
      "in a table much too small": { sites: abi.SITES_MIN, places: 4000, operations: 12000 },
    };
    for (const [title, how] of Object.entries(cases)) {
      test(`give what a Map of sites gives, ${title}`, () => runRandomly(module, SEED, how));
    }
  });

  describe(`${name}, at its limits`, () => {
    test("keeps totals exact when there are many more sites than room, and says so", () => {
      const host = new Host(module, abi.SITES_MIN);
      const shards = [host.addShard(), host.addShard()];
      let [inUse, allocs] = [0, 0];
      for (let i = 0; i < 5000; ++i) {
        const shard = shards[i % 2]!;
        const place = BigInt(0x10000 + i * 8);
        const text = `memory/IOBuffer/Many.cc:${i}`;
        host.event(shard, place, text, 1000n);
        host.event(shard, place, text, BigInt(i));
        // The other shard has not met the site, and charges the same row all the same.
        host.event(shards[(i + 1) % 2]!, place, text, -1000n);
        inUse += i;
        allocs += 2;
      }
      const dump = only(host.dump(FACTS));
      assert.equal(dump.iobuffer.total, inUse);
      assert.equal(dump.iobuffer.rows.length, abi.SITES_MIN + 1);
      const sum = (field: "allocs" | "frees") => dump.iobuffer.rows.reduce((total, row) => total + row[field], 0);
      assert.deepEqual([sum("allocs"), sum("frees")], [allocs, 5000]);
      const other = dump.iobuffer.rows.find((row) => row.location === "memory/IOBuffer/(other)");
      assert.equal(other?.allocs, 2 * (5000 - abi.SITES_MIN));
      assert.equal(dump.header.get("sites"), `${abi.SITES_MIN}/${abi.SITES_MIN}`);
      // Each shard asked once, and was sealed.
      assert.equal(dump.header.get("refused-sites"), "2");
      assert.match(dump.notes[0]?.get("warning") ?? "", /the site table is full/);
    });

    for (const sites of [abi.SITES_MIN, abi.SITES_DEFAULT, abi.SITES_MAX]) {
      test(`writes a dump of ${sites} sites with the longest names and numbers, each differing in verify mode`, () => {
        const host = new Host(module, sites);
        const shard = host.addShard();
        // Just below 2^63: 19 digits, and each column 20 wide with a sign.
        const huge = 2n ** 63n - 1n;
        const rows: OtherRow[] = [];
        for (let i = 0; i < sites; ++i) {
          const name = `memory/IOBuffer/${String(i).padStart(111, "x")}`;
          const site = host.event(shard, BigInt(0x10000 + i * 8), name, 0n);
          shard.carry(site, huge, 1n, huge, 0n);
          rows.push({ name, allocs: -huge, frees: -huge, inUse: -huge - 1n });
        }
        host.charge(shard, abi.CLASS_OPENSSL, 1n, "y".repeat(5000), 0xfffffff, 2n ** 62n); // (other)
        const reasons = { iobufferReason: "r".repeat(5000), opensslReason: "s".repeat(5000), digest: "d".repeat(5000) };
        const facts = { ...FACTS, ...reasons, iobuffer: abi.HOOK_REFUSED, openssl: abi.HOOK_REFUSED, armed: 2n ** 64n - 1n };
        const text = host.dump(facts, rows).toString();
        assert.ok(text.endsWith(`\nmemtrack end dump=1 rows=${sites + 1}\n`));
        assert.ok(text.includes(`, ${sites} of ${sites} rows differ\n`));
        const widest = `${-huge} | ${-huge} | ${-huge - 1n} | built-in   | memory/IOBuffer/${"x".repeat(100)}`;
        assert.ok(text.includes(widest));
      });
    }

    test("shows OpenSSL's longest names whole, each a row of its own", () => {
      const host = new Host(module, abi.SITES_MIN);
      const shard = host.addShard();
      for (let i = 0; i < abi.SITES_MIN; ++i) {
        host.charge(shard, abi.CLASS_OPENSSL, 4096n, `../${"d/".repeat(3000)}long_file_name.c`, 0xfffffff - i, 1n);
      }
      const { rows } = only(host.dump(FACTS)).openssl;
      assert.equal(rows.length, abi.SITES_MIN);
      for (const row of rows) assert.match(row.location, /^memory\/OpenSSL\/\.\.\..*\/long_file_name\.c:2684\d{5}$/);
    });

    test("keeps the end of a text longer than its input region", () => {
      const registry = new Core(module, abi.ROLE_REGISTRY, abi.SITES_MIN);
      const model = new Core(module, abi.ROLE_MODEL, abi.SITES_MIN);
      const shard = new Core(module, abi.ROLE_SHARD, abi.SITES_MIN);
      const detail = BigInt((abi.CLASS_OPENSSL << abi.DETAIL_CLASS_SHIFT) | 9);
      const site = registry.register(1n, detail, "x".repeat(abi.INPUT_SIZE) + "/end.c");
      assert.ok(shard.bind(site, 1n, detail));
      shard.charge(1n, detail, 5n);
      registry.copyNames(model);
      model.start();
      shard.copyPairs(abi.RECORD_ALLOCS, registry.siteCount, model);
      model.mergeAllocs(registry.siteCount);
      model.sumRows();
      model.settle();
      model.fact(abi.FACT_LEVEL, 2n);
      assert.match(model.render().toString(), /memory\/OpenSSL\/\.\.\.x+\/end\.c:9/);
    });

    test("is made in every role at every capacity, and takes no more memory than its role has", () => {
      for (const sites of [abi.SITES_MIN, 65, 1000, abi.SITES_DEFAULT, 30000, abi.SITES_MAX]) {
        const [shard, registry, model] = [abi.ROLE_SHARD, abi.ROLE_REGISTRY, abi.ROLE_MODEL].map(
          (role) => new Core(module, role, sites),
        );
        assert.ok(shard!.size < registry!.size && registry!.size < model!.size);
        assert.ok(shard!.size <= abi.SHARD_MEMORY);
      }
    });

    test("refuses roles, capacities, facts and sites that there are not", () => {
      for (const sites of [0, 7, abi.SITES_MIN - 1, abi.SITES_MAX + 1, 1e9, -1]) {
        assert.throws(() => new Core(module, abi.ROLE_SHARD, sites), RangeError);
      }
      assert.throws(() => new Core(module, abi.ROLE_MODEL + 1, abi.SITES_MIN), RangeError);
      const model = new Core(module, abi.ROLE_MODEL, abi.SITES_MIN);
      assert.throws(() => model.fact(abi.FACT_COUNT, 0n), RangeError);
      assert.throws(() => model.say(abi.TEXT_COUNT, ""), RangeError);
      assert.equal(model.release(abi.SITE_FIRST + abi.SITES_MIN, 1n), abi.SITE_UNKNOWN);
      assert.equal(model.bind(abi.SITE_FIRST - 1, 1n, 0n), false);
      assert.equal(model.verifyRow(abi.SITE_FIRST, 1n, 1n, 1n), false);
    });

    test("takes places and sizes of all 64 bits", () => {
      const host = new Host(module, abi.SITES_MIN);
      const shard = host.addShard();
      const top = 2n ** 64n - 1n;
      const site = host.event(shard, top, "memory/IOBuffer/Top.cc:1", 2n ** 40n);
      assert.equal(site, abi.SITE_FIRST);
      assert.deepEqual(host.registry.key(site), { place: top, detail: 0n });
      assert.equal(host.event(host.addShard(), top, "memory/IOBuffer/Top.cc:1", -(2n ** 39n)), site);
      assert.equal(only(host.dump(FACTS)).iobuffer.total, 2 ** 39);
    });
  });

  describe(`${name}, beside the built-in tracker`, () => {
    const A = { place: 0x1000n, name: "memory/IOBuffer/A.cc:1" };

    test("takes over what it has counted, so that older buffers are known when they are released", () => {
      const host = new Host(module, abi.SITES_MIN);
      const shard = host.addShard();
      host.carryOver(shard, [{ name: A.name, allocs: 10n, frees: 7n, inUse: 3n * 4096n }]);
      for (let i = 0; i < 3; ++i) host.event(shard, A.place, A.name, -4096n);
      const dump = only(host.dump(FACTS));
      const expected: Row = { allocs: 10, frees: 10, inUse: 0, average: 0, location: A.name };
      assert.deepEqual(dump.iobuffer.rows, [expected]);
      assert.deepEqual(dump.prior, []);
    });

    test("finds no difference where there is none, and shows the one there is", () => {
      const host = new Host(module, abi.SITES_MIN);
      const shard = host.addShard();
      host.event(shard, A.place, A.name, 100n);
      host.markVerify([{ name: A.name, allocs: 50n, frees: 20n, inUse: 7n }]);
      host.event(shard, A.place, A.name, 100n);
      const same = only(host.dump(FACTS, [{ name: A.name, allocs: 51n, frees: 20n, inUse: 107n }]));
      assert.deepEqual([same.verify?.differing, same.verify?.compared], [0, 1]);
      assert.equal(same.header.get("verify"), "on");
      const other = only(host.dump(FACTS, [{ name: A.name, allocs: 52n, frees: 20n, inUse: 107n }]));
      assert.equal(other.verify?.differing, 1);
      assert.deepEqual(
        other.verify.rows.filter((row) => row.location === A.name).map((row) => [row.accountant, row.allocs]),
        [
          ["memtrack", 51],
          ["built-in", 52],
        ],
      );
    });
  });

  describe(`${name}, as the C host relies on it`, () => {
    test("imports nothing and exports no table", () => {
      assert.deepEqual(WebAssembly.Module.imports(module), []);
      assert.deepEqual(
        WebAssembly.Module.exports(module).filter(({ kind }) => kind === "table"),
        [],
      );
    });

    test("calls nothing indirectly and has no recursion: its depth is bounded by its code", () => {
      const { calls, indirect } = callGraph(path);
      assert.ok(calls.size > 20, "the disassembly was understood");
      assert.deepEqual(indirect, []);
      assert.ok(depth(calls) < 32);
    });
  });
}

/** The functions of a module and whom each calls, from wabt's disassembly. */
function callGraph(path: string): { calls: Map<number, Set<number>>; indirect: string[] } {
  const calls = new Map<number, Set<number>>();
  const indirect: string[] = [];
  let inside = new Set<number>();
  for (const line of execFileSync("wasm-objdump", ["-d", path], { encoding: "utf8", maxBuffer: 1 << 28 }).split("\n")) {
    const head = /^[0-9a-f]+ func\[(\d+)\]/.exec(line);
    if (head) calls.set(Number(head[1]), (inside = new Set()));
    const callee = /\| +(?:return_)?call (\d+)/.exec(line);
    if (callee) inside.add(Number(callee[1]));
    if (/\| +(?:return_)?call_(?:indirect|ref)/.test(line)) indirect.push(line);
  }
  return { calls, indirect };
}

/** Of the deepest chain of calls. Throws where a chain comes back to where it was. */
function depth(calls: Map<number, Set<number>>): number {
  const known = new Map<number, number>();
  const visit = (from: number, chain: number[]): number => {
    assert.ok(!chain.includes(from), `recursion: ${[...chain, from].join(" -> ")}`);
    const callees = calls.get(from);
    assert.ok(callees, `function ${from} is not in the disassembly`);
    const deepest = known.get(from) ?? 1 + Math.max(0, ...[...callees].map((callee) => visit(callee, [...chain, from])));
    known.set(from, deepest);
    return deepest;
  };
  return Math.max(...[...calls.keys()].map((from) => visit(from, [])));
}
