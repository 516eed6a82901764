// SPDX-License-Identifier: Apache-2.0
//
// Numbers packed into few bits: exact while they fit, ordered, and rounded in the right direction.

import { pack, packNarrow, unpack, unpackNarrow } from "../../../assembly/model/minifloat";
import { Random, seed } from "../support";

describe("packed numbers", () => {
  test("are exact below 2^27, and in 16 bits below 2^11", () => {
    for (let value: u64 = 1; value < 1 << 27; value = value * 3 + 1) expect(unpack(pack(value))).toBe(value);
    for (let value: u64 = 0; value < 1 << 11; ++value) expect(unpackNarrow(packNarrow(value))).toBe(value);
    expect(unpack(pack(0))).toBe(0);
  });

  test("round down by at most 1 part in 2^26; in 16 bits round up by at most 1 part in 2^10", () => {
    const random = new Random(seed());
    for (let i = 0; i < 10000; ++i) {
      const value = random.next() >> (8 + random.below(56));
      const wide = unpack(pack(value));
      assert(wide <= value && value - wide <= value >> 26, value.toString());
      if (value >> 41) continue;
      const narrow = unpackNarrow(packNarrow(value));
      assert(narrow >= value && narrow - value <= (value >> 10) + 1, value.toString());
    }
  });

  test("keep their order", () => {
    const random = new Random(seed() + 1);
    for (let i = 0; i < 10000; ++i) {
      const a = random.next() >> random.below(64);
      const b = random.next() >> random.below(64);
      if (a <= b) assert(pack(a) <= pack(b) && packNarrow(a) <= packNarrow(b), a.toString());
    }
  });

  test("saturate at the largest value", () => {
    expect(pack(u64.MAX_VALUE)).toBe(u32.MAX_VALUE);
    expect(packNarrow(u64.MAX_VALUE)).toBe(u16.MAX_VALUE);
    expect(unpack(u32.MAX_VALUE) > 1 << 57).toBe(true);
  });
});
