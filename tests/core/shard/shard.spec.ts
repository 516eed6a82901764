// SPDX-License-Identifier: Apache-2.0
//
// A shard counts under the keys that it knows, and reports a key that it does not know.

import {
  CLASS_IOBUFFER,
  CLASS_OPENSSL,
  FROZEN_ALL,
  FROZEN_SITES,
  OTHER_ADDRESS,
  ROLE_SEARCH,
  ROLE_SHARD,
  SITE_FIRST,
  SITE_OTHER,
  SITE_PRE_ARMING,
  SITE_UNKNOWN,
  SITES_MAX,
  SITES_MIN,
} from "../../../assembly/abi";
import { buckets, limit, slots } from "../../../assembly/base/memory";
import { recordAt } from "../../../assembly/base/regions";
import { init } from "../../../assembly/index";
import { bucketBytes, bucketCount, Buckets } from "../../../assembly/shard/bucket";
import { withBegin } from "../../../assembly/shard/epoch";
import {
  advanceEpochs,
  carry,
  freeze,
  insertKey,
  recordAlloc,
  recordAllocFast,
  recordBufferEvent,
  recordBufferEventFast,
  recordFree,
  recordFreeOld,
  recordResize,
} from "../../../assembly/shard/shard";
import { siteAt } from "../../../assembly/shard/site";
import { fresh, IOBUFFER, OPENSSL } from "../support";

const A: u64 = 0x5555_0000_1000;
const B: u64 = 0x5555_0000_2000;

/** The four counters of a site. */
function counters(site: u32): u64[] {
  const at = siteAt(site);
  return [at.allocs, at.allocBytes, at.frees, at.freeBytes];
}

function shard(sites: u32 = SITES_MIN): void {
  assert(init(ROLE_SHARD, sites) == 0);
}

/** The sum of all counters: 0 if nothing was ever counted. */
function everything(): u64 {
  let sum: u64 = 0;
  for (let site: u32 = 0; site < slots; ++site) {
    const c = counters(site);
    sum += c[0] + c[1] + c[2] + c[3];
  }
  return sum;
}

describe("an instance", () => {
  test("is refused if a number is out of range, and made at both ends of the range", () => {
    expect(init(ROLE_SHARD, SITES_MIN - 1)).toBe(-1);
    expect(init(ROLE_SHARD, 0)).toBe(-1);
    expect(init(ROLE_SHARD, SITES_MAX + 1)).toBe(-1);
    expect(init(ROLE_SHARD, u32.MAX_VALUE)).toBe(-1);
    expect(init(ROLE_SEARCH + 1, SITES_MIN)).toBe(-1);
    expect(init(ROLE_SHARD, SITES_MIN)).toBe(0);
    expect(init(ROLE_SHARD, SITES_MAX)).toBe(0);
    expect(slots).toBe(65536);
  });

  test("that is made again has counted nothing and knows no key", () => {
    fresh();
    insertKey(SITE_FIRST, A, IOBUFFER);
    recordBufferEvent(A, 100);
    freeze(FROZEN_SITES);
    fresh();
    expect(recordBufferEvent(A, 100)).toBe(SITE_UNKNOWN);
    expect(everything()).toBe(0);
  });
});

