// SPDX-License-Identifier: Apache-2.0
//
// Sites with the same text form one row, and a row keeps its state between dumps when names change.

import {
  CLASS_HEAP,
  CLASS_IOBUFFER,
  CLASS_OPENSSL,
  CLASS_TSAPI,
  FACT_LEVEL,
  OWNER_CORE,
  SITE_FIRST,
  SITES_MAX,
} from "../../../assembly/abi";
import { freeSite, register, registerName, renameSite, retireOwner, siteCount } from "../../../assembly/index";
import { setHeaderNumber } from "../../../assembly/model/facts";
import { isRow, knownSites, mergeAllocs, mergeFrees, preArmingBytes, preArmingFrees } from "../../../assembly/model/model";
import { sortRows } from "../../../assembly/model/order";
import { allocs, frees, inUse } from "../../../assembly/model/sums";
import { verifyCompare, verifyMark, verifyRow, verifyStart } from "../../../assembly/model/verify";
import { ownerOfSite } from "../../../assembly/registry/name";
import {
  attributes,
  begin,
  fresh,
  IOBUFFER,
  nameOf,
  owner,
  pluginSite,
  put,
  rendered,
  rowOf,
  site,
  stage,
  sumUp,
  unstage,
} from "../support";

function bufferSite(name: string, address: u64, key: u32): u32 {
  return register(address, IOBUFFER, put(name), key, 0);
}

/** Sums up two sites with these numbers of allocations and releases, of 10 bytes each. */
function classify(a: u32, allocsA: u64, freesA: u64, b: u32, allocsB: u64, freesB: u64): void {
  begin();
  stage(a, freesA, freesA * 10);
  stage(b, freesB, freesB * 10);
  mergeFrees(siteCount());
  unstage();
  stage(a, allocsA, allocsA * 10);
  stage(b, allocsB, allocsB * 10);
  mergeAllocs(siteCount());
  sumUp();
}

