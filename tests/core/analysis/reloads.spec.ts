// SPDX-License-Identifier: Apache-2.0
//
// Growth per configuration reload: histories with known answers.

import {
  CLASS_HEAP,
  CLASS_OBJECT,
  EXPLAINED_BY_RELOAD,
  FACT_LEVEL,
  KIND_CONT,
  VERDICT_FILLING,
  VERDICT_LEAK,
  VERDICT_NEW,
  VERDICT_STEADY,
} from "../../../assembly/abi";
import { judgeReloads, observationDue, observeReload, reloaded } from "../../../assembly/analysis/reloads";
import { judgeAll, sample } from "../../../assembly/analysis/sample";
import { rankSuspects } from "../../../assembly/analysis/urgency";
import { isUndecided, verdictOf } from "../../../assembly/analysis/verdict";
import { forgetAll } from "../../../assembly/index";
import { setHeaderNumber } from "../../../assembly/model/facts";
import { stateOf } from "../../../assembly/model/history";
import { applyBaseline } from "../../../assembly/model/model";
import { reloadCount } from "../../../assembly/model/reloads";
import { samples } from "../../../assembly/model/timeline";
import { addAlloc, addFree, siteAt } from "../../../assembly/shard/site";
import { collect, fresh, owner, pluginSite, Random, rendered, seed } from "../support";

let now: u64 = 0;
let interval: u64 = 10;
let row: u32 = 0;
let transactions: u64 = 0;

/** What the row does in each second. */
let everySecond: (row: u32) => void = nothing;

function nothing(_: u32): void {}

function begin(sampleInterval: u64, cls: u32 = CLASS_HEAP, kind: u32 = 0): u32 {
  fresh();
  now = 1000;
  interval = sampleInterval;
  transactions = 0;
  everySecond = nothing;
  row = pluginSite(cls, "foo.so load (foo.c:88)", owner("foo.so"), kind);
  setHeaderNumber(FACT_LEVEL, 2);
  return row;
}

/** Time passes, as the host does it: it asks every second. */
function pass(seconds: u64): void {
  for (let i: u64 = 0; i < seconds; ++i) {
    ++now;
    everySecond(row);
    transactions += 10;
    if (now % interval == 0) {
      collect();
      applyBaseline();
      sample(now, transactions);
    } else if (observationDue(now)) {
      collect();
      applyBaseline();
      observeReload(now);
    }
  }
}

/** A reload after which the row has `kept` blocks more, and some that it allocates and releases. */
function reload(kept: u32, size: u64, delay: u64 = 0, replaced: u32 = 0): void {
  reloaded(now);
  pass(delay);
  for (let i: u32 = 0; i < kept + replaced; ++i) addAlloc(siteAt(row), size);
  for (let i: u32 = 0; i < replaced; ++i) addFree(siteAt(row), size);
}

function why(): u32 {
  judgeAll();
  return stateOf(row).explanation;
}

/** The line of a dump that contains this text. */
function lineWith(text: string): string {
  collect();
  applyBaseline();
  const lines = rendered().split("\n");
  for (let i = 0; i < lines.length; ++i) if (lines[i].includes(text)) return lines[i];
  return "no such line in " + rendered();
}

function contains(text: string, part: string): void {
  expect(text.includes(part)).toBe(true, text);
}

function expectLeak(text: string): void {
  judgeAll();
  expect(verdictOf(row)).toBe(VERDICT_LEAK);
  expect(rankSuspects()).toBe(1);
  contains(lineWith(" | memory/plugin/foo.so load (foo.c:88): +"), ": +" + text + " in ");
}

function expectNoLeak(): void {
  judgeAll();
  expect(verdictOf(row) != VERDICT_LEAK).toBe(true, verdictOf(row).toString());
}

/** Up to six blocks at a time, and none in between. */
function churn(row: u32): void {
  if (now % 7) addAlloc(siteAt(row), 100);
  else for (let i = 0; i < 6; ++i) addFree(siteAt(row), 100);
}

function cache(row: u32): void {
  addAlloc(siteAt(row), 1000);
}

function slowCache(row: u32): void {
  if (now % 5 == 0) addAlloc(siteAt(row), 1000);
}

