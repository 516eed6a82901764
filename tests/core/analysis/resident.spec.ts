// SPDX-License-Identifier: Apache-2.0
//
// The parts of resident memory add up, none is negative, and their changes since a baseline; how much of a change the rows explain; the
// remainder as a series with a verdict, whatever resident memory does.

import {
  BASELINE_BY_USER,
  CLASS_HEAP,
  CLASS_IOBUFFER,
  CLASS_OPENSSL,
  FACT_HEAP,
  FACT_LEVEL,
  HOOK_INSTALLED,
  LINE_WARNING,
  MEASURE_ALLOCATED,
  MEASURE_BLOCK_HEADER,
  MEASURE_EARLIER,
  MEASURE_FREELISTS,
  MEASURE_INTERVAL,
  MEASURE_NOW,
  MEASURE_RAM_CACHE,
  MEASURE_RSS,
  MEASURE_RSS_FILES,
  MEASURE_SLACK,
  OWNER_CORE,
  VERDICT_LEAK,
} from "../../../assembly/abi";
import { ARMING, changeSince, markBaseline } from "../../../assembly/analysis/baseline";
import {
  coverage,
  measureParts,
  PART_CLASSES,
  PART_FILES,
  PART_FREELISTS,
  PART_NOT_RESIDENT,
  PART_OLDER,
  PART_OVERHEAD,
  PART_RAM_CACHE,
  PART_REMAINDER,
  PART_RESIDENT,
  PART_ROWS,
  PART_SERVER_HEAP,
  PART_SLACK,
  PART_UNACCOUNTED,
  partChange,
  partNow,
  remainderBytes,
  trackServerHeap,
  UNKNOWN,
} from "../../../assembly/analysis/resident";
import { sample } from "../../../assembly/analysis/sample";
import { averageSize, isActive, remainder } from "../../../assembly/analysis/series";
import { ranked, rankedCount } from "../../../assembly/analysis/ranking";
import { rankSuspects } from "../../../assembly/analysis/urgency";
import { isRemainderSuspect, verdictOf } from "../../../assembly/analysis/verdict";
import { answerSeverity } from "../../../assembly/base/answer";
import { output } from "../../../assembly/base/memory";
import { forgetAll } from "../../../assembly/index";
import { clearMeasures, setMeasure } from "../../../assembly/model/environment";
import { setHeaderNumber } from "../../../assembly/model/facts";
import { arm, disarm } from "../../../assembly/model/model";
import { nextWarning } from "../../../assembly/report/warning";
import { fresh, opensslSite, owner, pluginSite, put, Random, rendered, seed, settleOne, site, textFrom } from "../support";

const MIB: u64 = 1 << 20;

/** The terms besides the classes. */
const TERMS: StaticArray<u32> = [
  PART_SERVER_HEAP,
  PART_OVERHEAD,
  PART_RAM_CACHE,
  PART_FREELISTS,
  PART_SLACK,
  PART_FILES,
  PART_OLDER,
  PART_UNACCOUNTED,
];

function mark(name: string, now: u64): u32 {
  markBaseline(put(name), now, 0, BASELINE_BY_USER);
  return 0; // the first one
}

/** The sum of all terms, or an error if one is negative. */
function sum(): i64 {
  let all: i64 = 0;
  for (let cls: u32 = 0; cls <= CLASS_HEAP; ++cls) all += positive(PART_CLASSES + cls);
  for (let i = 0; i < TERMS.length; ++i) all += positive(TERMS[i]);
  return all - positive(PART_NOT_RESIDENT);
}

function positive(which: u32): i64 {
  const value = partNow(which);
  if (value == UNKNOWN) return 0;
  expect(value).toBeGreaterThanOrEqual(0);
  return value;
}

/** A sample at which resident memory is this, and one row has these bytes of buffers. */
function sampleAt(now: u64, resident: u64, row: u32, bytes: u64): void {
  settleOne(row, bytes / 1024, bytes, 0, 0);
  clearMeasures();
  setMeasure(MEASURE_NOW, now);
  setMeasure(MEASURE_INTERVAL, 10);
  setMeasure(MEASURE_RSS, resident);
  sample(now, now * 100);
}

/** Samples at which resident memory grows by so much each. Returns the sample after which the remainder is a suspect, or 0. */
function grow(samples: u32, from: u64, by: (sample: u32) => u64): u32 {
  const row = site("memory/IOBuffer/HttpSM.cc:6586");
  let resident = from;
  let found: u32 = 0;
  for (let i: u32 = 0; i < samples; ++i) {
    resident += by(i);
    sampleAt(500 + i * 10, resident, row, MIB);
    if (!found && isRemainderSuspect()) found = i;
  }
  return found;
}

