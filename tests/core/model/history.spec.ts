// SPDX-License-Identifier: Apache-2.0
//
// Histories compared with a plain list of all samples: the value of a point, the time covered, gaps, clock changes, and rows whose number
// gets a new meaning.

import { HISTORY_LEVELS, HISTORY_POINTS, HISTORY_SHIFT } from "../../../assembly/abi";
import { ageOf, allocatedWithin, floorAt, historyForget, historyMove, inUseAt, record } from "../../../assembly/model/history";
import { seriesLimit, stateOf } from "../../../assembly/model/history";
import { pack, unpack } from "../../../assembly/model/minifloat";
import {
  elapsedSeconds,
  locate,
  oldestAge,
  points,
  samples,
  tick,
  timeAt,
  timelineReset,
  transactionsAt,
} from "../../../assembly/model/timeline";
import { fresh, Random, seed } from "../support";

const ROW: u32 = 20;

function take(live: u64, allocated: u64, now: u64 = <u64>samples * 10, transactions: u64 = 0): void {
  tick(now, transactions, 0, 0);
  record(ROW, live, allocated);
}

describe("a history", () => {
  test("keeps the minimum of each point's samples, on every level", () => {
    fresh();
    const random = new Random(seed());
    const live: u64[] = [];
    for (let i: u32 = 0; i < 3000; ++i) {
      live.push(random.next() >> 44);
      take(live[i], 0);
      if (i % 97) continue;
      for (let level: u32 = 0; level < HISTORY_LEVELS; ++level) {
        const size: u32 = 1 << (level * HISTORY_SHIFT);
        for (let back: u32 = 0; back < points(level); ++back) {
          const end = (samples / size - back) * size;
          let lowest = u64.MAX_VALUE;
          for (let at = end - size; at < end; ++at) if (live[at] < lowest) lowest = live[at];
          assert(unpack(floorAt(ROW, level, back)) == lowest, level.toString() + "," + back.toString());
        }
      }
    }
  });

  test("has as many points as its age allows, and answers from the finest level that reaches an age", () => {
    fresh();
    for (let i: u32 = 0; i < 5000; ++i) take(i, 0);
    expect(points(0)).toBe(HISTORY_POINTS);
    expect(points(5)).toBe(4);
    expect(oldestAge()).toBe(4999);
    for (let age: u32 = 0; age < 4096; ++age) {
      const found = locate(age, 0);
      const size: u64 = 1 << ((found >>> 8) * HISTORY_SHIFT);
      const there = inUseAt(ROW, age, 0);
      assert(there <= 4999 - age && there + size > 4999 - age, age.toString());
    }
  });

  test("reaches no further than its largest points, and reports how far", () => {
    fresh();
    for (let i: u32 = 0; i < 60000; ++i) take(i, 0);
    expect(oldestAge() >= 45000 && oldestAge() < 60000).toBe(true);
    expect(inUseAt(ROW, u32.MAX_VALUE, 0)).toBe(inUseAt(ROW, oldestAge(), 0));
  });

  test("gives a close upper bound for the bytes allocated in the last samples", () => {
    fresh();
    const random = new Random(seed() + 2);
    const sums: u64[] = [0];
    for (let i: u32 = 0; i < 2000; ++i) {
      sums.push(sums[i] + (random.next() >> 50));
      take(0, sums[i + 1]);
      if (i % 61) continue;
      for (let span: u32 = 1; span <= i; span = span * 2 + 1) {
        const exact = sums[i + 1] - sums[i + 1 - span];
        const wider = span * 5 < i + 1 ? sums[i + 1] - sums[i + 1 - span * 5] : sums[i + 1];
        const bound = allocatedWithin(ROW, span);
        assert(bound >= exact && bound <= wider + wider / 500, span.toString());
      }
    }
  });

  test("starts with zeros for a row that did not exist yet", () => {
    fresh();
    for (let i: u32 = 0; i < 40; ++i) tick(i, 0, 0, 0);
    tick(40, 0, 0, 0);
    record(ROW, 500, 500);
    expect(ageOf(ROW)).toBe(1);
    expect(inUseAt(ROW, 0, 0)).toBe(500);
    expect(inUseAt(ROW, 1, 0)).toBe(0);
    expect(inUseAt(ROW, 39, 0)).toBe(0);
  });

  test("restarts if the class was armed again, and continues if a counter wraps", () => {
    fresh();
    take(1000, 1000);
    take(2000, 2000);
    take(10, 10);
    expect(ageOf(ROW)).toBe(1);
    fresh();
    take(1000, u64.MAX_VALUE - 10);
    take(1000, 20);
    expect(ageOf(ROW)).toBe(2);
    expect(allocatedWithin(ROW, 1)).toBe(31);
  });

  test("is deleted with its row, and moves with its row", () => {
    fresh();
    for (let i: u32 = 0; i < 50; ++i) take(i * 100, i * 100);
    stateOf(ROW).streak = 7;
    historyMove(ROW, 30);
    expect(stateOf(30).streak).toBe(7);
    expect(inUseAt(30, 0, 0)).toBe(4900);
    expect(ageOf(ROW)).toBe(0);
    expect(inUseAt(ROW, 0, 0)).toBe(0);
    historyForget(30);
    expect(stateOf(30).streak).toBe(0);
    expect(ageOf(30)).toBe(0);
  });

  test("ignores rows out of range", () => {
    fresh();
    take(1, 1);
    historyForget(seriesLimit());
    historyForget(u32.MAX_VALUE);
    historyMove(ROW, u32.MAX_VALUE);
    historyMove(u32.MAX_VALUE, ROW);
    historyMove(ROW, ROW);
    expect(inUseAt(ROW, 0, 0)).toBe(1);
  });

  test("accepts the largest number of live bytes", () => {
    fresh();
    take(u64.MAX_VALUE, u64.MAX_VALUE);
    expect(floorAt(ROW, 0, 0)).toBe(pack(u64.MAX_VALUE));
  });
});