describe("a row", () => {
  test("contains all sites with the same text, class, kind and owner", () => {
    fresh();
    const foo = owner("foo.so");
    const bar = owner("bar.so");
    const a = pluginSite(CLASS_TSAPI, "same+0x1", foo);
    const b = pluginSite(CLASS_TSAPI, "same+0x1", foo);
    const otherClass = pluginSite(CLASS_HEAP, "same+0x1", foo);
    const otherOwner = pluginSite(CLASS_TSAPI, "same+0x1", bar);
    expect([rowOf(a), rowOf(b), rowOf(otherClass), rowOf(otherOwner)]).toStrictEqual([a, a, otherClass, otherOwner]);
    classify(a, 3, 1, b, 4, 2);
    expect([<i64>allocs(a), <i64>frees(a), inUse(a)]).toStrictEqual([7, 3, 40]);
    expect(sortRows(CLASS_TSAPI)).toBe(1);
    expect(isRow(b)).toBe(false);
  });

  test("contains a call in two contexts, if the call is in the owner's module", () => {
    fresh();
    const foo = owner("foo.so");
    const inside = register(0x5000, attributes(CLASS_TSAPI, 0, foo), put("foo.so+0x1"), foo, 0);
    const outside = register(0x5000, attributes(CLASS_TSAPI, 0, OWNER_CORE), put("foo.so+0x1"), foo, 0);
    expect(outside).not.toBe(inside);
    expect(ownerOfSite(outside)).toBe(ownerOfSite(inside));
    expect(rowOf(outside)).toBe(inside);
  });

  test("is split or combined when better texts arrive", () => {
    fresh();
    const foo = owner("foo.so");
    const a = pluginSite(CLASS_TSAPI, "foo.so+0x1", foo);
    const b = pluginSite(CLASS_TSAPI, "foo.so+0x2", foo);
    classify(a, 3, 1, b, 4, 2);
    expect(sortRows(CLASS_TSAPI)).toBe(2);
    renameSite(b, put("foo.so handler (foo.c:88)"));
    renameSite(a, put("foo.so handler (foo.c:88)"));
    classify(a, 3, 1, b, 4, 2);
    expect(sortRows(CLASS_TSAPI)).toBe(1);
    expect([<i64>allocs(a), <i64>frees(a), inUse(a)]).toStrictEqual([7, 3, 40]);
    renameSite(a, put("foo.so other (foo.c:90)"));
    classify(a, 3, 1, b, 4, 2);
    expect(sortRows(CLASS_TSAPI)).toBe(2);
    expect([<i64>allocs(a), <i64>frees(a), inUse(a)]).toStrictEqual([3, 1, 20]);
    expect([<i64>allocs(b), <i64>frees(b), inUse(b)]).toStrictEqual([4, 2, 20]);
  });

  test("combined from two keeps the older memory found in both, and is never negative", () => {
    fresh();
    const foo = owner("foo.so");
    const a = bufferSite("memory/plugin/foo.so+0x1", 0x1000, foo);
    const b = bufferSite("memory/plugin/foo.so+0x2", 0x2000, foo);
    classify(a, 0, 3, b, 1, 5);
    expect(preArmingFrees(CLASS_IOBUFFER)).toBe(7);
    classify(a, 2, 3, b, 3, 5);
    expect([<i64>allocs(b), <i64>frees(b), inUse(b)]).toStrictEqual([3, 1, 20]);
    renameSite(a, put("foo.so create (foo.c:8)"));
    renameSite(b, put("foo.so create (foo.c:8)"));
    classify(a, 2, 3, b, 3, 5);
    expect([<i64>allocs(a), <i64>frees(a), inUse(a)]).toStrictEqual([5, 1, 40]);
    expect(preArmingFrees(CLASS_IOBUFFER)).toBe(7);
    expect(preArmingBytes(CLASS_IOBUFFER)).toBe(70);
    classify(a, 2, 3, b, 3, 9);
    expect([<i64>allocs(a), <i64>frees(a), inUse(a)]).toStrictEqual([5, 5, 0]);
    expect(preArmingFrees(CLASS_IOBUFFER)).toBe(7);
    // A name is added elsewhere, and nothing is counted twice.
    site("memory/IOBuffer/New.cc:1");
    classify(a, 2, 3, b, 3, 9);
    expect(preArmingFrees(CLASS_IOBUFFER)).toBe(7);
  });

  test("combined from two agrees with the built-in tracker, whose rows keep the first names", () => {
    fresh();
    const foo = owner("foo.so");
    const a = bufferSite("memory/plugin/foo.so+0x1", 0x1000, foo);
    const b = bufferSite("memory/plugin/foo.so+0x2", 0x2000, foo);
    classify(a, 9, 2, b, 8, 5);
    verifyStart();
    verifyRow(a, 1, 0, 10);
    verifyRow(b, 0, 5, -50);
    verifyMark();
    expect(verifyCompare()).toBe(0);
    renameSite(a, put("foo.so create (foo.c:8)"));
    renameSite(b, put("foo.so create (foo.c:8)"));
    for (let more: u64 = 0; more < 3; ++more) {
      classify(a, 9 + more, 2, b, 8 + 2 * more, 5 + more);
      verifyStart();
      verifyRow(registerName(put("memory/plugin/foo.so+0x1")), 1 + more, 0, 10 + 10 * more);
      verifyRow(registerName(put("memory/plugin/foo.so+0x2")), 2 * more, 5 + more, -50 + 10 * more);
      expect(verifyCompare()).toBe(0);
    }
    verifyStart();
    verifyRow(a, 1, 0, 10);
    expect(verifyCompare()).toBe(1);
  });

  test("is found after its first site is gone", () => {
    fresh();
    const foo = owner("foo.so");
    const a = pluginSite(CLASS_TSAPI, "same+0x1", foo);
    const b = pluginSite(CLASS_TSAPI, "same+0x1", foo);
    const c = pluginSite(CLASS_TSAPI, "same+0x1", foo);
    expect([rowOf(b), rowOf(c)]).toStrictEqual([a, a]);
    retireOwner(foo);
    freeSite(a);
    expect([rowOf(b), rowOf(c)]).toStrictEqual([b, b]);
    expect(isRow(a)).toBe(false);
    expect(isRow(b)).toBe(true);
  });

  test("of a retired owner is marked in every table", () => {
    fresh();
    const foo = owner("foo.so");
    const block = pluginSite(CLASS_TSAPI, "foo.so+0x1", foo);
    const ssl = register(0x9000, attributes(CLASS_OPENSSL, 5, foo), put("a.c"), foo, 0);
    setHeaderNumber(FACT_LEVEL, 2);
    retireOwner(foo);
    classify(block, 2, 0, ssl, 1, 0);
    const dump = rendered();
    expect(dump.includes(" | memory/plugin/foo.so+0x1 [retired]                \n")).toBe(true);
    expect(dump.includes(" | memory/OpenSSL/a.c:5 [via foo.so] [retired]       \n")).toBe(true);
    expect(nameOf(block)).toBe("memory/plugin/foo.so+0x1", "the name itself stays");
  });

  test("exists per text in the largest table, and once if all texts are equal", () => {
    fresh(SITES_MAX);
    const foo = owner("foo.so");
    for (let i: u32 = 0; i < SITES_MAX; ++i)
      register(i + 1, attributes(CLASS_TSAPI, 0, foo), put("foo.so+" + (i / 2).toString()), foo, 0);
    let wrong = 0;
    const last = rowOf(siteCount() - 1);
    expect(last).toBe(siteCount() - 2);
    expect(knownSites()).toBe(SITE_FIRST + SITES_MAX);
    let rows = 0;
    for (let s = SITE_FIRST; s < siteCount(); ++s) if (isRow(s)) ++rows;
    for (let s = SITE_FIRST; s < siteCount(); s += 2) if (!isRow(s) || isRow(s + 1)) ++wrong;
    expect(rows).toBe(SITES_MAX / 2);
    expect(wrong).toBe(0);
    for (let s = SITE_FIRST; s < siteCount(); ++s) renameSite(s, put("foo.so one"));
    expect(rowOf(siteCount() - 1)).toBe(SITE_FIRST);
    expect(rowOf(SITE_FIRST + 1)).toBe(SITE_FIRST);
  });
});