describe("a shard", () => {
  test("does not count an unknown key", () => {
    shard();
    expect(recordBufferEvent(A, 100)).toBe(SITE_UNKNOWN);
    expect(recordBufferEvent(A, -100)).toBe(SITE_UNKNOWN);
    expect(recordAlloc(A, OPENSSL | 5, 100)).toBe(SITE_UNKNOWN);
    expect(everything()).toBe(0);
  });

  test("takes a positive size as an allocation, a negative one as a release, and 0 as an allocation", () => {
    shard();
    expect(insertKey(SITE_FIRST, A, IOBUFFER)).toBe(0);
    expect(recordBufferEvent(A, 4096)).toBe(SITE_FIRST);
    expect(recordBufferEvent(A, 0)).toBe(SITE_FIRST);
    expect(recordBufferEvent(A, -4096)).toBe(SITE_FIRST);
    expect(recordBufferEvent(A, -1)).toBe(SITE_FIRST);
    expect(counters(SITE_FIRST)).toStrictEqual([2, 4096, 2, 4097]);
  });

  test("counts the largest and the smallest size exactly", () => {
    shard();
    insertKey(SITE_FIRST, A, IOBUFFER);
    recordBufferEvent(A, i64.MAX_VALUE);
    recordBufferEvent(A, i64.MIN_VALUE);
    expect(counters(SITE_FIRST)).toStrictEqual([1, 0x7fff_ffff_ffff_ffff, 1, 0x8000_0000_0000_0000]);
  });

  test("charges an allocation to its line, and a release to the given site", () => {
    shard();
    insertKey(SITE_FIRST, A, OPENSSL | 10);
    insertKey(SITE_FIRST + 1, A, OPENSSL | 11);
    expect(recordAlloc(A, OPENSSL | 11, 70)).toBe(SITE_FIRST + 1);
    expect(recordFree(SITE_FIRST + 1, 70)).toBe(SITE_FIRST + 1);
    expect(recordFree(SITE_FIRST, 5)).toBe(SITE_FIRST);
    expect(counters(SITE_FIRST)).toStrictEqual([0, 0, 1, 5]);
    expect(counters(SITE_FIRST + 1)).toStrictEqual([1, 70, 1, 70]);
  });

  test("charges a release of older memory to the fixed site of its class", () => {
    shard();
    expect(recordFree(SITE_PRE_ARMING + CLASS_OPENSSL, 48)).toBe(SITE_PRE_ARMING + CLASS_OPENSSL);
    expect(counters(SITE_PRE_ARMING + CLASS_OPENSSL)).toStrictEqual([0, 0, 1, 48]);
  });

  test("refuses impossible site numbers, and counts nothing", () => {
    shard();
    expect(recordFree(slots, 1)).toBe(SITE_UNKNOWN);
    expect(recordFree(SITE_UNKNOWN, 1)).toBe(SITE_UNKNOWN);
    expect(carry(slots, 1, 1, 1, 1)).toBe(SITE_UNKNOWN);
    expect(insertKey(slots, A, IOBUFFER)).toBe(-1);
    expect(insertKey(SITE_UNKNOWN, A, IOBUFFER)).toBe(-1);
    expect(insertKey(SITE_FIRST - 1, A, IOBUFFER)).toBe(-1);
    expect(insertKey(0, A, IOBUFFER)).toBe(-1);
    expect(recordBufferEvent(A, 1)).toBe(SITE_UNKNOWN);
    expect(recordFree(slots - 1, 1)).toBe(slots - 1);
    expect(everything()).toBe(2);
  });

  test("keeps the number of a key that is inserted again", () => {
    shard();
    expect(insertKey(SITE_FIRST + 4, A, IOBUFFER)).toBe(0);
    expect(insertKey(SITE_FIRST + 4, A, IOBUFFER)).toBe(0);
    expect(insertKey(SITE_FIRST + 5, A, IOBUFFER)).toBe(0);
    expect(recordBufferEvent(A, 1)).toBe(SITE_FIRST + 4);
    expect(counters(SITE_FIRST + 5)).toStrictEqual([0, 0, 0, 0]);
  });

  test("accepts numbers in any order, as its thread meets the sites", () => {
    shard();
    insertKey(SITE_FIRST + 63, A, IOBUFFER);
    insertKey(SITE_FIRST, B, IOBUFFER);
    expect(recordBufferEvent(A, 1)).toBe(SITE_FIRST + 63);
    expect(recordBufferEvent(B, 1)).toBe(SITE_FIRST);
  });

  test("charges unknown keys to (other) of their class when frozen, and known keys as before", () => {
    shard();
    insertKey(SITE_FIRST, A, IOBUFFER);
    freeze(FROZEN_SITES);
    expect(recordBufferEvent(A, 10)).toBe(SITE_FIRST);
    expect(recordBufferEvent(B, 20)).toBe(SITE_OTHER + CLASS_IOBUFFER);
    expect(recordBufferEvent(B, -5)).toBe(SITE_OTHER + CLASS_IOBUFFER);
    expect(recordAlloc(B, OPENSSL | 1, 30)).toBe(SITE_OTHER + CLASS_OPENSSL);
    expect(recordAlloc(B, OPENSSL | 2, 40)).toBe(SITE_OTHER + CLASS_OPENSSL);
    expect(counters(SITE_FIRST)).toStrictEqual([1, 10, 0, 0]);
    expect(counters(SITE_OTHER + CLASS_IOBUFFER)).toStrictEqual([1, 20, 1, 5]);
    expect(counters(SITE_OTHER + CLASS_OPENSSL)).toStrictEqual([2, 70, 0, 0]);
  });

  test("asks for the row (other) of an unknown owner when frozen, and charges (other) of the class if there is none", () => {
    shard();
    const foo: u64 = 5 << 32;
    const bar: u64 = 6 << 32;
    freeze(FROZEN_SITES);
    expect(recordAlloc(A, foo | OPENSSL | 1, 10)).toBe(SITE_UNKNOWN);
    insertKey(limit, OTHER_ADDRESS, foo | OPENSSL);
    expect(recordAlloc(A, foo | OPENSSL | 1, 10)).toBe(limit);
    expect(recordAlloc(B, foo | OPENSSL | 2, 20)).toBe(limit);
    expect(recordAlloc(B, bar | OPENSSL | 2, 30)).toBe(SITE_UNKNOWN);
    expect(recordAlloc(A, OPENSSL | 1, 40)).toBe(SITE_OTHER + CLASS_OPENSSL);
    expect(recordBufferEvent(A, 50)).toBe(SITE_OTHER + CLASS_IOBUFFER);
    freeze(FROZEN_ALL);
    expect(recordAlloc(B, bar | OPENSSL | 2, 30)).toBe(SITE_OTHER + CLASS_OPENSSL);
    expect(recordAlloc(B, foo | OPENSSL | 3, 5)).toBe(limit);
    expect(recordFree(limit, 20)).toBe(limit);
    expect(counters(limit)).toStrictEqual([3, 35, 1, 20]);
    expect(counters(SITE_OTHER + CLASS_OPENSSL)).toStrictEqual([2, 70, 0, 0]);
  });

  test("adds the counts of another accountant", () => {
    shard();
    insertKey(SITE_FIRST, A, IOBUFFER);
    recordBufferEvent(A, 8);
    expect(carry(SITE_FIRST, 10, 1000, 4, 0)).toBe(SITE_FIRST);
    recordBufferEvent(A, -8);
    expect(counters(SITE_FIRST)).toStrictEqual([11, 1008, 5, 8]);
  });

  test("counts growth as allocated bytes and shrinking as released bytes, without events", () => {
    shard();
    insertKey(SITE_FIRST, A, OPENSSL | 1);
    recordAlloc(A, OPENSSL | 1, 100);
    expect(recordResize(SITE_FIRST, 0, 50)).toBe(SITE_FIRST);
    expect(recordResize(SITE_FIRST, 0, -30)).toBe(SITE_FIRST);
    expect(counters(SITE_FIRST)).toStrictEqual([1, 150, 0, 30]);
    recordFree(SITE_FIRST, 120);
    expect(counters(SITE_FIRST)).toStrictEqual([1, 150, 1, 150]);
    expect(recordResize(slots, 0, 1)).toBe(SITE_UNKNOWN);
  });

  test("resizes memory in its own epoch, also in a shard that has counted nothing else", () => {
    shard();
    insertKey(SITE_FIRST, A, OPENSSL | 1);
    const at = recordAt<Buckets>(buckets, SITE_FIRST);
    recordResize(SITE_FIRST, 0, 50);
    advanceEpochs(withBegin(0, 0, 1), SITE_FIRST + 1);
    expect(bucketBytes(at, 1)).toBe(50);
    recordResize(SITE_FIRST, 0, 25);
    recordResize(SITE_FIRST, 1, 1000);
    expect(bucketBytes(at, 1)).toBe(75);
    expect(bucketCount(at, 1)).toBe(0);
    recordFreeOld(SITE_FIRST, 0, 75);
    expect(bucketBytes(at, 1)).toBe(0);
    expect(counters(SITE_FIRST)).toStrictEqual([0, 1075, 1, 75]);
  });

  test("wraps its counters at 2^64 and continues", () => {
    shard();
    insertKey(SITE_FIRST, A, IOBUFFER);
    carry(SITE_FIRST, u64.MAX_VALUE, u64.MAX_VALUE - 99, u64.MAX_VALUE, u64.MAX_VALUE);
    recordBufferEvent(A, 100);
    recordBufferEvent(A, -3);
    expect(counters(SITE_FIRST)).toStrictEqual([0, 0, 0, 2]);
  });
});