describe("a leak per reload", () => {
  test("is found at the eighth reload, and shows progress before", () => {
    begin(1);
    addAlloc(siteAt(row), 351);
    pass(30);
    for (let i: u32 = 1; i <= 7; ++i) {
      reload(1, 351);
      pass(20);
      expectNoLeak();
      if (i < 2) continue;
      expect(why()).toBe(EXPLAINED_BY_RELOAD);
      expect(verdictOf(row)).toBe(VERDICT_FILLING);
      expect(isUndecided(row)).toBe(true);
      contains(lineWith("| per reload, "), "filling  | per reload, " + i.toString() + " of 8 | ");
      contains(
        lineWith("largest undecided"),
        "per reload, " +
          i.toString() +
          " of 8; verdict after " +
          (8 - i).toString() +
          " more reload" +
          (i < 7 ? "s" : "") +
          " at the earliest",
      );
    }
    reload(1, 351);
    pass(20);
    expectLeak("351 bytes a reload, 8 reloads");
    contains(lineWith("summary: suspect: "), "foo.so load (foo.c:88): +2.7 KiB in ");
    contains(lineWith("summary: suspect: "), " (+351 bytes a reload, 8 reloads)");
    expect(reloadCount).toBe(8);
  });

  test("of eight bytes is found, with few bytes in all", () => {
    begin(10);
    pass(100);
    for (let i = 0; i < 8; ++i) {
      reload(1, 8);
      pass(60);
    }
    expectLeak("8 bytes a reload, 8 reloads");
  });

  test("is found with reloads a day apart, under traffic that comes and goes", () => {
    begin(60);
    everySecond = churn;
    for (let i = 0; i < 300; ++i) addAlloc(siteAt(row), 100);
    pass(4000);
    for (let i = 0; i < 8; ++i) {
      reload(3, 117, 5, 40);
      pass(86400);
    }
    expectLeak("351 bytes a reload, 8 reloads");
  });

  test("is found with irregular reloads, some of which are too close to each other to be observed", () => {
    begin(1);
    pass(20);
    const gaps: u64[] = [3, 0, 300, 17, 0, 0, 4, 1000, 45, 2, 15, 90];
    for (let i = 0; i < gaps.length; ++i) {
      reload(1, 351);
      pass(gaps[i]);
    }
    pass(60);
    expectLeak("351 bytes a reload, 12 reloads");
  });

  test("is found where the server loads a file anew up to eight seconds after the reload", () => {
    begin(10);
    pass(60);
    for (let i: u64 = 0; i < 8; ++i) {
      reload(2, 100, (i * 5) % 9);
      pass(40);
    }
    expectLeak("200 bytes a reload, 8 reloads");
  });

  test("is found where the old instance is deleted late", () => {
    begin(1);
    addAlloc(siteAt(row), 5000);
    pass(60);
    for (let i = 0; i < 8; ++i) {
      reload(1, 5000);
      addAlloc(siteAt(row), 64);
      pass(25);
      addFree(siteAt(row), 5000);
      pass(25);
    }
    expectLeak("64 bytes a reload, 8 reloads");
  });

  test("of some of the blocks that a reload allocates is found", () => {
    begin(5);
    for (let i = 0; i < 20; ++i) addAlloc(siteAt(row), 10);
    pass(60);
    for (let i = 0; i < 8; ++i) {
      reload(1, 10, 0, 19);
      pass(30);
    }
    expectLeak("10 bytes a reload, 8 reloads");
  });

  test("of objects is found", () => {
    begin(1, CLASS_OBJECT, KIND_CONT);
    pass(60);
    for (let i = 0; i < 8; ++i) {
      reload(1, 0);
      pass(30);
    }
    expectLeak("1 object a reload, 8 reloads");
  });

  test("stays a suspect in a pause, without further growth, and until half of it is released", () => {
    begin(10);
    pass(60);
    for (let i = 0; i < 8; ++i) {
      reload(1, 351);
      pass(30);
    }
    pass(40000);
    expectLeak("351 bytes a reload, 8 reloads");
    for (let i = 0; i < 7; ++i) {
      reload(0, 0);
      pass(30);
    }
    expectLeak("351 bytes a reload, 8 reloads");
    reload(2, 351);
    pass(30);
    expectLeak("390 bytes a reload, 9 reloads");
    for (let i = 0; i < 5; ++i) addFree(siteAt(row), 351);
    pass(30);
    judgeAll();
    expect(verdictOf(row)).toBe(VERDICT_STEADY);
  });

  test("is over when it did not grow at eight reloads", () => {
    begin(10);
    pass(900);
    for (let i = 0; i < 8; ++i) {
      reload(1, 351);
      pass(30);
    }
    for (let i = 0; i < 8; ++i) {
      expectLeak("351 bytes a reload, 8 reloads");
      reload(0, 0);
      pass(30);
    }
    expectNoLeak();
  });
});

