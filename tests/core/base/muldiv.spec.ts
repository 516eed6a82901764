// SPDX-License-Identifier: Apache-2.0
//
// Ratios stay within 64 bits, whatever their operands.

import { mulDiv, percent } from "../../../assembly/base/muldiv";

describe("a product divided by a number", () => {
  test("is exact while the product fits", () => {
    expect(mulDiv(7, 3600, 1000)).toBe(25);
    expect(mulDiv(-7, 3600, 1000)).toBe(-25);
    expect(mulDiv(1 << 50, 3600, 3600)).toBe(1 << 50);
  });

  test("does not overflow", () => {
    expect(mulDiv(i64.MAX_VALUE, 3600, 3600)).toBe((i64.MAX_VALUE / 3600) * 3600);
    expect(mulDiv(3600 << 48, 3600, 3600)).toBe(3600 << 48);
    expect(mulDiv(-(3600 << 48), 3600, 3600)).toBe(-(3600 << 48));
  });
});

describe("a share in percent", () => {
  test("is exact for small numbers, and 0 of nothing", () => {
    expect(percent(1, 3)).toBe(33);
    expect(percent(3, 3)).toBe(100);
    expect(percent(1, 0)).toBe(0);
  });

  test("does not overflow", () => {
    expect(percent(u64.MAX_VALUE, u64.MAX_VALUE)).toBe(100);
    expect(percent(u64.MAX_VALUE / 2, u64.MAX_VALUE)).toBe(50);
  });
});
