// SPDX-License-Identifier: Apache-2.0
//
// A site number is reused when nothing can be counted under its old key any more: no live byte, no event, no release. Here a model, a
// registry and a shard share one instance.

import {
  CLASS_HEAP,
  CLASS_IOBUFFER,
  CLASS_OBJECT,
  CLASS_OPENSSL,
  CLASS_TSAPI,
  FACT_VERIFY,
  KIND_CONT,
  KIND_IOBUFFER,
} from "../../../assembly/abi";
import {
  FROZEN_SITES,
  NAME_HIDDEN,
  NAME_UNTRACKED,
  NAME_VIA,
  OWNER_CORE,
  OWNER_OTHER,
  SITE_FIRST,
  SITE_OTHER,
  SITE_UNKNOWN,
  SITES_MIN,
  UNTRACKED_ADDRESS,
} from "../../../assembly/abi";
import { indexMask, limit } from "../../../assembly/base/memory";
import {
  addressOf,
  attributesOf,
  freeSite,
  insertKey,
  isOwnSite,
  reclaim,
  recordAlloc,
  recordBufferEvent,
  refusals,
  register,
  registerName,
} from "../../../assembly/index";
import { applyBaseline, freeze, recordFree, renameSite, retireOwner, siteCount, sitesInUse } from "../../../assembly/index";
import { setHeaderNumber } from "../../../assembly/model/facts";
import { arm, isRow, isUntracked, preArmingFrees, sumRows, untrackedBytes, untrackedFrees } from "../../../assembly/model/model";
import { allocs, frees, inUse } from "../../../assembly/model/sums";
import { verifyCompare, verifyMark, verifyRow, verifyStart } from "../../../assembly/model/verify";
import { lengthOf, ownerOfSite } from "../../../assembly/registry/name";
import { ownerOf } from "../../../assembly/registry/owner";
import {
  adoptNames,
  attributes,
  collect,
  fresh,
  IOBUFFER,
  nameOf,
  OPENSSL,
  owner,
  pluginSite,
  put,
  Random,
  rowOf,
  seed,
  site,
} from "../support";

/** Counts an allocation by a plugin, as a host does. Returns the site. */
function call(cls: u32, address: u64, key: u32, size: u64, text: string = "", line: u32 = 0): u32 {
  const key64 = attributes(cls, line, key);
  const known = recordAlloc(address, key64, size);
  if (known != SITE_UNKNOWN) return known;
  const number = register(address, key64, put(text.length ? text : "p.so+" + address.toString()), key, 0);
  if (isOwnSite(number)) insertKey(number, address, key64);
  else freeze(FROZEN_SITES);
  return recordAlloc(address, key64, size);
}

/** Counts an IOBuffer event with a plugin's location. Returns the site. */
function buffer(address: u64, key: u32, size: i64): u32 {
  const known = recordBufferEvent(address, size);
  if (known != SITE_UNKNOWN) return known;
  const number = register(address, IOBUFFER, put("memory/plugin/p.so+" + address.toString()), key, 0);
  if (isOwnSite(number)) insertKey(number, address, IOBUFFER);
  return recordBufferEvent(address, size);
}

/** Reclaims all numbers that can be reclaimed, as a host does between dumps. Returns how many. */
function giveBack(): u32 {
  adoptNames(); // the model must know the retired owners before it reads the counters
  collect();
  let count: u32 = 0;
  for (let at = reclaim(0); at; at = reclaim(at), ++count) assert(freeSite(at) == 0, "freeSite");
  return count;
}

function classify(): void {
  collect();
  applyBaseline();
}

/** The numbers of a row in a dump: allocs, frees, in-use. */
function shown(row: u32): i64[] {
  return [<i64>allocs(row), <i64>frees(row), inUse(row)];
}