describe("no leak per reload", () => {
  test("is what grew at seven reloads, before a pause", () => {
    begin(10);
    pass(60);
    for (let i = 0; i < 7; ++i) {
      reload(1, 351);
      pass(100);
    }
    for (let i = 0; i < 10; ++i) {
      pass(2000);
      expectNoLeak();
    }
    contains(lineWith("| per reload, "), "per reload, 7 of 8");
    reload(1, 351);
    pass(30);
    expectLeak("351 bytes a reload, 8 reloads");
  });

  test("is a plugin that keeps the last two generations", () => {
    begin(1);
    addAlloc(siteAt(row), 200000);
    pass(60);
    for (let i = 0; i < 20; ++i) {
      reload(1, 200000);
      if (i > 1) addFree(siteAt(row), 200000);
      pass(30);
      expectNoLeak();
    }
    expect(verdictOf(row)).toBe(VERDICT_STEADY);
  });

  test("is a configuration that becomes longer at each reload, by as much", () => {
    begin(1);
    let rules: u32 = 50;
    for (let i: u32 = 0; i < rules; ++i) addAlloc(siteAt(row), 64);
    pass(60);
    for (let i = 0; i < 20; ++i) {
      reload(rules + 1, 64);
      for (let j: u32 = 0; j < rules; ++j) addFree(siteAt(row), 64);
      ++rules;
      pass(30);
      expectNoLeak();
    }
  });

  test("is a configuration that becomes longer by different amounts", () => {
    begin(1);
    const random = new Random(seed());
    pass(60);
    for (let i = 0; i < 30; ++i) {
      reload(1, 100 + random.below(10000));
      pass(30);
      judgeAll();
      expect(verdictOf(row) != VERDICT_LEAK || stateOf(row).explanation != EXPLAINED_BY_RELOAD).toBe(true);
    }
  });

  test("is a cache that fills with traffic while reloads happen, often or rarely", () => {
    const gaps: u64[] = [2, 3, 5, 13, 20, 60, 200];
    for (let i = 0; i < gaps.length; ++i) {
      for (let slow = 0; slow < 2; ++slow) {
        begin(slow ? 10 : 1);
        everySecond = slow ? slowCache : cache;
        pass(60);
        for (let j = 0; j < 12; ++j) {
          reload(0, 0);
          pass(gaps[i]);
          judgeAll();
          expect(stateOf(row).explanation != EXPLAINED_BY_RELOAD).toBe(true, gaps[i].toString());
        }
        for (let j = 0; j < 30; ++j) {
          pass(1);
          judgeAll();
          expect(stateOf(row).explanation != EXPLAINED_BY_RELOAD).toBe(true, gaps[i].toString());
        }
      }
    }
  });

  test("is a leak by traffic, also of a row that grows at reloads too: the samples judge it", () => {
    begin(1);
    everySecond = cache;
    pass(100);
    for (let i = 0; i < 12; ++i) {
      reload(1, 5000);
      pass(60);
      judgeAll();
      expect(stateOf(row).explanation != EXPLAINED_BY_RELOAD).toBe(true);
    }
    pass(600);
    judgeAll();
    expect(verdictOf(row)).toBe(VERDICT_LEAK);
    expect(stateOf(row).explanation != EXPLAINED_BY_RELOAD).toBe(true);
    contains(lineWith(" | memory/plugin/foo.so load (foo.c:88): +"), "/h for ");
  });

  test("is noise", () => {
    begin(1);
    const random = new Random(seed());
    let live: i32 = 100;
    for (let i = 0; i < live; ++i) addAlloc(siteAt(row), 50);
    pass(60);
    for (let i = 0; i < 300; ++i) {
      const target = <i32>random.below(200);
      reload(0, 0);
      for (; live < target; ++live) addAlloc(siteAt(row), 50);
      for (; live > target; --live) addFree(siteAt(row), 50);
      pass(15);
      judgeAll();
      expect(verdictOf(row) != VERDICT_LEAK || stateOf(row).explanation != EXPLAINED_BY_RELOAD).toBe(true, i.toString());
    }
  });
});

describe("a reload", () => {
  test("before the first sample, without samples, or at a time that goes back, does no harm", () => {
    begin(10);
    reloaded(now);
    reloaded(0);
    expect(reloadCount).toBe(2);
    expect(observationDue(now)).toBe(0);
    pass(100);
    for (let i = 0; i < 20; ++i) {
      reloaded(now - 500);
      pass(3);
      observeReload(5);
      reloaded(u64.MAX_VALUE);
      pass(15);
    }
    expectNoLeak();
    expect(judgeReloads(row)).toBe(false);
    expect(verdictOf(row)).toBe(VERDICT_NEW);
  });

  test("is forgotten with all histories", () => {
    begin(1);
    pass(20);
    for (let i = 0; i < 8; ++i) {
      reload(1, 351);
      pass(20);
    }
    expectLeak("351 bytes a reload, 8 reloads");
    forgetAll();
    expect(reloadCount).toBe(0);
    expect(samples).toBe(0);
    pass(30);
    expectNoLeak();
    expect(stateOf(row).reloadSteps).toBe(0);
  });
});
