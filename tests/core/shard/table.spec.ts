// SPDX-License-Identifier: Apache-2.0
//
// The hash table of sites finds each key that was inserted and no other, whatever their slots and however full it is.

import { SITE_FIRST, SITE_UNKNOWN, SITES_MAX, SITES_MIN } from "../../../assembly/abi";
import { index, indexBits, slots } from "../../../assembly/base/memory";
import { find, findFirst, findNear, insert, setSampled } from "../../../assembly/shard/table";
import { fresh, IOBUFFER, OPENSSL, Random, seed } from "../support";

/** The slot of a site in the index. */
function slotOfSite(site: u32): i32 {
  for (let at = 0; at < 1 << indexBits; ++at) if (<u32>load<u16>(index + (at << 1)) == site) return at;
  return -1;
}

/** Keys (places) that belong into one slot of an empty table; found by trying, so the hash may change. */
function placesOfSlot(slot: i32, count: i32): u64[] {
  fresh(SITES_MIN);
  const places: u64[] = [];
  for (let address: u64 = 0x7f0000001000; places.length < count; address += 8) {
    insert(SITE_FIRST, address, IOBUFFER);
    const at = slotOfSite(SITE_FIRST);
    store<u16>(index + (at << 1), 0);
    if (at == slot) places.push(address);
  }
  return places;
}

function last(): i32 {
  return (1 << indexBits) - 1;
}

