// SPDX-License-Identifier: Apache-2.0
//
// The model sums shards, orders the rows, counts from the arming, and never shows a negative row.

import { CLASS_IOBUFFER, CLASS_OPENSSL, SITE_FIRST, SITE_OTHER, SITE_PRE_ARMING, SITES_MIN } from "../../../assembly/abi";
import { slots } from "../../../assembly/base/memory";
import { arm, isRow, mergeAllocs, mergeFrees, preArmingBytes, preArmingFrees, updateNames } from "../../../assembly/model/model";
import { orderedAt, sortRows } from "../../../assembly/model/order";
import { alive, allocBytes, allocs, freeBytes, frees, inUse } from "../../../assembly/model/sums";
import { siteCount, version } from "../../../assembly/registry/registry";
import { begin, fresh, nameOf, opensslSite, Random, seed, settleOne, site, stage, sumOne, sumUp, unstage } from "../support";

/** The numbers of a row in a dump: allocs, frees, in-use. */
function shown(row: u32): i64[] {
  return [<i64>allocs(row), <i64>frees(row), inUse(row)];
}

describe("merging shards", () => {
  test("adds the counts of all shards, row by row", () => {
    fresh();
    const a = site("memory/IOBuffer/A.cc:1");
    const b = site("memory/IOBuffer/B.cc:1");
    begin();
    for (let shard = 1; shard <= 3; ++shard) {
      stage(a, shard, 10 * shard);
      stage(b, 1, 1);
      mergeFrees(siteCount());
    }
    for (let shard = 1; shard <= 3; ++shard) {
      stage(a, 2 * shard, 100 * shard);
      stage(b, 5, 7);
      mergeAllocs(siteCount());
    }
    sumUp();
    expect(shown(a)).toStrictEqual([12, 6, 540]);
    expect(allocBytes(a)).toBe(600);
    expect(freeBytes(a)).toBe(60);
    expect(shown(b)).toStrictEqual([15, 3, 18]);
  });

  test("discards the sums of the dump before", () => {
    fresh();
    const a = site("memory/IOBuffer/A.cc:1");
    settleOne(a, 5, 500, 1, 100);
    settleOne(a, 6, 600, 1, 100);
    expect(shown(a)).toStrictEqual([6, 1, 500]);
  });

  test("ignores staged counts beyond the number of sites", () => {
    fresh();
    const a = site("memory/IOBuffer/A.cc:1");
    const b = site("memory/IOBuffer/B.cc:1");
    begin();
    stage(a, 1, 10);
    stage(b, 1, 10);
    mergeAllocs(b); // a shard that was read before b was registered
    sumUp();
    expect(shown(a)).toStrictEqual([1, 0, 10]);
    expect(shown(b)).toStrictEqual([0, 0, 0]);
  });

  test("combines sites of one name into one row", () => {
    fresh();
    const first = site("memory/IOBuffer/Header.h:1");
    const second = site("memory/IOBuffer/Header.h:1");
    begin();
    stage(second, 4, 40);
    mergeFrees(siteCount());
    unstage();
    stage(first, 3, 30);
    stage(second, 2, 20);
    mergeAllocs(siteCount());
    sumUp();
    expect(shown(first)).toStrictEqual([5, 4, 10]);
    expect(shown(second)).toStrictEqual([0, 0, 0]);
    expect(isRow(second)).toBe(false);
    expect(sortRows(CLASS_IOBUFFER)).toBe(1);
  });

  test("is correct if one shard only allocated and the other only released", () => {
    fresh();
    const a = site("memory/IOBuffer/A.cc:1");
    begin();
    mergeFrees(siteCount());
    stage(a, 1000, 4096000);
    mergeFrees(siteCount());
    stage(a, 1000, 4096000);
    mergeAllocs(siteCount());
    unstage();
    mergeAllocs(siteCount());
    sumUp();
    expect(shown(a)).toStrictEqual([1000, 1000, 0]);
    expect(preArmingFrees(CLASS_IOBUFFER)).toBe(0);
  });

  test("is correct when counters wrap at 2^64", () => {
    fresh();
    const a = site("memory/IOBuffer/A.cc:1");
    sumOne(a, u64.MAX_VALUE - 1, u64.MAX_VALUE - 10, u64.MAX_VALUE - 1, u64.MAX_VALUE - 10);
    arm(CLASS_IOBUFFER);
    settleOne(a, 3, 989, 1, 89); // 5 allocations of 1000 bytes and 3 releases of 100 bytes later
    expect(shown(a)).toStrictEqual([5, 3, 900]);
  });

  test("works for a full table, including (other)", () => {
    fresh(SITES_MIN);
    for (let i: u32 = 0; i < SITES_MIN; ++i) site("memory/IOBuffer/A.cc:" + i.toString());
    expect(site("memory/IOBuffer/TooMany.cc:1")).toBe(SITE_OTHER + CLASS_IOBUFFER);
    begin();
    for (let shard = 0; shard < 2; ++shard) {
      for (let s = SITE_FIRST; s < siteCount(); ++s) stage(s, s, s * 10);
      stage(SITE_OTHER + CLASS_IOBUFFER, 7, 70);
      stage(SITE_OTHER + CLASS_OPENSSL, 9, 90);
      mergeAllocs(siteCount());
    }
    sumUp();
    expect(sortRows(CLASS_IOBUFFER)).toBe(SITES_MIN + 1);
    expect(orderedAt(0)).toBe(siteCount() - 1);
    expect(orderedAt(SITES_MIN)).toBe(SITE_OTHER + CLASS_IOBUFFER);
    for (let s = SITE_FIRST; s < siteCount(); ++s) expect(inUse(s)).toBe(s * 20);
    expect(inUse(SITE_OTHER + CLASS_IOBUFFER)).toBe(140);
    expect(sortRows(CLASS_OPENSSL)).toBe(1);
    expect(inUse(SITE_OTHER + CLASS_OPENSSL)).toBe(180);
  });

  test("of no site at all gives no row", () => {
    fresh();
    begin();
    mergeFrees(siteCount());
    mergeAllocs(siteCount());
    sumUp();
    expect(sortRows(CLASS_IOBUFFER)).toBe(0);
    expect(sortRows(CLASS_OPENSSL)).toBe(0);
    mergeFrees(0);
    mergeAllocs(0);
  });

  test("refuses names of impossible sites, and fewer sites than it has", () => {
    fresh(SITES_MIN);
    expect(updateNames(SITE_FIRST, version())).toBe(0);
    expect(updateNames(SITE_FIRST - 1, version())).toBe(-1);
    expect(updateNames(slots + 1, version())).toBe(-1);
    expect(updateNames(slots, version())).toBe(0);
    expect(updateNames(slots - 1, version())).toBe(-1);
  });
});