// Of the histories below: functions have no variables of an outer function here.
const random = new Random(seed());
let half: u64 = 0;
let rest: u64 = 0;
let noise: u64 = 0;

/** The change of what the allocator holds: up to 2 MiB, at random. */
function noisy(): u64 {
  const last = noise;
  noise = (<u64>random.below(3)) << 20;
  return noise - last;
}

/** The line of a dump that begins with this text, without it. */
function lineAfter(text: string, begin: string): string {
  const at = text.indexOf(begin);
  return at < 0 ? "" : text.slice(at + begin.length, text.indexOf("\n", at + begin.length));
}

describe("the parts of resident memory", () => {
  test("add up, and none is negative, whatever is measured", () => {
    fresh();
    const random = new Random(seed());
    const row = site("memory/IOBuffer/HttpSM.cc:6586");
    for (let i = 0; i < 2000; ++i) {
      settleOne(row, 1000, random.below(1 << 30), random.below(1000), random.below(1 << 29));
      clearMeasures();
      setMeasure(MEASURE_RSS, random.below(1 << 30));
      if (random.below(2)) setMeasure(MEASURE_RAM_CACHE, random.below(1 << 29));
      if (random.below(2)) setMeasure(MEASURE_FREELISTS, random.below(1 << 27));
      if (random.below(2)) setMeasure(MEASURE_SLACK, random.below(1 << 27));
      if (random.below(2)) setMeasure(MEASURE_RSS_FILES, random.below(1 << 26));
      measureParts();
      expect(sum()).toBe(partNow(PART_RESIDENT));
      expect(partNow(PART_UNACCOUNTED) == 0 || partNow(PART_NOT_RESIDENT) == 0).toBe(true);
    }
  });

  test("add up while the server's own heap is tracked, whatever is measured", () => {
    fresh();
    const random = new Random(seed());
    const server = pluginSite(CLASS_HEAP, "traffic_server f", OWNER_CORE);
    const plugin = pluginSite(CLASS_HEAP, "foo.so f", owner("foo.so"));
    trackServerHeap(true);
    for (let i = 0; i < 2000; ++i) {
      settleOne(random.below(2) ? server : plugin, 1000, random.below(1 << 30), random.below(1000), random.below(1 << 29));
      clearMeasures();
      setMeasure(MEASURE_RSS, random.below(1 << 30));
      if (random.below(2)) setMeasure(MEASURE_ALLOCATED, random.below(1 << 30));
      if (random.below(2)) setMeasure(MEASURE_FREELISTS, random.below(1 << 27));
      if (random.below(2)) setMeasure(MEASURE_SLACK, random.below(1 << 27));
      if (!random.below(8)) trackServerHeap(random.below(2) != 0);
      measureParts();
      expect(sum()).toBe(partNow(PART_RESIDENT));
      expect(partNow(PART_UNACCOUNTED) == 0 || partNow(PART_NOT_RESIDENT) == 0).toBe(true);
    }
    trackServerHeap(false);
  });

  test("have the server's own heap, and what was allocated before it was tracked: at most so much, and what no row has", () => {
    fresh();
    setHeaderNumber(FACT_LEVEL, 1);
    setHeaderNumber(FACT_HEAP, HOOK_INSTALLED);
    const server = pluginSite(CLASS_HEAP, "traffic_server f", OWNER_CORE);
    const plugin = pluginSite(CLASS_HEAP, "foo.so f", owner("foo.so"));
    settleOne(plugin, 1000, 3 * MIB - 8000, 0, 0);
    setMeasure(MEASURE_RSS, 100 * MIB);
    setMeasure(MEASURE_ALLOCATED, 13 * MIB);
    measureParts();
    expect(partNow(PART_OLDER)).toBe(UNKNOWN);
    expect(partNow(PART_SERVER_HEAP)).toBe(UNKNOWN);
    trackServerHeap(true);
    measureParts();
    expect(partNow(PART_OLDER)).toBe(10 * MIB);
    // New blocks of the server are in rows. Half of the older ones are released.
    settleOne(server, 1000, 4 * MIB - 8000, 0, 0);
    setMeasure(MEASURE_ALLOCATED, 4 * MIB + 5 * MIB);
    measureParts();
    expect(partNow(PART_OLDER)).toBe(5 * MIB);
    expect(partNow(PART_SERVER_HEAP)).toBe(4 * MIB - 8000);
    expect(partNow(PART_CLASSES + CLASS_HEAP)).toBe(0);
    // What is unseen and new is not older.
    setMeasure(MEASURE_ALLOCATED, 4 * MIB + 50 * MIB);
    measureParts();
    expect(partNow(PART_OLDER)).toBe(10 * MIB);
    // Not asked at samples, and a part of the remainder then and at dumps.
    const remainder = partNow(PART_REMAINDER);
    clearMeasures();
    setMeasure(MEASURE_RSS, 100 * MIB);
    measureParts();
    expect(partNow(PART_OLDER)).toBe(UNKNOWN);
    expect(partNow(PART_REMAINDER)).toBe(remainder);
    trackServerHeap(false);
    setMeasure(MEASURE_ALLOCATED, 9 * MIB);
    measureParts();
    expect(partNow(PART_OLDER)).toBe(UNKNOWN);
    expect(partNow(PART_SERVER_HEAP)).toBe(4 * MIB - 8000);
    expect(rendered().includes("allocated before tracking")).toBe(false);
  });

  test("are not known without resident memory, and the dump says so", () => {
    fresh();
    setHeaderNumber(FACT_LEVEL, 1);
    const row = site("memory/IOBuffer/HttpSM.cc:6586");
    settleOne(row, 1, 1000, 0, 0);
    sample(500, 0);
    const text = rendered();
    expect(partNow(PART_UNACCOUNTED)).toBe(UNKNOWN);
    expect(isActive(remainder())).toBe(false);
    expect(text.includes("no suspect so far; change of resident memory not known, coverage -; ")).toBe(true, text);
    expect(text.includes(" |       - |              - | not accounted: not known\n")).toBe(true, text);
  });

  test("have their change since the dump's baseline, if they were known then", () => {
    fresh();
    setHeaderNumber(FACT_LEVEL, 1);
    const row = site("memory/IOBuffer/HttpSM.cc:6586");
    sampleAt(500, 100 * MIB, row, 10 * MIB);
    setMeasure(MEASURE_SLACK, 5 * MIB);
    mark("before", 500);
    sampleAt(600, 160 * MIB, row, 40 * MIB);
    setMeasure(MEASURE_SLACK, 15 * MIB);
    setMeasure(MEASURE_FREELISTS, MIB);
    const text = rendered();
    expect(partChange(PART_RESIDENT, 0)).toBe(60 * MIB);
    expect(partChange(PART_CLASSES + CLASS_IOBUFFER, 0)).toBe(30 * MIB);
    expect(partChange(PART_SLACK, 0)).toBe(10 * MIB);
    expect(partChange(PART_FREELISTS, 0)).toBe(UNKNOWN);
    expect(partChange(PART_UNACCOUNTED, 0)).toBe(19 * MIB);
    // At samples the allocator and the freelists are not asked, so they are in the remainder at a dump too.
    expect(partChange(PART_REMAINDER, 0)).toBe(30 * MIB);
    expect(changeSince(remainder(), 0)).toBe(30 * MIB);
    expect(text.includes("|       19922944 | not accounted\n")).toBe(true, text);
    expect(text.includes(" |       1 |              - | idle in the server's freelists\n")).toBe(true, text);
  });

  test("of classes that are armed anew have no change since earlier baselines", () => {
    fresh();
    const row = site("memory/IOBuffer/HttpSM.cc:6586");
    sampleAt(500, 100 * MIB, row, 10 * MIB);
    mark("before", 500);
    arm(CLASS_OPENSSL);
    sampleAt(510, 110 * MIB, row, 10 * MIB);
    expect(partChange(PART_RESIDENT, 0)).toBe(UNKNOWN);
    expect(changeSince(remainder(), 0)).toBe(0);
    expect(coverage(0)).toBe(UNKNOWN);
    expect(partChange(PART_RESIDENT, ARMING)).toBe(0);
  });

  test("include what is around blocks: exactly if they have one size, and none around IOBuffers", () => {
    fresh();
    const sizes: u64[] = [1, 8, 16, 17, 81, 1000];
    const chunks: u64[] = [32, 32, 32, 48, 112, 1024]; // of malloc(size + 8) by glibc
    const row = pluginSite(CLASS_HEAP, "foo.so f", owner("foo.so"));
    const buffers = site("memory/IOBuffer/HttpSM.cc:6586");
    for (let i = 0; i < sizes.length; ++i) {
      settleOne(row, 100, 100 * sizes[i], 0, 0);
      setMeasure(MEASURE_BLOCK_HEADER, 8);
      measureParts();
      expect(partNow(PART_OVERHEAD)).toBe(100 * (chunks[i] - sizes[i]), `size ${sizes[i]}`);
      clearMeasures();
      measureParts();
      expect(partNow(PART_OVERHEAD)).toBe(800);
    }
    setMeasure(MEASURE_BLOCK_HEADER, 8);
    settleOne(row, 2, 51, 0, 0); // of 20 and 31 bytes, for example
    measureParts();
    expect(partNow(PART_OVERHEAD)).toBe(2 * (16 + 8));
    settleOne(buffers, 100, 409600, 0, 0);
    measureParts();
    expect(partNow(PART_OVERHEAD)).toBe(0);
  });

  test("print the heap that was tracked, although its hooks are off", () => {
    fresh();
    setHeaderNumber(FACT_LEVEL, 1);
    setHeaderNumber(FACT_HEAP, 0);
    const row = pluginSite(CLASS_HEAP, "foo.so f", owner("foo.so"));
    settleOne(row, 1, MIB, 0, 0);
    setMeasure(MEASURE_RSS, 10 * MIB);
    sample(500, 0);
    expect(rendered().includes(" | plugins' heap alive\n")).toBe(true);
    settleOne(row, 1, MIB, 1, MIB);
    expect(rendered().includes(" | plugins' heap alive: not known\n")).toBe(true);
    disarm(CLASS_HEAP);
  });
});