describe("the table of sites", () => {
  test("finds nothing when empty", () => {
    fresh();
    expect(find(0, 0)).toBe(0);
    expect(find(0x1000, IOBUFFER)).toBe(0);
    expect(find(u64.MAX_VALUE, u32.MAX_VALUE)).toBe(0);
  });

  test("distinguishes keys by place, by class and by line", () => {
    fresh();
    insert(SITE_FIRST, 0x1000, IOBUFFER);
    insert(SITE_FIRST + 1, 0x1000, OPENSSL);
    insert(SITE_FIRST + 2, 0x1000, OPENSSL | 1);
    insert(SITE_FIRST + 3, 0x1001, OPENSSL | 1);
    insert(20, 0x1000 | (1 << 63), IOBUFFER);
    expect(find(0x1000, IOBUFFER)).toBe(SITE_FIRST);
    expect(find(0x1000, OPENSSL)).toBe(SITE_FIRST + 1);
    expect(find(0x1000, OPENSSL | 1)).toBe(SITE_FIRST + 2);
    expect(find(0x1001, OPENSSL | 1)).toBe(SITE_FIRST + 3);
    expect(find(0x1000 | (1 << 63), IOBUFFER)).toBe(20);
    expect(find(0x1000, OPENSSL | 2)).toBe(0);
    expect(find(0x1001, IOBUFFER)).toBe(0);
  });

  test("finds a sampled site, though not in the fast way, also after the index was made anew", () => {
    fresh();
    for (let i: u32 = 0; i < 40; ++i) insert(SITE_FIRST + i, 0x1000 + i, OPENSSL | i);
    setSampled(SITE_FIRST + 1, true);
    setSampled(SITE_FIRST + 50, true); // without a key
    for (let turn = 0; turn < 400; ++turn) {
      expect(find(0x1001, OPENSSL | 1)).toBe(SITE_FIRST + 1);
      expect(findFirst(0x1001, OPENSSL | 1)).toBe(SITE_UNKNOWN);
      expect(findNear(0x1001, OPENSSL | 1)).toBe(SITE_UNKNOWN);
      insert(SITE_FIRST + 60, 0x5000 + turn, OPENSSL); // fills the index with outdated slots
    }
    setSampled(SITE_FIRST + 1, false);
    expect(findNear(0x1001, OPENSSL | 1)).toBe(SITE_FIRST + 1);
    expect(find(0, 0)).toBe(0);
  });

  test("finds all keys of one slot, and no other key of that slot", () => {
    fresh();
    const places = placesOfSlot(17, 9);
    fresh();
    for (let i = 0; i < 8; ++i) insert(SITE_FIRST + i, places[i], IOBUFFER);
    for (let i = 0; i < 8; ++i) expect(find(places[i], IOBUFFER)).toBe(SITE_FIRST + i);
    expect(find(places[8], IOBUFFER)).toBe(0);
    expect(slotOfSite(SITE_FIRST)).toBe(17);
    expect(slotOfSite(SITE_FIRST + 7)).toBe(24);
  });

  test("continues at the beginning of the index after its end", () => {
    fresh();
    const places = placesOfSlot(last(), 6);
    const first = placesOfSlot(0, 2);
    fresh();
    for (let i = 0; i < 5; ++i) insert(SITE_FIRST + i, places[i], IOBUFFER);
    insert(SITE_FIRST + 5, first[0], IOBUFFER); // its first slot is taken by a key that wrapped
    for (let i = 0; i < 5; ++i) expect(find(places[i], IOBUFFER)).toBe(SITE_FIRST + i);
    expect(find(first[0], IOBUFFER)).toBe(SITE_FIRST + 5);
    expect(find(places[5], IOBUFFER)).toBe(0);
    expect(find(first[1], IOBUFFER)).toBe(0);
    expect(slotOfSite(SITE_FIRST)).toBe(last());
    expect(slotOfSite(SITE_FIRST + 4)).toBe(3);
    expect(slotOfSite(SITE_FIRST + 5)).toBe(4);
  });

  test("finds keys whatever the order of insertion", () => {
    fresh();
    const places = placesOfSlot(last() - 1, 6);
    for (let turn = 0; turn < 6; ++turn) {
      fresh();
      for (let i = 0; i < 6; ++i) {
        const which = (i * 5 + turn) % 6;
        insert(SITE_FIRST + which, places[which], IOBUFFER);
      }
      for (let i = 0; i < 6; ++i) expect(find(places[i], IOBUFFER)).toBe(SITE_FIRST + i);
    }
  });

  test("is at most half full at every capacity", () => {
    for (let sites = SITES_MIN; sites <= SITES_MAX; sites = sites < 4000 ? sites + 1 : sites + 4001) {
      // The formula of memory.init, without a thousand arenas.
      const bits = 32 - clz(2 * (SITE_FIRST + sites) - 1);
      if (1 << bits < 2 * (SITE_FIRST + sites)) expect(sites).toBe(0, "more than half full");
    }
    fresh(SITES_MAX);
    expect<u32>(1 << indexBits).toBeGreaterThanOrEqual(2 * slots);
  });

  test("finds every key when full, at the smallest, the default and the largest capacity", () => {
    const capacities: StaticArray<u32> = [SITES_MIN, 4096, SITES_MAX];
    for (let c = 0; c < capacities.length; ++c) {
      fresh(capacities[c]);
      const random = new Random(seed() + c);
      const places = new StaticArray<u64>(slots);
      for (let site = SITE_FIRST; site < slots; ++site) {
        places[site] = random.next() & 0x7fffffffffff;
        insert(site, places[site], site & 1 ? IOBUFFER : OPENSSL | site);
      }
      let wrong: u32 = 0;
      for (let site = SITE_FIRST; site < slots; ++site) {
        if (find(places[site], site & 1 ? IOBUFFER : OPENSSL | site) != site) ++wrong;
        if (find(places[site], 0x20000000 | site) != 0) ++wrong;
      }
      expect(wrong).toBe(0);
    }
  });

  test("spreads adjacent lines of adjacent files, so that no probe is long", () => {
    fresh(4096);
    for (let site = SITE_FIRST; site < slots; ++site)
      insert(site, 0x7f00_1234_0000 + <u64>(site / 128) * 16, OPENSSL | (site % 128));
    let run = 0;
    let longest = 0;
    for (let at = 0; at <= last(); ++at) {
      run = load<u16>(index + (at << 1)) ? run + 1 : 0;
      longest = max(longest, run);
    }
    expect(longest).toBeLessThan(64);
  });
});
