// SPDX-License-Identifier: Apache-2.0
//
// Slopes, filters and streaks, compared with values computed by hand and tested with noise.

import { scoreStreaks } from "../../../assembly/analysis/persistence";
import { lateShare, Levelling, levelling, root } from "../../../assembly/analysis/saturation";
import * as trend from "../../../assembly/analysis/trend";
import { slots } from "../../../assembly/base/memory";
import { record, stateOf } from "../../../assembly/model/history";
import { applyBaseline } from "../../../assembly/model/model";
import { tick } from "../../../assembly/model/timeline";
import { addAlloc, siteAt } from "../../../assembly/shard/site";
import { collect, fresh, Random, seed, settleOne, site } from "../support";

const ROW: u32 = 20;
const BASE: i64 = 1_000_000;

/** Points of level 0: one sample per second. */
function points(values: i64[]): void {
  fresh();
  for (let i = 0; i < values.length; ++i) {
    tick(i, 0, 0, 0);
    record(ROW, <u64>(BASE + values[i]), 0);
  }
  trend.take(ROW, 0);
}

describe("the robust slope", () => {
  test("is the slope of a line, upwards and downwards", () => {
    points([0, 10, 20, 30, 40]);
    expect(trend.rate()).toBe(36000);
    points([40, 30, 20, 10, 0]);
    expect(trend.rate()).toBe(-36000);
    points([5, 5, 5, 5]);
    expect(trend.rate()).toBe(0);
  });

  test("ignores an outlier", () => {
    points([0, 10, 20, 900000, 40, 50, 60, 70]);
    expect(trend.rate()).toBe(36000);
  });

  test("of no points and of one point is 0", () => {
    fresh();
    expect(trend.take(ROW, 0)).toBe(0);
    expect(trend.rate()).toBe(0);
    expect(trend.growth()).toBe(0);
    expect(trend.kendall()).toBe(0);
    expect(trend.noise()).toBe(0);
    points([7]);
    expect(trend.rate()).toBe(0);
  });

  test("uses the time between two points", () => {
    fresh();
    tick(0, 0, 0, 0);
    record(ROW, 0, 0);
    tick(7200, 0, 0, 0);
    record(ROW, 1000, 0);
    trend.take(ROW, 0);
    expect(trend.rate()).toBe(500);
  });
});

describe("the filters", () => {
  test("count ordered pairs, and ties as 0", () => {
    points([1, 2, 3, 4, 5]);
    expect(trend.kendall()).toBe(100);
    points([5, 4, 3, 2, 1]);
    expect(trend.kendall()).toBe(-100);
    points([1, 1, 1, 1]);
    expect(trend.kendall()).toBe(0);
    points([1, 1, 2, 2]);
    expect(trend.kendall()).toBe(66);
  });

  test("detect noise, and none in a smooth growth", () => {
    points([0, 10, 20, 30, 40]);
    expect(trend.noise()).toBe(0);
    points([0, 100, 10, 110, 20]);
    expect(trend.noise() > 50).toBe(true);
  });

  test("count rises and falls, and find the largest rise", () => {
    points([0, 5, 3, 3, 10]);
    expect(trend.rises()).toBe(2);
    expect(trend.falls()).toBe(2);
    expect(trend.largestRise()).toBe(7);
    expect(trend.run(0)).toBe(4);
    points([3, 3, 3]);
    expect(trend.run(0)).toBe(0);
  });
});