describe("coverage", () => {
  test("is the rows' share of the growth of resident memory, from 16 MiB on", () => {
    fresh();
    const row = site("memory/IOBuffer/HttpSM.cc:6586");
    sampleAt(500, 100 * MIB, row, 10 * MIB);
    mark("before", 500);
    sampleAt(510, 116 * MIB - 1, row, 20 * MIB);
    expect(coverage(0)).toBe(UNKNOWN);
    sampleAt(520, 116 * MIB, row, 14 * MIB);
    expect(coverage(0)).toBe(25);
    sampleAt(530, 116 * MIB, row, 90 * MIB); // tracked, but not resident
    expect(coverage(0)).toBe(100);
    sampleAt(540, 116 * MIB, row, 2 * MIB);
    expect(coverage(0)).toBe(0);
    sampleAt(550, 50 * MIB, row, 2 * MIB);
    expect(coverage(0)).toBe(UNKNOWN);
    expect(partNow(PART_ROWS)).toBe(2 * MIB);
  });

  test("and what no row explains are in the summary, with what would show it", () => {
    fresh();
    setHeaderNumber(FACT_LEVEL, 1);
    grow(60, 50 * MIB, () => MIB);
    let text = rendered();
    expect(lineAfter(text, "no suspect so far; ")).toBe(
      "resident memory +59.0 MiB since arming (9 min), coverage 0 %; no growing row is undecided, 1 row is too new to judge",
      text,
    );
    const unseen = "no row explains: +59.0 MiB not accounted, or idle in the allocator (+360 MiB/h), new; ";
    expect(lineAfter(text, unseen)).toBe("to see more: proxy.config.plugin.memtrack.heap 1, proxy.config.res_track_memory 2", text);
    setHeaderNumber(FACT_HEAP, HOOK_INSTALLED);
    setHeaderNumber(FACT_LEVEL, 2);
    text = rendered();
    expect(lineAfter(text, unseen)).toBe(
      "it can be the server's own heap, its threads' stacks, shared memory, contents of objects",
      text,
    );
    setMeasure(MEASURE_EARLIER, 2);
    text = rendered();
    expect(lineAfter(text, unseen)).toBe("to see more: memtrack.so first in plugin.config, and a restart", text);
    // Every line fits.
    setHeaderNumber(FACT_HEAP, 0);
    setHeaderNumber(FACT_LEVEL, 1);
    const lines = rendered().split("\n");
    for (let i = 0; i < lines.length; ++i) {
      if (lines[i].startsWith("memtrack summary: ")) expect(lines[i].length).toBeLessThanOrEqual(240, lines[i]);
    }
  });
});

