// SPDX-License-Identifier: Apache-2.0
//
// Call stacks of sampled allocations: equal ones are one, the stack with most living allocations is the first of its row, and what is no
// longer sampled is dropped.

import {
  CALL_STACKS_MAX,
  CALLS_MAX,
  CLASS_HEAP,
  CLASS_OBJECT,
  FACT_LEVEL,
  FRAMES_MAX,
  INLINED_MAX,
  STACK_BEFORE_GONE,
  STACK_BYTES,
  STACK_CALLS,
  STACK_COUNT,
  STACK_END,
  STACK_FLAGS,
  STACK_HAS_BLOCK,
  STACK_IS_CUT,
  STACK_IS_LOST,
  STACK_RATE,
  STACK_SITE,
  STACKS_MAX,
} from "../../../assembly/abi";
import { sample } from "../../../assembly/analysis/sample";
import { sampledList } from "../../../assembly/analysis/sampled";
import { requestSearch } from "../../../assembly/analysis/watch_list";
import { input, output, STACK_LINES_MAX } from "../../../assembly/base/memory";
import { addStack, nameFrame, stackGone, unnamedFrame } from "../../../assembly/index";
import { setHeaderNumber } from "../../../assembly/model/facts";
import { applyBaseline } from "../../../assembly/model/model";
import { functionsOf, stackAt } from "../../../assembly/model/stacks";
import { addAlloc, siteAt } from "../../../assembly/shard/site";
import { collect, fresh, owner, pluginSite, put, rendered } from "../support";

const MODULE: u64 = 7 << 32;

function begin(): u32 {
  fresh(128);
  setHeaderNumber(FACT_LEVEL, 2);
  const site = pluginSite(CLASS_HEAP, "foo.so keep (foo.c:1)", owner("foo.so"));
  addAlloc(siteAt(site), 100);
  settle(1);
  requestSearch(put("foo.so"));
  return site;
}

function settle(now: u64): void {
  collect();
  applyBaseline();
  sample(now, 0);
}

/** A sample of a site with these calls, of 100 bytes. */
function add(site: u32, calls: u32[], entry: u32, rate: u32 = 0, end: u32 = 0, flags: u32 = STACK_HAS_BLOCK): i32 {
  store<u32>(input, site, STACK_SITE);
  store<u32>(input, rate, STACK_RATE);
  store<u64>(input, 100, STACK_BYTES);
  store<u32>(input, flags, STACK_FLAGS);
  store<u32>(input, end, STACK_END);
  store<u32>(input, calls.length, STACK_COUNT);
  for (let i = 0; i < calls.length; ++i) store<u64>(input + STACK_CALLS + i * 8, MODULE | calls[i]);
  return addStack(entry);
}

function name(call: u32, text: string, level: u32 = 0): void {
  nameFrame(MODULE | call, level, put("foo.so"), put("foo.so" + text) - 6);
}

/** The lines of the section below its heads. */
function lines(): string[] {
  const dump = rendered();
  const at = dump.indexOf("\nStacks:");
  if (at < 0) return [];
  const all = dump.substring(at + 1).split("\n");
  const found: string[] = [];
  for (let i = 3; all[i].length; ++i) found.push(all[i].trimEnd());
  return found;
}

/** Bytes of an entry: a site, 1 and the power of 2. */
const PAIR: usize = 2 * sizeof<u32>();

describe("the list of sampled sites", () => {
  test("has the watched sites, those of objects too, and samples about 32 allocations between two samples", () => {
    const site = begin();
    const thing = pluginSite(CLASS_OBJECT, "foo.so make (foo.c:2)", owner("foo.so"));
    addAlloc(siteAt(thing), 0);
    settle(2);
    expect(sampledList()).toBe(2);
    expect(load<u32>(output)).toBe(site);
    expect(load<u32>(output, PAIR)).toBe(thing);
    expect(load<u32>(output, sizeof<u32>())).toBe(1, "each of few");
    for (let i = 0; i < 32 * 64; ++i) addAlloc(siteAt(site), 100);
    settle(3);
    expect(sampledList()).toBe(2);
    expect(load<u32>(output, sizeof<u32>())).toBe(1 + 7);
    for (let i = 0; i < 10; ++i) addAlloc(siteAt(site), 100);
    settle(4);
    sampledList();
    expect(load<u32>(output, sizeof<u32>())).toBe(1, "of the last time, not of all");
  });
});

