// SPDX-License-Identifier: Apache-2.0
//
// The Owners section: an owner is the sum of its rows, all owners are the sum of all rows, and the change is the difference from the last
// dump. Also the tables of plugins' memory.

import {
  CLASS_COUNT,
  CLASS_HEAP,
  CLASS_IOBUFFER,
  CLASS_MAPPED,
  CLASS_OBJECT,
  CLASS_OPENSSL,
  CLASS_TSAPI,
  FACT_LEVEL,
} from "../../../assembly/abi";
import {
  KIND_CONT,
  KIND_COUNT,
  KIND_OTHER,
  KIND_MBUFFER,
  NAME_HIDDEN,
  OWNER_OTHER,
  OWNERS_MAX,
  PAIR_SIZE,
  SITE_FIRST,
  SITE_OTHER,
  SITE_PRE_ARMING,
} from "../../../assembly/abi";
import { staging } from "../../../assembly/base/memory";
import { freeSite, retireOwner, siteCount } from "../../../assembly/index";
import { setHeaderNumber } from "../../../assembly/model/facts";
import { arm, disarm, markSite, mergeAllocs, mergeFrees } from "../../../assembly/model/model";
import { begin, fresh, opensslSite, owner, pluginSite, Random, rendered, seed, site, stage, sumUp, unstage } from "../support";

/** The counts of the shards: pairs of allocations and releases by site. */
let allocated = new StaticArray<u64>(0);
let released = new StaticArray<u64>(0);

function start(sites: u32 = 64, level: u32 = 2): void {
  fresh(sites);
  allocated = new StaticArray<u64>(2 * (sites + SITE_FIRST));
  released = new StaticArray<u64>(2 * (sites + SITE_FIRST));
  setHeaderNumber(FACT_LEVEL, level);
}

function alloc(site: u32, size: u64, count: u64 = 1): void {
  allocated[2 * site] += count;
  allocated[2 * site + 1] += size;
}

function free(site: u32, size: u64, count: u64 = 1): void {
  released[2 * site] += count;
  released[2 * site + 1] += size;
}

function classify(): void {
  begin();
  memory.copy(staging, changetype<usize>(released), siteCount() * PAIR_SIZE);
  mergeFrees(siteCount());
  memory.copy(staging, changetype<usize>(allocated), siteCount() * PAIR_SIZE);
  mergeAllocs(siteCount());
  sumUp();
}

function dump(): string {
  classify();
  return rendered();
}

/** The lines of the Owners section of a dump, without its heads. */
function lines(text: string): string[] {
  const from = text.indexOf("\nOwners: ");
  const section = text.slice(from + 1, text.indexOf("\n\n", from + 1));
  return section.split("\n").slice(3);
}

const TITLE: string = "Owners: bytes in use by class, objects alive by kind;";

function titleOf(text: string): string {
  const from = text.indexOf("\nOwners: ") + 1;
  return text.slice(from, text.indexOf("\n", from));
}

/** Value of an unknown number. */
const UNKNOWN: i64 = i64.MIN_VALUE;

/** Where numbers() has the bytes of objects, and of mapped memory. */
const OBJECT_BYTES: i32 = 6 + KIND_COUNT;
const MAPPED_BYTES: i32 = OBJECT_BYTES + 1;

/**
 * The numbers in an owner's line: bytes of IOBuffers, OpenSSL, TSmalloc and the heap, the total, its change, objects by kind, their bytes,
 * bytes of mapped memory.
 */
function numbers(line: string): i64[] {
  const fields = line.split(" | ");
  const order = [4, 5, 6, 7, 0, 1];
  for (let kind: u32 = 0; kind < KIND_COUNT; ++kind) order.push(11 + kind);
  order.push(10);
  order.push(8);
  const found: i64[] = [];
  for (let i = 0; i < order.length; ++i) {
    const field = fields[order[i]];
    found.push(field.endsWith(" -") ? UNKNOWN : I64.parseInt(field.trim()));
  }
  return found;
}

/** Such numbers without objects and mapped memory. */
function withoutObjects(bytes: i64[]): i64[] {
  while (bytes.length <= MAPPED_BYTES) bytes.push(0);
  return bytes;
}

function ownerOf(line: string): string {
  return line.split(" | ")[2].trim();
}

function stateOf(line: string): string {
  return line.split(" | ")[3].trim();
}