describe("the timeline", () => {
  test("counts seconds from the first sample, across gaps", () => {
    fresh();
    take(0, 0, 1000);
    take(0, 0, 1010);
    take(0, 0, 1010 + 86400);
    expect(elapsedSeconds()).toBe(86410);
    expect(timeAt(0, 0)).toBe(86410);
    expect(timeAt(0, 1)).toBe(10);
  });

  test("never goes back: it continues with the default interval if the clock does", () => {
    fresh();
    take(0, 0, 1000);
    take(0, 0, 1010);
    take(0, 0, 5);
    expect(elapsedSeconds()).toBe(20);
    take(0, 0, 15);
    expect(elapsedSeconds()).toBe(30);
  });

  test("stops at its largest time", () => {
    fresh();
    take(0, 0, 0);
    take(0, 0, u64.MAX_VALUE);
    expect(elapsedSeconds()).toBe(u32.MAX_VALUE);
    take(0, 0, u64.MAX_VALUE);
    take(0, 0, 3);
    expect(elapsedSeconds()).toBe(u32.MAX_VALUE);
  });

  test("has the time and transactions of a point's first sample", () => {
    fresh();
    for (let i: u64 = 0; i < 16; ++i) take(0, 0, 100 + i * 10, i * 7);
    expect(timeAt(1, 0)).toBe(120);
    expect(transactionsAt(1, 0)).toBe(84);
    expect(timeAt(2, 0)).toBe(0);
    expect(transactionsAt(2, 0)).toBe(0);
  });

  test("restarts on request", () => {
    fresh();
    take(0, 0, 1000);
    timelineReset();
    expect(samples).toBe(0);
    expect(points(0)).toBe(0);
    expect(oldestAge()).toBe(0);
  });
});