describe("the section of call stacks", () => {
  test("is missing while no site has a stack", () => {
    begin();
    sampledList();
    expect(lines().length).toBe(0);
  });

  test("has the stack with most living allocations first, with its calls and how it ends", () => {
    const site = begin();
    sampledList();
    expect(add(site, [0x11, 0x21], 0)).toBe(1, "without names");
    expect(unnamedFrame(7)).not.toBe(0);
    expect(unnamedFrame(8)).toBe(0);
    name(0x11, "keep (foo.c:1)");
    name(0x21, "");
    expect(unnamedFrame(7)).toBe(0);
    for (let i: u32 = 1; i < 10; ++i) expect(add(site, [0x11, 0x21], i)).toBe(0);
    for (let i: u32 = 0; i < 8; ++i) stackGone(i);
    add(site, [0x11, 0x31], 20, 2, STACK_IS_CUT);
    add(site, [0x11], 21, 0, STACK_IS_LOST);
    name(0x31, "caller (foo.c:9)");
    const all = lines();
    expect(all[0]).toBe(
      "  1 |       1 |          4 |                  400 |     100 |      57 | memory/plugin/foo.so keep (foo.c:1)                              | heap",
    );
    expect(all[1].endsWith("|       - |       - |   foo.so keep (foo.c:1)                                          | -")).toBe(
      true,
    );
    expect(all[2].includes("|   foo.so caller (foo.c:9) ")).toBe(true);
    expect(all[3].includes("|   ... more calls ")).toBe(true);
    expect(
      all[4].startsWith("  2 |      10 |         10 |                 1000 |      20 |      28 | memory/plugin/foo.so keep"),
    ).toBe(true);
    expect(all[6].includes("|   foo.so+0x20 ")).toBe(true);
    expect(all[7].startsWith("  3 |       1 |          1 |                  100 |     100 |      14 | ")).toBe(true);
    expect(all[9].includes("|   ... no unwind tables from here on ")).toBe(true);
    expect(all.length).toBe(10);
  });

  test("has a line for each function of a call, which says that it is inlined into that of the next line", () => {
    const site = begin();
    sampledList();
    add(site, [0x11, 0x12, 0x21], 0);
    name(0x11, "keep (foo.c:1)");
    name(0x11, "helper (foo.c:5)", 1);
    name(0x11, "handler (foo.c:9)", 2);
    name(0x12, "outer (foo.c:20)");
    name(0x21, "last (foo.c:30)");
    name(0x21, "start (foo.c:40)", 1);
    expect(functionsOf(stackAt(0), 0)).toBe(3);
    const all = lines();
    expect(all[1].includes("|   foo.so keep (foo.c:1) [inlined] ")).toBe(true);
    expect(all[2].includes("|   foo.so helper (foo.c:5) [inlined] ")).toBe(true);
    expect(all[3].includes("|   foo.so handler (foo.c:9)  ")).toBe(true);
    expect(all[4].includes("|   foo.so outer (foo.c:20)  ")).toBe(true);
    expect(all[5].includes("|   foo.so last (foo.c:30) [inlined] ")).toBe(true);
    expect(all[6].includes("|   foo.so start (foo.c:40)  ")).toBe(true);
    expect(all.length).toBe(7);
  });

  test("has so many lines for a stack, and then says that there are more calls", () => {
    const site = begin();
    sampledList();
    const calls: u32[] = [];
    for (let i: u32 = 0; i < CALLS_MAX; ++i) calls.push(0x11 + 16 * i);
    add(site, calls, 0, 0, STACK_IS_LOST);
    for (let i: u32 = 0; i < CALLS_MAX; ++i) {
      name(calls[i], "keep (foo.c:1)");
      for (let level: u32 = 1; level < STACK_LINES_MAX / CALLS_MAX; ++level) name(calls[i], "outer (foo.c:2)", level);
    }
    let all = lines();
    expect(all.length).toBe(1 + STACK_LINES_MAX + 1);
    expect(all[STACK_LINES_MAX + 1].includes("|   ... no unwind tables from here on ")).toBe(true);
    name(calls[0], "outermost (foo.c:3)", STACK_LINES_MAX / CALLS_MAX);
    all = lines();
    expect(all.length).toBe(1 + STACK_LINES_MAX + 1);
    expect(all[STACK_LINES_MAX].includes("|   foo.so keep (foo.c:1) [inlined] ")).toBe(true);
    expect(all[STACK_LINES_MAX + 1].includes("|   ... more calls ")).toBe(true);
  });

  test("leaves functions out, and not calls, when the table fills up", () => {
    const site = begin();
    sampledList();
    let inlined: u32 = 0;
    let refused: u32 = 0;
    for (let turn: u32 = 0; turn < ((FRAMES_MAX / 8) * 3) / CALLS_MAX; ++turn) {
      const calls: u32[] = [];
      for (let i: u32 = 0; i < CALLS_MAX; ++i) calls.push(0x1000 + 16 * (turn * CALLS_MAX + i));
      if (add(site, calls, 0) < 0) ++refused;
      for (let i: u32 = 0; i < CALLS_MAX; ++i) {
        name(calls[i], "keep (foo.c:1)");
        for (let level: u32 = 1; level < INLINED_MAX; ++level) name(calls[i], "outer (foo.c:2)", level);
      }
      for (let i: u32 = 0; i < CALLS_MAX; ++i) inlined += functionsOf(stackAt(turn), i) - 1;
    }
    expect(refused).toBe(0);
    expect(inlined).toBeGreaterThan(FRAMES_MAX / 4);
    expect(unnamedFrame(7)).toBe(0);
  });

  test("counts what an entry had before as released, or leaves it out if that is not known", () => {
    const site = begin();
    sampledList();
    add(site, [0x11], 5);
    add(site, [0x21], 5);
    expect(stackAt(0).alive + stackAt(0).gone).toBe(0);
    expect(stackAt(1).alive).toBe(1);
    add(site, [0x31], 5, 0, 0, STACK_HAS_BLOCK | STACK_BEFORE_GONE);
    expect(stackAt(1).alive).toBe(0);
    expect(stackAt(1).gone).toBe(1);
    add(site, [0x31], 6, 0, 0, 0);
    stackGone(6);
    stackGone(CALL_STACKS_MAX);
    expect(stackAt(2).samples).toBe(2);
    expect(stackAt(2).alive).toBe(1, "of the other nothing is known");
  });

  test("drops the stacks of a site that is no longer sampled", () => {
    const site = begin();
    sampledList();
    add(site, [0x11], 5);
    requestSearch(put("nothing"));
    expect(sampledList()).toBe(0);
    expect(lines().length).toBe(0);
    stackGone(5);
    expect(stackAt(0).site).toBe(0);
  });

  test("has no room: a stack with a single sample gives way, and others are refused", () => {
    const site = begin();
    sampledList();
    for (let i: u32 = 0; i < STACKS_MAX; ++i) {
      expect(add(site, [0x11, 0x1000 + (i % 64), 0x2000 + (i >> 6)], 0)).not.toBe(-1);
    }
    expect(add(site, [0x99], 0)).not.toBe(-1);
    for (let i: u32 = 0; i < STACKS_MAX; ++i) if (stackAt(i).samples == 1) stackAt(i).samples = 2;
    expect(add(site, [0x98], 0)).toBe(-1);
    expect(add(site, [0x99], 0)).not.toBe(-1, "a known one is counted");
  });

  test("keeps the names of calls when others have filled the table", () => {
    const site = begin();
    sampledList();
    add(site, [0x11], 0);
    add(site, [0x11], 1);
    name(0x11, "keep (foo.c:1)");
    name(0x11, "helper (foo.c:5)", 1);
    name(0x11, "handler (foo.c:9)", 2);
    const calls: u32[] = [];
    for (let i: u32 = 0; i < CALLS_MAX; ++i) calls.push(0);
    for (let turn: u32 = 0; turn < 2 * (FRAMES_MAX / CALLS_MAX); ++turn) {
      for (let i: u32 = 0; i < CALLS_MAX; ++i) calls[i] = 0x1000 + turn * CALLS_MAX + i;
      add(site + 1, calls, 2);
      sampledList(); // which does not have that site
    }
    expect(lines()[1].includes("|   foo.so keep (foo.c:1) [inlined] ")).toBe(true);
    expect(lines()[2].includes("|   foo.so helper (foo.c:5) [inlined] ")).toBe(true);
    expect(lines()[3].includes("|   foo.so handler (foo.c:9)  ")).toBe(true);
  });

  test("refuses what is no stack", () => {
    const site = begin();
    sampledList();
    expect(add(site, [], 0)).toBe(-1);
    store<u32>(input, CALLS_MAX + 1, STACK_COUNT);
    expect(addStack(0)).toBe(-1);
    expect(add(site, [0x11], u32.MAX_VALUE)).toBe(1);
    nameFrame(MODULE | 0x12, 0, 6, 0);
    name(0x12, " nobody (foo.c:1)", 1);
    for (let level: u32 = INLINED_MAX + 1; level > 1; --level) name(0x11, " none (foo.c:1)", level);
    expect(functionsOf(stackAt(0), 0)).toBe(1, "only in their order");
    for (let level: u32 = 1; level < INLINED_MAX + 3; ++level) name(0x11, " some (foo.c:1)", level);
    expect(functionsOf(stackAt(0), 0)).toBe(INLINED_MAX);
  });
});