/** The line of an owner in a dump; empty if there is none. */
function lineOf(text: string, owner: string): string {
  const all = lines(text);
  for (let i = 0; i < all.length; ++i) if (ownerOf(all[i]) == owner) return all[i];
  return "";
}

function numbersOf(text: string, owner: string): i64[] {
  return numbers(lineOf(text, owner));
}

describe("the Owners section", () => {
  test("has a column for each class and each kind, and the owners add up to all rows", () => {
    start();
    const foo = owner("foo.so");
    alloc(site("memory/IOBuffer/A.cc:1"), 4096);
    alloc(opensslSite("a.c", 1, 0x9000), 300);
    alloc(pluginSite(CLASS_TSAPI, "foo.so+0x1", foo), 50, 2);
    alloc(pluginSite(CLASS_TSAPI, "foo.so+0x2", foo), 5);
    alloc(pluginSite(CLASS_HEAP, "foo.so+0x1", foo), 7);
    alloc(pluginSite(CLASS_MAPPED, "foo.so+0x1", foo), 8);
    for (let kind: u32 = 0; kind < KIND_COUNT; ++kind) alloc(pluginSite(CLASS_OBJECT, "foo.so+0x1", foo, kind), 100, 10 + kind);
    const text = dump();
    const objects: i64[] = [];
    for (let kind: u32 = 0; kind < KIND_COUNT; ++kind) objects.push(10 + kind);
    const bytes: i64[] = [100 * objects.length, 8];
    const foo70: i64 = 70 + bytes[0];
    expect(numbersOf(text, "core")).toStrictEqual(withoutObjects([4096, 300, 0, 0, 4396, 4396]));
    expect(numbersOf(text, "foo.so")).toStrictEqual([<i64>0, 0, 55, 7, foo70, foo70].concat(objects).concat(bytes));
    expect(numbersOf(text, "TOTAL")).toStrictEqual(
      [<i64>4096, 300, 55, 7, foo70 + 4396, foo70 + 4396].concat(objects).concat(bytes),
    );
    expect(stateOf(lineOf(text, "foo.so"))).toBe("loaded");
    expect(lines(text).length).toBe(3);
  });

  test("is ordered by total, then by objects, largest first, with TOTAL at the end", () => {
    start();
    const a = owner("a.so");
    const b = owner("b.so");
    const c = owner("c.so");
    const d = owner("d.so");
    alloc(pluginSite(CLASS_TSAPI, "x", a), 10);
    alloc(pluginSite(CLASS_OBJECT, "x", b), 0, 3);
    alloc(pluginSite(CLASS_OBJECT, "x", c), 0, 4);
    alloc(pluginSite(CLASS_HEAP, "x", d), 11);
    const all = lines(dump());
    const names: string[] = [];
    for (let i = 0; i < all.length; ++i) names.push(ownerOf(all[i]));
    expect(names).toStrictEqual(["d.so", "a.so", "c.so", "b.so", "core", "TOTAL"]);
  });

  test("shows the increase or decrease of each total since the last dump", () => {
    start();
    const foo = owner("foo.so");
    const block = pluginSite(CLASS_TSAPI, "foo.so+0x1", foo);
    const buffer = site("memory/IOBuffer/A.cc:1");
    alloc(block, 100);
    alloc(buffer, 1000);
    dump();
    free(buffer, 400);
    alloc(block, 30);
    const second = dump();
    expect([numbersOf(second, "core")[5], numbersOf(second, "foo.so")[5], numbersOf(second, "TOTAL")[5]]).toStrictEqual([
      -400, 30, -370,
    ]);
    const third = dump();
    expect([numbersOf(third, "core")[5], numbersOf(third, "foo.so")[5], numbersOf(third, "TOTAL")[5]]).toStrictEqual([0, 0, 0]);
  });

  test("does not count a sum without a dump as a dump", () => {
    start();
    const buffer = site("memory/IOBuffer/A.cc:1");
    alloc(buffer, 1000);
    dump();
    alloc(buffer, 10);
    classify();
    alloc(buffer, 1);
    expect(numbersOf(dump(), "TOTAL")[5]).toBe(11);
  });

  test("starts a slot's next owner at 0, while TOTAL still includes the decrease by the last owner", () => {
    start();
    const foo = owner("foo.so");
    const old = pluginSite(CLASS_TSAPI, "foo.so+0x1", foo);
    alloc(old, 500);
    alloc(site("memory/IOBuffer/A.cc:1"), 1000);
    dump();
    free(old, 500);
    retireOwner(foo);
    expect(freeSite(old)).toBe(0);
    classify();
    markSite(old); // as reclaim() does
    const bar = owner("bar.so");
    expect(bar & (OWNERS_MAX - 1)).toBe(foo & (OWNERS_MAX - 1));
    alloc(pluginSite(CLASS_HEAP, "bar.so+0x1", bar), 40);
    const text = dump();
    expect(numbersOf(text, "bar.so")[5]).toBe(40, "not 40 - 500");
    expect(lineOf(text, "foo.so")).toBe("");
    expect(numbersOf(text, "TOTAL")[5]).toBe(-460);
    expect(numbersOf(dump(), "TOTAL")[5]).toBe(0);
  });

  test("shows a retired owner while it keeps a site, and a loaded owner that holds nothing", () => {
    start();
    const foo = owner("foo.so");
    owner("idle.so");
    const block = pluginSite(CLASS_TSAPI, "foo.so+0x1", foo);
    alloc(block, 500);
    retireOwner(foo);
    const text = dump();
    expect(stateOf(lineOf(text, "foo.so"))).toBe("retired");
    expect(numbersOf(text, "idle.so")).toStrictEqual(withoutObjects([0, 0, 0, 0, 0, 0]));
    free(block, 500);
    expect(numbersOf(dump(), "foo.so")[5]).toBe(-500);
    freeSite(block);
    expect(lineOf(dump(), "foo.so")).toBe("");
  });

  test("shows (other plugins) if they hold memory, or did in the last dump", () => {
    start();
    expect(lineOf(dump(), "(other plugins)")).toBe("");
    const late = pluginSite(CLASS_TSAPI, "late.so+0x1", OWNER_OTHER);
    expect(lineOf(dump(), "(other plugins)")).toBe("");
    alloc(late, 70);
    expect(numbersOf(dump(), "(other plugins)").slice(2, 6)).toStrictEqual([70, 0, 70, 70]);
    free(late, 70);
    const text = dump();
    expect(numbersOf(text, "(other plugins)")[5]).toBe(-70);
    expect(numbersOf(text, "TOTAL")[5]).toBe(-70);
    expect(lineOf(dump(), "(other plugins)")).toBe("");
  });

  test("omits a class that is not tracked, and states that counting began anew in place of a false decrease", () => {
    start();
    alloc(opensslSite("a.c", 1, 0x9000), 300);
    alloc(site("memory/IOBuffer/A.cc:1"), 1000);
    const first = dump();
    expect(numbersOf(first, "core").slice(0, 6)).toStrictEqual([1000, 300, 0, 0, 1300, 1300]);
    expect(titleOf(first)).toBe(TITLE + " change since tracking began");
    disarm(CLASS_OPENSSL);
    const anew = dump();
    expect(numbersOf(anew, "core").slice(0, 6)).toStrictEqual([1000, 0, 0, 0, 1000, UNKNOWN]);
    expect(numbersOf(anew, "TOTAL")[5]).toBe(UNKNOWN);
    expect(titleOf(anew)).toBe(TITLE + " counting began anew since the previous dump, so Change is not known");
    disarm(CLASS_OPENSSL); // it is off already
    const third = dump();
    expect(numbersOf(third, "core").slice(0, 6)).toStrictEqual([1000, 0, 0, 0, 1000, 0]);
    expect(titleOf(third)).toBe(TITLE + " change since the previous dump");
    arm(CLASS_OPENSSL);
    alloc(opensslSite("a.c", 1, 0x9000), 20);
    expect(numbersOf(dump(), "core").slice(0, 6)).toStrictEqual([1000, 20, 0, 0, 1020, UNKNOWN]);
    setHeaderNumber(FACT_LEVEL, 0);
    expect(dump().includes("Owners")).toBe(false);
  });

  test("counts (other) of each class for the server, and a wrapper's site for nobody", () => {
    start();
    const foo = owner("foo.so");
    for (let cls: u32 = 0; cls < CLASS_COUNT; ++cls) alloc(SITE_OTHER + cls, cls == CLASS_OBJECT ? 0 : 10 + cls);
    alloc(pluginSite(CLASS_HEAP, "foo.so xmalloc", foo, 0, NAME_HIDDEN), 1000);
    const text = dump();
    const core = withoutObjects([10, 11, 12, 13, 75, 75]);
    core[6 + KIND_OTHER] = 1;
    core[MAPPED_BYTES] = 14;
    expect(numbersOf(text, "core")).toStrictEqual(core);
    expect(lineOf(text, "core").split(" | ")[9].trimStart()).toBe("15", "freelists");
    expect(numbersOf(text, "foo.so")[4]).toBe(0);
  });

  test("has sums of 64 bits, also negative ones", () => {
    start();
    const foo = owner("foo.so");
    alloc(pluginSite(CLASS_TSAPI, "foo.so+0x1", foo), 1 << 62);
    alloc(site("memory/IOBuffer/A.cc:1"), (1 << 62) - 1);
    const text = dump();
    expect(numbersOf(text, "TOTAL")[4]).toBe(i64.MAX_VALUE);
    expect(lineOf(text, "TOTAL").split(" | ").length).toBe(11 + KIND_COUNT);
    expect(lines(text).length).toBe(3);
  });

  test("is correct for random owners, rows, releases and reloads, dump by dump", () => {
    const random = new Random(seed());
    start(500);
    const keys: u32[] = [];
    const kept: u32[] = []; // sites
    const classes: u32[] = [];
    const texts: string[] = ["core"];
    const owners: i32[] = []; // index into texts, by site
    const totals = new Map<string, i64>(); // of the last dump
    const ofPlugins: u32[] = [CLASS_TSAPI, CLASS_HEAP, CLASS_MAPPED, CLASS_OBJECT];
    for (let i = 0; i < 20; ++i) {
      keys.push(owner("p" + i.toString() + ".so"));
      texts.push("p" + i.toString() + ".so");
    }
    for (let i = 0; i < 400; ++i) {
      const which = random.below(21);
      const cls = which ? ofPlugins[random.below(ofPlugins.length)] : random.below(2);
      if (cls == CLASS_IOBUFFER) kept.push(site("memory/IOBuffer/R.cc:" + (i / 2).toString()));
      else if (cls == CLASS_OPENSSL) kept.push(opensslSite("r.c", i, 0x9000));
      else kept.push(pluginSite(cls, "r+" + (i / 3).toString(), keys[which - 1], random.below(KIND_COUNT)));
      classes.push(cls);
      owners.push(which);
    }
    let wrong = 0;
    for (let turn = 0; turn < 20; ++turn) {
      for (let i = 0; i < 400; ++i) {
        const size = <u64>random.below(10000);
        alloc(kept[i], size);
        if (random.below(3)) free(kept[i], size);
      }
      const text = dump();
      const sum = withoutObjects([0, 0, 0, 0, 0, 0]);
      for (let which = 0; which < texts.length; ++which) {
        const shown = numbersOf(text, texts[which]);
        const expected: i64[] = [0, 0, 0, 0, 0, 0];
        let objects: i64 = 0;
        let bytes: i64 = 0;
        let mapped: i64 = 0;
        for (let i = 0; i < 400; ++i) {
          if (owners[i] != which) continue;
          const held = <i64>(allocated[2 * kept[i] + 1] - released[2 * kept[i] + 1]);
          if (classes[i] == CLASS_OBJECT) objects += <i64>(allocated[2 * kept[i]] - released[2 * kept[i]]);
          if (classes[i] == CLASS_OBJECT) bytes += held;
          else if (classes[i] == CLASS_MAPPED) mapped += held;
          else expected[classes[i]] += held;
          expected[4] += held;
        }
        expected[5] = expected[4] - (totals.has(texts[which]) ? totals.get(texts[which]) : 0);
        totals.set(texts[which], expected[4]);
        for (let column = 0; column < 6; ++column) if (shown[column] != expected[column]) ++wrong;
        for (let column = 6; column < OBJECT_BYTES; ++column) objects -= shown[column];
        if (objects || shown[OBJECT_BYTES] != bytes || shown[MAPPED_BYTES] != mapped) ++wrong;
        for (let column = 0; column < sum.length; ++column) sum[column] += shown[column];
      }
      const total = numbersOf(text, "TOTAL");
      for (let column = 0; column < sum.length; ++column) if (total[column] != sum[column]) ++wrong;
    }
    expect(wrong).toBe(0, "MEMTRACK_SEED=" + seed().toString());
  });
});

