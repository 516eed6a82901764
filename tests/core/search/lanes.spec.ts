// SPDX-License-Identifier: Apache-2.0
//
// The first look at words, against the conditions themselves: it misses none, and notes few others.

import { EPOCH_BITS, TAG_BIRTH_SHIFT } from "../../../assembly/abi";
import { ADDRESS_MASK, fillFilter, lowest, span } from "../../../assembly/search/filter";
import { leastLanes, mostLanes, NOTED, notedAddresses, notedTags, noteWords } from "../../../assembly/search/lanes";
import { canBeTag, lastSite, setBirths } from "../../../assembly/search/tag";
import { window } from "../../../assembly/base/memory";
import { Random, seed } from "../support";
import { memoryOf } from "./support";

let random: Random = new Random(1);

function noted(tagsToo: bool): u64 {
  const last: u64 = tagsToo ? lastSite() : 0;
  return noteWords(<u32>window, leastLanes(last), mostLanes(last));
}

/** Notes NOTED words. */
function check(tagsToo: bool): void {
  const bits = noted(tagsToo);
  for (let i: u32 = 0; i < NOTED; ++i) {
    const word = load<u64>(window + i * 8);
    const about = `0x${word.toString(16)} of ${lowest} + ${span}, ${lastSite()} sites`;
    if ((word & ADDRESS_MASK) - lowest < span) expect((notedAddresses(bits) >> i) & 1).toBe(1, about);
    if (tagsToo && canBeTag(word)) expect((notedTags(bits) >> i) & 1).toBe(1, about);
  }
  if (!tagsToo) expect(notedTags(bits)).toBe(0);
}

/** A word of which any part can be anything, or one near a bound. */
function anyWord(): u64 {
  const near = <u64>random.below(5) - 2;
  switch (random.below(7)) {
    case 0:
      return random.next();
    case 1:
      return lowest + near;
    case 2:
      return lowest + span + near;
    case 3:
      return (lowest + (random.next() % (span | 1))) | (random.next() << 47);
    case 4:
      return (lastSite() << (EPOCH_BITS + TAG_BIRTH_SHIFT)) + (near << TAG_BIRTH_SHIFT) + (random.next() % (1 << TAG_BIRTH_SHIFT));
    case 5:
      return ((<u64>1) << (EPOCH_BITS + TAG_BIRTH_SHIFT)) + near;
    default:
      return random.next() >> random.below(64);
  }
}

describe("the first look at words", () => {
  test("misses none that is in the range or can be a tag, whatever the range and the sites", () => {
    memoryOf(0x1000);
    random = new Random(seed());
    for (let round = 0; round < 3000; ++round) {
      const low = random.next() & ADDRESS_MASK;
      const high = min(low + (random.next() >> (17 + random.below(47))), ADDRESS_MASK + 1);
      fillFilter(low, random.below(20) ? high : 0);
      setBirths(random.below(20) ? <u32>(random.next() >> (41 + random.below(23))) : 0);
      for (let i: u32 = 0; i < NOTED; ++i) store<u64>(window + i * 8, anyWord());
      check((round & 1) != 0);
    }
  });

  test("notes neither numbers nor texts, where the heap is and sites are as they usually are", () => {
    memoryOf(0x1000);
    fillFilter(0x7f12_3456_0000, 0x7f13_3456_0000);
    setBirths(4000 << EPOCH_BITS);
    const words: u64[] = [
      0,
      1,
      4096,
      u32.MAX_VALUE,
      u64.MAX_VALUE,
      0x6874_696d_7365_6420,
      0x2f2f_3a70_7474_6820,
      0x4059_0000_0000_0000,
    ];
    for (let i: u32 = 0; i < NOTED; ++i) store<u64>(window + i * 8, words[i % words.length]);
    expect(noted(true)).toBe(0);
    for (let i: u32 = 0; i < NOTED; ++i) {
      const other = (i + 9) % NOTED;
      store<u64>(window + i * 8, 0x7f12_3456_0000);
      store<u64>(window + other * 8, ((<u64>4000) << 48) + 7);
      expect(notedAddresses(noted(true))).toBe(1 << i);
      expect(notedTags(noted(true))).toBe(1 << other);
      expect(notedAddresses(noted(false))).toBe(1 << i);
      expect(notedTags(noted(false))).toBe(0);
      store<u64>(window + i * 8, 0);
      store<u64>(window + other * 8, 0);
    }
  });
});