describe("the remainder of resident memory", () => {
  test("is a suspect if it grows evenly: in the summary, the growth, the suspects and once in the log", () => {
    fresh();
    setHeaderNumber(FACT_LEVEL, 1);
    const found = grow(600, 50 * MIB, () => MIB);
    expect(found).toBeGreaterThan(384);
    expect(found).toBeLessThan(560);
    expect(rankSuspects()).toBe(1);
    expect(rankedCount()).toBe(1);
    expect(ranked(0)).toBe(remainder());
    expect(verdictOf(remainder())).toBe(VERDICT_LEAK);
    const warning = textFrom(output, nextWarning());
    expect(answerSeverity()).toBe(LINE_WARNING);
    expect(warning.startsWith("new suspect: not accounted, or idle in the allocator: +360 MiB/h for ")).toBe(true, warning);
    expect(warning.includes(", in no row, ")).toBe(true, warning);
    expect(nextWarning()).toBe(0);
    const text = rendered();
    expect(text.includes("\nSuspects: 1 with unexplained growth\n")).toBe(true, text);
    expect(text.includes("memtrack summary: suspect: not accounted, or idle in the allocator: +")).toBe(true, text);
    const row = lineAfter(text, "\nleak     | -          | ");
    expect(row.includes(" | not accounted, or idle in the allocator ")).toBe(true, text);
    expect(row.includes(" | resident         | ")).toBe(true, text);
    // What only allocations tell is not known.
    expect(row.includes(" |          - |          - |     - |      - |      - | ")).toBe(true, row);
  });

  test("is none below 16 MiB, if it levels off, or if it is taken at once and kept", () => {
    fresh();
    expect(grow(900, 50 * MIB, () => 16 << 10)).toBe(0); // 14 MiB
    fresh();
    expect(grow(900, 50 * MIB, (i) => (200 * MIB) / (10 + i))).toBe(0);
    fresh();
    expect(grow(900, 50 * MIB, (i) => (i == 200 ? 100 * MIB : 0))).toBe(0);
    fresh();
    expect(grow(900, 50 * MIB, (i) => (i > 200 && i < 210 ? 20 * MIB : 0))).toBe(0);
  });

  test("is none while a server warms up: a growth that slows down, with noise, over minutes and hours", () => {
    for (half = 20; half <= 320; half *= 2) {
      fresh();
      rest = 300 * MIB;
      const found = grow(1400, 50 * MIB, () => {
        // After each `half` samples, about half of the rest has come.
        const step = (rest * 2) / (half * 3);
        rest -= step;
        return step + noisy();
      });
      expect(found).toBe(0, `half time of ${half} samples`);
    }
  });

  test("is found although it grows in bursts, and the allocator takes and returns memory", () => {
    fresh();
    expect(grow(800, 50 * MIB, (i) => (i % 8 ? 0 : 4 * MIB) + noisy())).toBeGreaterThan(0);
  });

  test("is none if it goes up and down by a lot without growing", () => {
    fresh();
    expect(grow(900, 50 * MIB, (i) => (i & 1 ? 40 * MIB : <u64>-(<i64>40 * MIB)))).toBe(0);
  });

  test("begins anew without a growth when other memory is tracked, and after a reset", () => {
    fresh();
    const row = site("memory/IOBuffer/HttpSM.cc:6586");
    for (let i: u64 = 0; i < 100; ++i) sampleAt(500 + i * 10, 300 * MIB, row, 200 * MIB);
    expect(remainderBytes()).toBe(100 * MIB);
    disarm(CLASS_IOBUFFER);
    sampleAt(1500, 300 * MIB, row, 200 * MIB);
    expect(remainderBytes()).toBe(300 * MIB);
    expect(changeSince(remainder(), ARMING)).toBe(0);
    for (let i: u64 = 0; i < 900; ++i) {
      sampleAt(1510 + i * 10, 300 * MIB, row, 200 * MIB);
      expect(isRemainderSuspect()).toBe(0);
    }
    forgetAll();
    sampleAt(20000, 400 * MIB, row, 200 * MIB);
    expect(changeSince(remainder(), ARMING)).toBe(0);
    expect(averageSize(remainder())).toBe(1 << 16);
  });

  test("keeps its last value while resident memory is not known", () => {
    fresh();
    const row = site("memory/IOBuffer/HttpSM.cc:6586");
    for (let i: u64 = 0; i < 100; ++i) sampleAt(500 + i * 10, 100 * MIB, row, MIB);
    for (let i: u64 = 0; i < 400; ++i) {
      settleOne(row, 1024, MIB, 0, 0);
      clearMeasures();
      sample(1500 + i * 10, 0);
    }
    for (let i: u64 = 0; i < 600; ++i) {
      sampleAt(5500 + i * 10, 100 * MIB, row, MIB);
      expect(isRemainderSuspect()).toBe(0);
    }
  });
});