const HEAD =
  "Allocs     | Frees      | Size In-use          | Avg Size   | Location                                          \n" +
  "-----------|------------|----------------------|------------|--------------------------------------------------------------------\n";

describe("the tables of plugins", () => {
  test("have titles and the built-in tracker's format; objects have their own format", () => {
    start(64, 1);
    const foo = owner("foo.so");
    const handler = pluginSite(CLASS_TSAPI, "foo.so handler (foo.c:88)", foo);
    alloc(handler, 300, 3);
    free(handler, 100);
    alloc(pluginSite(CLASS_HEAP, "foo.so+0x1a2b", foo), 64);
    const cont = pluginSite(CLASS_OBJECT, "foo.so TSPluginInit (foo.c:12)", foo, KIND_CONT);
    alloc(cont, 1920, 12);
    free(cont, 320, 2);
    alloc(pluginSite(CLASS_OBJECT, "foo.so+0x10", foo, KIND_MBUFFER), 0, 1);
    const text = dump();
    const total = " ".repeat(26);
    expect(
      text.includes(
        "\nTSmalloc memory of plugins\n" +
          HEAD +
          "         3 |          1 |                  200 |        100 | memory/plugin/foo.so handler (foo.c:88)           \n" +
          total +
          "                 200 |            | TOTAL                                             \n" +
          "-".repeat(130) +
          "\n\nHeap memory of plugins\n" +
          HEAD +
          "         1 |          0 |                   64 |         64 | memory/plugin/foo.so+0x1a2b                       \n" +
          total +
          "                  64 |            | TOTAL                                             \n" +
          "-".repeat(130) +
          "\n\nObjects of plugins\n" +
          "Created    | Destroyed  | Alive      | Size In-use          | Kind             | Location\n" +
          "-----------|------------|------------|----------------------|------------------|------------------------------\n" +
          "        12 |          2 |         10 |                 1600 | TSCont           | memory/plugin/foo.so TSPluginInit (foo.c:12)      \n" +
          "         1 |          0 |          1 |                    0 | TSMBuffer        | memory/plugin/foo.so+0x10                         \n" +
          "\nOwners: ",
      ),
    ).toBe(true, text);
    expect(text.endsWith("\nmemtrack end dump=0 rows=4\n")).toBe(true);
  });

  test("are missing if no plugin holds or held anything", () => {
    start();
    pluginSite(CLASS_TSAPI, "foo.so+0x1", owner("foo.so"));
    const text = dump();
    expect(text.includes("TSmalloc memory of plugins")).toBe(false);
    expect(text.includes("Heap memory of plugins")).toBe(false);
    expect(text.includes("Objects of plugins")).toBe(false);
  });

  test("order objects by live count, then by created count, and name each kind", () => {
    start();
    const foo = owner("foo.so");
    for (let kind: u32 = 0; kind < KIND_COUNT; ++kind) {
      const made = pluginSite(CLASS_OBJECT, "foo.so+0x1", foo, kind);
      alloc(made, 0, 20);
      free(made, 0, 20 - ((kind * 5) % 17));
    }
    const text = dump();
    const from = text.indexOf("\nObjects of plugins");
    const rows = text
      .slice(from + 1, text.indexOf("\n\n", from + 1))
      .split("\n")
      .slice(3);
    const kinds: string[] = [];
    for (let i = 0; i < rows.length; ++i) kinds.push(rows[i].split(" | ")[4].trim());
    const first = ["FILE", "TSIOBufferReader", "regex_t", "TSVConn", "held session", "TSFile", "TSIOBuffer", "addrinfo", "TSMLoc"];
    const last = ["held transaction", "TSThread", "TSMutex", "DIR", "TSMBuffer", "other", "TSFetchSM", "TSCont"];
    expect(kinds).toStrictEqual(first.concat(last));
  });

  test("contain no older memory: releases without a known allocation are reported by class", () => {
    start(64, 1);
    const foo = owner("foo.so");
    const block = pluginSite(CLASS_TSAPI, "foo.so+0x1", foo);
    begin();
    stage(block, 2, 20);
    stage(SITE_PRE_ARMING + CLASS_HEAP, 1, 5);
    mergeFrees(siteCount());
    unstage();
    mergeAllocs(siteCount());
    sumUp();
    const text = rendered();
    expect(
      text.includes(
        "         2 |                   20 | tsapi    | -         \n         1 |                    5 | heap     | -         \n",
      ),
    ).toBe(true, text);
  });
});