describe("the number of a site of an unloaded module", () => {
  test("is reused when everything is released, and starts at 0 although the shards' counters continue", () => {
    fresh();
    const old = owner("foo.so");
    const number = call(CLASS_TSAPI, 0x1000, old, 100);
    for (let i = 0; i < 9; ++i) call(CLASS_TSAPI, 0x1000, old, 100);
    for (let i = 0; i < 10; ++i) recordFree(number, 100);
    classify();
    expect(shown(number)).toStrictEqual([10, 10, 0]);
    retireOwner(old);
    expect(giveBack()).toBe(1);
    expect(ownerOf(old)).toBe(OWNER_OTHER, "it kept no site");

    const next = owner("foo.so#2");
    const other = call(CLASS_HEAP, 0x1000, next, 7);
    expect(other).toBe(number);
    classify();
    expect(shown(number)).toStrictEqual([1, 0, 7]);
    expect(nameOf(number)).toBe("memory/plugin/p.so+4096");
    expect(ownerOfSite(number)).toBe(ownerOf(next));
    recordFree(number, 7);
    call(CLASS_HEAP, 0x1000, next, 9);
    classify();
    expect(shown(number)).toStrictEqual([2, 1, 9]);
    expect(preArmingFrees(CLASS_HEAP)).toBe(0);
    expect(preArmingFrees(CLASS_TSAPI)).toBe(0);
  });

  test("is reused where it only counts what the module freed, which no row has", () => {
    fresh();
    const foo = owner("foo.so");
    const number = register(UNTRACKED_ADDRESS, attributes(CLASS_HEAP, 0, foo), put("(untracked)"), foo, NAME_UNTRACKED);
    for (let i = 0; i < 3; ++i) {
      expect(recordAlloc(UNTRACKED_ADDRESS, attributes(CLASS_HEAP, 0, foo), 0)).toBe(number);
      recordFree(number, 100);
    }
    classify();
    expect(isRow(number)).toBe(false);
    expect(isUntracked(number)).toBe(true);
    expect(untrackedFrees(number)).toBe(3);
    expect(untrackedBytes(number)).toBe(300);
    expect(preArmingFrees(CLASS_HEAP)).toBe(0, "only what no owner is known of");
    retireOwner(foo);
    expect(giveBack()).toBe(1);
    const bar = owner("bar.so");
    expect(call(CLASS_HEAP, 0x1000, bar, 7)).toBe(number);
    classify();
    expect(shown(number)).toStrictEqual([1, 0, 7]);
    expect(preArmingFrees(CLASS_HEAP)).toBe(0);
  });

  test("is not reused while a byte or a block is in use", () => {
    fresh();
    const foo = owner("foo.so");
    const number = call(CLASS_TSAPI, 0x1000, foo, 100);
    const empty = call(CLASS_TSAPI, 0x2000, foo, 0);
    const cont = call(CLASS_OBJECT, 0x3000, foo, 0, "", KIND_CONT);
    recordFree(number, 99);
    retireOwner(foo);
    expect(giveBack()).toBe(0);
    recordFree(number, 1); // 1 allocation, 2 releases and 0 bytes cannot come from tagged blocks
    expect(giveBack()).toBe(0);
    recordFree(empty, 0);
    expect(giveBack()).toBe(1);
    expect(lengthOf(cont)).not.toBe(0);
    recordFree(cont, 0);
    expect(giveBack()).toBe(1);
    classify();
    expect(isRow(number)).toBe(true);
  });

  test("is not reused while the module is loaded, nor for sites of the server or of (other plugins)", () => {
    fresh();
    const foo = owner("foo.so");
    recordFree(call(CLASS_TSAPI, 0x1000, foo, 100), 100);
    recordFree(call(CLASS_TSAPI, 0x2000, 0x7777, 100), 100);
    site("memory/IOBuffer/A.cc:1");
    expect(giveBack()).toBe(0);
    retireOwner(foo);
    expect(giveBack()).toBe(1);
    expect(giveBack()).toBe(0, "once");
  });

  test("is not reused if the module was unloaded while the counters were read", () => {
    fresh();
    const foo = owner("foo.so");
    const number = call(CLASS_TSAPI, 0x1000, foo, 100);
    recordFree(number, 100);
    adoptNames();
    collect();
    // Its last allocation is in no sum yet, although the model learns that the module is gone.
    call(CLASS_TSAPI, 0x1000, foo, 100);
    retireOwner(foo);
    adoptNames();
    sumRows();
    expect(reclaim(0)).toBe(0);
    collect();
    expect(reclaim(0)).toBe(0, "in use");
    recordFree(number, 100);
    collect();
    expect(reclaim(0)).toBe(number);
  });

  test("is not reused once a site was refused, because a shard may be frozen", () => {
    fresh(SITES_MIN);
    const foo = owner("foo.so");
    const number = call(CLASS_TSAPI, 0x1000, foo, 100);
    recordFree(number, 100);
    while (siteCount() < SITE_FIRST + SITES_MIN) site("memory/IOBuffer/Filler.cc:" + siteCount().toString());
    expect(register(0x9999, OPENSSL | 1, put("a.c"), OWNER_CORE, 0)).toBe(SITE_OTHER + CLASS_OPENSSL);
    retireOwner(foo);
    giveBack();
    expect(register(0xaaaa, OPENSSL | 2, put("a.c"), OWNER_CORE, 0)).toBe(SITE_OTHER + CLASS_OPENSSL);
    expect(registerName(put("memory/IOBuffer/New.cc:1"))).toBe(SITE_OTHER + CLASS_IOBUFFER);
    expect(refusals()).toBe(3);
  });

  test("is reused in a full table that has refused nothing", () => {
    fresh(SITES_MIN);
    const foo = owner("foo.so");
    for (let i: u32 = 0; i < SITES_MIN; ++i) recordFree(call(CLASS_TSAPI, 0x1000 + i * 8, foo, 5), 5);
    expect(siteCount()).toBe(SITE_FIRST + SITES_MIN);
    expect(sitesInUse()).toBe(SITES_MIN);
    retireOwner(foo);
    expect(giveBack()).toBe(SITES_MIN);
    expect(sitesInUse()).toBe(0);
    const bar = owner("bar.so");
    const seen = new Set<u32>();
    for (let i: u32 = 0; i < SITES_MIN; ++i) seen.add(call(CLASS_HEAP, 0x1000 + i * 8, bar, i));
    expect<u32>(seen.size).toBe(SITES_MIN);
    expect(refusals()).toBe(0);
    expect(sitesInUse()).toBe(SITES_MIN);
    expect(call(CLASS_HEAP, 0x9000, bar, 5)).toBe(limit); // (other) of bar.so
    classify();
    for (let i: u32 = 0; i < SITES_MIN; ++i) expect(inUse(recordAlloc(0x1000 + i * 8, attributes(CLASS_HEAP, 0, bar), 0))).toBe(i);
  });

  test("is not reused if its key does not contain its owner: the next module at that address gets the same key", () => {
    fresh();
    const foo = owner("foo.so");
    const bar = owner("bar.so");
    // A thread of foo outside any plugin's context, and a call from bar into foo.
    const alone = register(0x1000, attributes(CLASS_TSAPI, 0, OWNER_CORE), put("foo.so+0x1"), foo, 0);
    const called = register(0x1000, attributes(CLASS_TSAPI, 0, bar), put("foo.so+0x1"), foo, 0);
    const own = register(0x1000, attributes(CLASS_TSAPI, 0, foo), put("foo.so+0x1"), foo, 0);
    expect([rowOf(alone), rowOf(called), rowOf(own)]).toStrictEqual([alone, alone, alone], "one call, one row");
    retireOwner(foo);
    expect(giveBack()).toBe(1);
    expect(freeSite(alone)).toBe(-1);
    expect(freeSite(called)).toBe(-1);
    expect(lengthOf(own)).toBe(0);
    expect(register(0x1000, attributes(CLASS_TSAPI, 0, OWNER_CORE), put("foo.so#2+0x1"), owner("foo.so#2"), 0)).toBe(alone);
    expect(rowOf(called)).toBe(alone);
  });

  test("is reused for wrappers, and for sites in libraries and OpenSSL on its behalf", () => {
    fresh();
    const foo = owner("foo.so");
    pluginSite(CLASS_HEAP, "foo.so xmalloc", foo, 0, NAME_HIDDEN);
    pluginSite(CLASS_HEAP, "libjansson.so+0x1", foo, 0, NAME_VIA);
    recordFree(call(CLASS_OPENSSL, 0x1000, foo, 50, "a.c", 5), 50);
    retireOwner(foo);
    expect(giveBack()).toBe(3);
  });

  test("is reclaimed only once, and only after its module is gone", () => {
    fresh();
    const foo = owner("foo.so");
    const number = call(CLASS_TSAPI, 0x1000, foo, 100);
    expect(freeSite(number)).toBe(-1, "loaded");
    expect(freeSite(site("memory/IOBuffer/A.cc:1"))).toBe(-1, "the server's");
    expect(freeSite(SITE_OTHER + CLASS_TSAPI)).toBe(-1);
    expect(freeSite(siteCount())).toBe(-1);
    expect(freeSite(u32.MAX_VALUE)).toBe(-1);
    retireOwner(foo);
    expect(freeSite(number)).toBe(0);
    expect(freeSite(number)).toBe(-1);
    expect(renameSite(number, put("late"))).toBe(-1, "its debug information was read too late");
    expect(call(CLASS_TSAPI, 0x5000, owner("a.so"), 1)).toBe(number);
    expect(call(CLASS_TSAPI, 0x6000, owner("b.so"), 1)).not.toBe(number);
  });

  test("returns to its old key if that key appears again", () => {
    fresh();
    const foo = owner("foo.so");
    const first = buffer(0x1000, foo, 100);
    const second = buffer(0x2000, foo, 100);
    const third = buffer(0x3000, foo, 100);
    recordBufferEvent(0x1000, -100);
    recordBufferEvent(0x2000, -100);
    recordBufferEvent(0x3000, -100);
    retireOwner(foo);
    expect(giveBack()).toBe(3);
    // The server kept the location of a buffer that was unknown; a shard without this key asks for it.
    expect(register(0x2000, IOBUFFER, put("memory/plugin/p.so+8192"), foo, 0)).toBe(second);
    expect(nameOf(second)).toBe("memory/plugin/p.so+8192");
    expect(registerName(put("memory/plugin/p.so+8192"))).toBe(second);
    expect(sitesInUse()).toBe(1);
    const bar = owner("bar.so");
    const given = [call(CLASS_TSAPI, 0x10, bar, 1), call(CLASS_TSAPI, 0x20, bar, 1), call(CLASS_TSAPI, 0x30, bar, 1)];
    expect(given.includes(second)).toBe(false);
    expect(given.includes(first) && given.includes(third)).toBe(true);
    recordBufferEvent(0x2000, 30);
    classify();
    expect(shown(second)).toStrictEqual([1, 0, 30]);
  });

  test("that is reused for a name without a place has no key any more", () => {
    fresh();
    const foo = owner("foo.so");
    const number = call(CLASS_TSAPI, 0x1000, foo, 1);
    recordFree(number, 1);
    retireOwner(foo);
    giveBack();
    expect(registerName(put("memory/IOBuffer/ByName.cc:1"))).toBe(number);
    expect(addressOf(number)).toBe(0);
    expect(attributesOf(number)).toBe(0);
    expect(register(0x1000, attributes(CLASS_TSAPI, 0, foo), put("x"), foo, 0)).not.toBe(number);
    expect(nameOf(number)).toBe("memory/IOBuffer/ByName.cc:1");
    expect(register(0, 0, put("memory/IOBuffer/Nowhere.cc:1"), OWNER_CORE, 0)).not.toBe(number);
  });
});