// The code that the host inlines: it may decline an event; otherwise it has the same effect as the complete function.
describe("the inlined path", () => {
  test("counts the same as the complete function, or declines", () => {
    shard(SITES_MAX);
    const keys: u32 = 30000;
    let declined: u32 = 0;
    for (let i: u32 = 0; i < keys; ++i) {
      insertKey(SITE_FIRST + i, A + i * 48, IOBUFFER);
      insertKey(SITE_FIRST + keys + i, B, OPENSSL | i);
    }
    for (let i: u32 = 0; i < keys; ++i) {
      const site = SITE_FIRST + i;
      const before = counters(site)[0] + counters(site)[2];
      const tried = recordBufferEventFast(A + i * 48, i & 1 ? -100 : 100);
      if (tried == SITE_UNKNOWN) {
        ++declined;
        assert(counters(site)[0] + counters(site)[2] == before);
        assert(recordBufferEvent(A + i * 48, i & 1 ? -100 : 100) == site);
      } else assert(tried == site);
      const c = counters(site);
      assert(c[0] == (i & 1 ? 0 : 1) && c[1] == (i & 1 ? 0 : 100) && c[2] == (i & 1 ? 1 : 0) && c[3] == (i & 1 ? 100 : 0));

      const charged = recordAllocFast(B, OPENSSL | i, 7);
      if (charged == SITE_UNKNOWN) ++declined;
      else assert(charged == site + keys && counters(charged)[1] == 7);
    }
    // 60,000 keys in 131,072 slots: about a quarter are not in their first slot.
    expect(declined).toBeGreaterThan(0);
    expect(declined).toBeLessThan(keys);
  });

  test("declines an unknown key, whether or not the registry is full", () => {
    shard();
    expect(recordBufferEventFast(A, 100)).toBe(SITE_UNKNOWN);
    expect(recordAllocFast(A, OPENSSL | 1, 100)).toBe(SITE_UNKNOWN);
    freeze(FROZEN_SITES);
    expect(recordBufferEventFast(A, 100)).toBe(SITE_UNKNOWN);
    expect(recordAllocFast(A, OPENSSL | 1, 100)).toBe(SITE_UNKNOWN);
    expect(everything()).toBe(0);
  });
});