describe("the order of rows", () => {
  test("is by in-use, live count, allocations, each largest first, then by name", () => {
    fresh();
    const e = site("memory/IOBuffer/A.cc:1");
    const d = site("memory/IOBuffer/D.cc:1");
    const c = site("memory/IOBuffer/C.cc:11");
    const b = site("memory/IOBuffer/C.cc:1");
    const a = site("memory/IOBuffer/Z.cc:1");
    const none = site("memory/IOBuffer/None.cc:1");
    begin();
    stage(d, 1, 10);
    stage(e, 7, 10);
    mergeFrees(siteCount());
    stage(e, 7, 60);
    stage(d, 2, 60);
    stage(c, 1, 50);
    stage(b, 1, 50);
    stage(a, 2, 50);
    mergeAllocs(siteCount());
    sumUp();
    expect(sortRows(CLASS_IOBUFFER)).toBe(5);
    expect([orderedAt(0), orderedAt(1), orderedAt(2), orderedAt(3), orderedAt(4)]).toStrictEqual([a, d, b, c, e]);
    expect(isRow(none)).toBe(true);
  });

  test("omits rows without any count, and keeps rows whose memory is all released", () => {
    fresh();
    const a = site("memory/IOBuffer/A.cc:1");
    site("memory/IOBuffer/B.cc:1");
    settleOne(a, 3, 300, 3, 300);
    expect(sortRows(CLASS_IOBUFFER)).toBe(1);
    expect(orderedAt(0)).toBe(a);
    expect(shown(a)).toStrictEqual([3, 3, 0]);
  });

  test("is total: a thousand random rows with many ties appear once each, in order", () => {
    const random = new Random(seed());
    fresh(1000);
    for (let i = 0; i < 1000; ++i) site("memory/IOBuffer/R.cc:" + random.next().toString());
    begin();
    for (let s = SITE_FIRST; s < siteCount(); ++s) stage(s, random.below(2), 0);
    mergeFrees(siteCount());
    for (let s = SITE_FIRST; s < siteCount(); ++s) stage(s, 1 + random.below(3), random.below(5) * 100);
    mergeAllocs(siteCount());
    sumUp();
    const n = sortRows(CLASS_IOBUFFER);
    expect(n).toBe(siteCount() - SITE_FIRST);
    const seen = new Set<u32>();
    seen.add(orderedAt(0));
    let wrong = 0;
    for (let i: u32 = 1; i < n; ++i) {
      const x = orderedAt(i - 1);
      const y = orderedAt(i);
      seen.add(y);
      if (inUse(x) < inUse(y)) ++wrong;
      if (inUse(x) != inUse(y)) continue;
      if (alive(x) < alive(y)) ++wrong;
      if (alive(x) == alive(y) && allocs(x) < allocs(y)) ++wrong;
      if (alive(x) == alive(y) && allocs(x) == allocs(y) && nameOf(x) >= nameOf(y)) ++wrong;
    }
    expect(wrong).toBe(0);
    expect<u32>(seen.size).toBe(n);
  });
});