describe("the number of an IOBuffer's site", () => {
  test("is not reused while a buffer of its owner is alive: the server may still allocate for it", () => {
    fresh();
    const foo = owner("foo.so");
    const bar = owner("bar.so");
    const made = call(CLASS_OBJECT, 0x1000, foo, 0, "", KIND_IOBUFFER);
    const blocks = buffer(0x2000, foo, 4096);
    const others = call(CLASS_OBJECT, 0x3000, bar, 0, "", KIND_IOBUFFER);
    const cont = call(CLASS_OBJECT, 0x4000, foo, 0, "", KIND_CONT);
    recordBufferEvent(0x2000, -4096);
    retireOwner(foo);
    expect(giveBack()).toBe(0);
    expect(buffer(0x2000, foo, 4096)).toBe(blocks);
    recordBufferEvent(0x2000, -4096);
    recordFree(made, 0);
    expect(giveBack()).toBe(2, "neither another's buffer nor its own continuation stands in the way");
    expect(lengthOf(others)).not.toBe(0);
    expect(lengthOf(cont)).not.toBe(0);
  });

  test("is not reused while it has memory older than the arming, which is released under the old key", () => {
    fresh();
    const foo = owner("foo.so");
    const number = buffer(0x1000, foo, 4096);
    collect();
    arm(CLASS_IOBUFFER);
    retireOwner(foo);
    classify();
    expect(giveBack()).toBe(0, "allocated before the arming");
    recordBufferEvent(0x1000, -4096);
    classify();
    expect(preArmingFrees(CLASS_IOBUFFER)).toBe(1);
    expect(giveBack()).toBe(0, "its row has found older memory");

    const bar = owner("bar.so");
    const late = buffer(0x2000, bar, -4096);
    classify();
    buffer(0x2000, bar, 4096); // as many allocations as releases, and one block in use
    retireOwner(bar);
    classify();
    expect(shown(late)).toStrictEqual([1, 0, 4096]);
    expect(giveBack()).toBe(0);
    expect(number).not.toBe(late);
  });

  test("is not reused in verify mode, because the built-in tracker keeps its row", () => {
    fresh();
    const foo = owner("foo.so");
    const number = buffer(0x1000, foo, 4096);
    recordBufferEvent(0x1000, -4096);
    const block = call(CLASS_TSAPI, 0x2000, foo, 8);
    recordFree(block, 8);
    collect();
    verifyStart();
    verifyMark();
    retireOwner(foo);
    expect(giveBack()).toBe(1, "of the other class");
    expect(lengthOf(number)).not.toBe(0);
    setHeaderNumber(FACT_VERIFY, 0); // a dump after verify mode was switched off
    expect(giveBack()).toBe(1);
    expect(lengthOf(number)).toBe(0);
  });

  test("that belonged to another class starts at 0 in the comparison with the built-in tracker too", () => {
    fresh();
    const foo = owner("foo.so");
    const number = call(CLASS_TSAPI, 0x1000, foo, 100);
    recordFree(number, 100);
    collect();
    verifyStart();
    verifyMark();
    for (let i = 0; i < 5; ++i) recordFree(call(CLASS_TSAPI, 0x1000, foo, 100), 100);
    retireOwner(foo);
    expect(giveBack()).toBe(1);
    const bar = owner("bar.so");
    expect(buffer(0x5000, bar, 4096)).toBe(number);
    collect();
    verifyStart();
    verifyRow(number, 1, 0, 4096);
    expect(verifyCompare()).toBe(0);

    // Also if it joins an existing row.
    const baz = owner("baz.so");
    const again = call(CLASS_TSAPI, 0x6000, baz, 1);
    recordFree(again, 1);
    retireOwner(baz);
    expect(giveBack()).toBe(1);
    expect(register(0x7000, IOBUFFER, put("memory/plugin/p.so+20480"), bar, 0)).toBe(again);
    insertKey(again, 0x7000, IOBUFFER);
    recordBufferEvent(0x7000, 512);
    collect();
    verifyStart();
    verifyRow(number, 2, 0, 4608);
    expect(verifyCompare()).toBe(0);
  });
});