describe("saturation", () => {
  test("distinguishes a growth that levels off from one that does not", () => {
    fresh();
    const row = site("memory/IOBuffer/A.cc:1");
    for (let i: u64 = 1; i <= 400; ++i) {
      settleOne(row, i * 10, i * 1000, 0, 0);
      tick(i * 10, 0, 0, 0);
      record(row, i * 1000, i * 1000);
    }
    expect(levelling(row)).toBe(Levelling.NO);
    expect(abs(lateShare(row) - 100) < 10).toBe(true);
    fresh();
    const other = site("memory/IOBuffer/A.cc:1");
    for (let i: u64 = 1; i <= 400; ++i) {
      const live = root(i * 1_000_000) * 100;
      settleOne(other, live / 100, live, 0, 0);
      tick(i * 10, 0, 0, 0);
      record(other, live, live);
    }
    expect(levelling(other)).toBe(Levelling.YES);
    expect(lateShare(other) < 60).toBe(true);
  });

  test("is in doubt if the traffic goes up and down, and the growth does not", () => {
    fresh();
    const row = site("memory/IOBuffer/A.cc:1");
    let requests: u64 = 0;
    let doubts = 0;
    for (let i: u64 = 1; i <= 150; ++i) {
      requests += i % 44 < 22 ? 30 : 60;
      tick(i, requests, 0, 0);
      record(row, i * 700, i * 700);
      if (i < 80) continue;
      assert(levelling(row) != Levelling.YES, `at ${i}: ${lateShare(row)}`);
      if (levelling(row) == Levelling.PERHAPS) ++doubts;
    }
    expect(doubts).toBeGreaterThan(0);
  });

  test("is in doubt if only the growth per request slows down", () => {
    fresh();
    const row = site("memory/IOBuffer/A.cc:1");
    let requests: u64 = 0;
    for (let i: u64 = 1; i <= 110; ++i) {
      requests += i;
      tick(i, requests, 0, 0);
      record(row, i * 70_000, i * 70_000);
    }
    expect(levelling(row)).toBe(Levelling.PERHAPS);
  });

  test("is unknown for a row that has no history, or never grew", () => {
    fresh();
    expect(lateShare(ROW)).toBe(-1);
    expect(levelling(ROW)).toBe(Levelling.NO);
    for (let i: u64 = 0; i < 100; ++i) {
      tick(i, 0, 0, 0);
      record(ROW, 1000 - i, 0);
    }
    expect(lateShare(ROW)).toBe(-1);
  });

  test("uses a square root that is correct for every number", () => {
    const random = new Random(seed());
    for (let i = 0; i < 1000; ++i) {
      const value = random.next() >> (1 + random.below(62));
      const x = root(value);
      assert(!value || (x * x <= value && (x + 1) * (x + 1) > value), value.toString());
    }
    expect(root(0)).toBe(1);
    expect(root(u64.MAX_VALUE)).toBe(0xffffffff);
  });
});

/** Adds a point of level 1 in which each row has grown by this much. */
function grow(rows: u32[], live: u64[], by: u64[]): void {
  for (let i = 0; i < 4; ++i) {
    tick(0, 0, 0, 0);
    for (let n = 0; n < rows.length; ++n) record(rows[n], live[n], 0);
    scoreStreaks(slots);
  }
  for (let n = 0; n < rows.length; ++n) live[n] += by[n];
}

function three(): u32[] {
  fresh();
  const rows = [site("memory/IOBuffer/A.cc:1"), site("memory/IOBuffer/B.cc:1"), site("memory/IOBuffer/C.cc:1")];
  // Only a site that has counted something is a row.
  for (let n = 0; n < rows.length; ++n) addAlloc(siteAt(rows[n]), 1);
  collect();
  applyBaseline();
  return rows;
}

describe("streaks", () => {
  test("grow while a row grows by more than twice the next, and end at the first miss", () => {
    const rows = three();
    const live: u64[] = [0, 0, 0];
    for (let i = 0; i < 6; ++i) grow(rows, live, [1000, 300, 200]);
    expect(stateOf(rows[0]).streak).toBe(5);
    expect(stateOf(rows[1]).streak).toBe(0);
    expect(stateOf(rows[2]).streak).toBe(0);
    grow(rows, live, [0, 300, 200]);
    expect(stateOf(rows[0]).streak).toBe(6);
    grow(rows, live, [0, 300, 200]);
    expect(stateOf(rows[0]).streak).toBe(0);
  });

  test("belong to all rows before the first drop", () => {
    const rows = three();
    const live: u64[] = [0, 0, 0];
    for (let i = 0; i < 4; ++i) grow(rows, live, [1000, 900, 100]);
    expect(stateOf(rows[0]).streak).toBe(3);
    expect(stateOf(rows[1]).streak).toBe(3);
    expect(stateOf(rows[2]).streak).toBe(0);
  });

  test("belong to no row if nothing grows", () => {
    const rows = three();
    const live: u64[] = [5000, 5000, 5000];
    for (let i = 0; i < 4; ++i) grow(rows, live, [0, 0, 0]);
    expect(stateOf(rows[0]).streak).toBe(0);
  });
});