describe("the arming of a class", () => {
  test("restarts its rows, and not those of another class", () => {
    fresh();
    const buffer = site("memory/IOBuffer/A.cc:1");
    const block = opensslSite("a.c", 1, 0x9000);
    begin();
    stage(buffer, 10, 1000);
    stage(block, 20, 2000);
    mergeAllocs(siteCount());
    arm(CLASS_IOBUFFER);
    begin();
    stage(buffer, 12, 1500);
    stage(block, 20, 2000);
    mergeAllocs(siteCount());
    sumUp();
    expect(shown(buffer)).toStrictEqual([2, 0, 500]);
    expect(shown(block)).toStrictEqual([20, 0, 2000]);
  });

  test("hides rows without counts since then", () => {
    fresh();
    const a = site("memory/IOBuffer/A.cc:1");
    sumOne(a, 10, 1000, 4, 400);
    arm(CLASS_IOBUFFER);
    settleOne(a, 10, 1000, 4, 400);
    expect(sortRows(CLASS_IOBUFFER)).toBe(0);
    settleOne(a, 11, 1100, 4, 400);
    expect(sortRows(CLASS_IOBUFFER)).toBe(1);
  });

  test("does not reduce the counts of sites registered later", () => {
    fresh();
    const a = site("memory/IOBuffer/A.cc:1");
    sumOne(a, 10, 1000, 4, 400);
    arm(CLASS_IOBUFFER);
    const b = site("memory/IOBuffer/B.cc:1");
    settleOne(b, 3, 30, 1, 10);
    expect(shown(b)).toStrictEqual([3, 1, 20]);
  });

  test("restarts again, and discards the older memory found before", () => {
    fresh();
    const a = site("memory/IOBuffer/A.cc:1");
    settleOne(a, 0, 0, 3, 300);
    expect(preArmingFrees(CLASS_IOBUFFER)).toBe(3);
    sumOne(a, 5, 500, 3, 300);
    arm(CLASS_IOBUFFER);
    settleOne(a, 6, 600, 3, 300);
    expect(shown(a)).toStrictEqual([1, 0, 100]);
    expect(preArmingFrees(CLASS_IOBUFFER)).toBe(0);
    expect(preArmingBytes(CLASS_IOBUFFER)).toBe(0);
  });

  test("subtracts untagged releases before it from the older memory", () => {
    fresh();
    const preArming = SITE_PRE_ARMING + CLASS_OPENSSL;
    sumOne(preArming, 0, 0, 4, 64);
    arm(CLASS_OPENSSL);
    settleOne(preArming, 0, 0, 6, 164);
    expect(preArmingFrees(CLASS_OPENSSL)).toBe(2);
    expect(preArmingBytes(CLASS_OPENSSL)).toBe(100);
  });
});

describe("memory older than the arming", () => {
  test("never makes a row negative, and the row is correct from then on", () => {
    fresh();
    const a = site("memory/IOBuffer/A.cc:1");
    settleOne(a, 0, 0, 3, 300);
    expect(shown(a)).toStrictEqual([0, 0, 0]);
    expect(sortRows(CLASS_IOBUFFER)).toBe(0);
    expect(preArmingFrees(CLASS_IOBUFFER)).toBe(3);
    expect(preArmingBytes(CLASS_IOBUFFER)).toBe(300);
    settleOne(a, 2, 100, 3, 300);
    expect(shown(a)).toStrictEqual([2, 0, 100]);
    settleOne(a, 2, 100, 4, 350);
    expect(shown(a)).toStrictEqual([2, 1, 50]);
    settleOne(a, 2, 100, 5, 400);
    expect(shown(a)).toStrictEqual([2, 2, 0]);
    expect(preArmingFrees(CLASS_IOBUFFER)).toBe(3);
    expect(preArmingBytes(CLASS_IOBUFFER)).toBe(300);
  });

  test("is found piece by piece", () => {
    fresh();
    const a = site("memory/IOBuffer/A.cc:1");
    for (let i = 1; i <= 10; ++i) {
      settleOne(a, 5, 500, 5 + i, 500 + 100 * i);
      expect(shown(a)).toStrictEqual([5, 5, 0]);
      expect(preArmingFrees(CLASS_IOBUFFER)).toBe(i);
      expect(preArmingBytes(CLASS_IOBUFFER)).toBe(100 * i);
    }
  });

  test("in blocks without a tag is counted in no row", () => {
    fresh();
    const a = opensslSite("a.c", 1, 0x9000);
    begin();
    stage(SITE_PRE_ARMING + CLASS_OPENSSL, 7, 700);
    stage(a, 1, 10);
    mergeFrees(siteCount());
    unstage();
    stage(a, 2, 20);
    mergeAllocs(siteCount());
    sumUp();
    expect(shown(a)).toStrictEqual([2, 1, 10]);
    expect(sortRows(CLASS_OPENSSL)).toBe(1);
    expect(preArmingFrees(CLASS_OPENSSL)).toBe(7);
    expect(preArmingBytes(CLASS_OPENSSL)).toBe(700);
    expect(preArmingFrees(CLASS_IOBUFFER)).toBe(0);
  });

  test("is found in (other) as in any row", () => {
    fresh();
    settleOne(SITE_OTHER + CLASS_OPENSSL, 1, 10, 3, 50);
    expect(shown(SITE_OTHER + CLASS_OPENSSL)).toStrictEqual([1, 1, 0]);
    expect(preArmingFrees(CLASS_OPENSSL)).toBe(2);
    expect(preArmingBytes(CLASS_OPENSSL)).toBe(40);
  });
});