describe("a shard whose numbers are reassigned thousands of times", () => {
  test("finds every current key and no old one, and counts under no other", () => {
    const random = new Random(seed());
    fresh(SITES_MIN);
    const keys = new Map<u32, u64>(); // current keys by number
    let wrong = 0;
    let address: u64 = 0x7f00_0000_0000;
    for (let i = 0; i < 20000; ++i) {
      const number = SITE_FIRST + random.below(SITES_MIN);
      address += 16 + random.below(4) * 16;
      const old = keys.has(number) ? keys.get(number) : 0;
      insertKey(number, address, IOBUFFER);
      keys.set(number, address);
      if (recordBufferEvent(address, 1) != number) ++wrong;
      if (old && recordBufferEvent(old, 1) != SITE_UNKNOWN) ++wrong;
      if (i % 97) continue;
      const numbers = keys.keys();
      for (let k = 0; k < numbers.length; ++k) if (recordBufferEvent(keys.get(numbers[k]), -1) != numbers[k]) ++wrong;
    }
    expect(wrong).toBe(0, "MEMTRACK_SEED=" + seed().toString());
  });

  test("keeps empty slots in its index, after any number of keys", () => {
    fresh(SITES_MIN);
    for (let i: u32 = 0; i < 5000; ++i) {
      insertKey(SITE_FIRST + (i % 3), 0x1000 + i * 8, IOBUFFER);
      // With a full index this search would never end.
      if (recordBufferEvent(0x9_0000_0000 + i, 1) != SITE_UNKNOWN) expect(i).toBe(0, "found what was never told");
    }
    expect(indexMask).toBe(511);
  });

  test("keeps the number of a key that is assigned again", () => {
    fresh(SITES_MIN);
    insertKey(SITE_FIRST, 0x1000, IOBUFFER);
    insertKey(SITE_FIRST, 0x2000, IOBUFFER);
    insertKey(SITE_FIRST, 0x1000, IOBUFFER);
    expect(recordBufferEvent(0x1000, 1)).toBe(SITE_FIRST);
    expect(recordBufferEvent(0x2000, 1)).toBe(SITE_UNKNOWN);
  });
});

describe("a proxy that reloads for months", () => {
  test("needs only as many numbers as are in use at a time, and counts exactly", () => {
    fresh(SITES_MIN);
    let leaked: u64 = 0;
    for (let load: u32 = 0; load < 2000; ++load) {
      const key = owner("foo.so#" + load.toString());
      for (let i: u32 = 0; i < 20; ++i) {
        const number = call(CLASS_TSAPI, 0x1000 + i * 16, key, 10 + i);
        const leaks = load % 500 == 0 && i == 3;
        if (leaks) leaked += 10 + i;
        else recordFree(number, 10 + i);
      }
      retireOwner(key);
      giveBack();
      if (load % 100) continue;
      classify();
      let sum: i64 = 0;
      for (let s: u32 = 0; s < siteCount(); ++s) if (isRow(s)) sum += inUse(s);
      expect(sum).toBe(leaked);
    }
    expect(refusals()).toBe(0);
    expect(siteCount()).toBe(SITE_FIRST + 20 + 4, "20 at a time, and one for each leak");
  });
});
