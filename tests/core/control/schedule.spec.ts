// SPDX-License-Identifier: Apache-2.0
//
// Work that is due, checked each second.

import { reclaimDue, sampleAnew, sampleDue } from "../../../assembly/control/schedule";
import { freshControl } from "../support";

describe("a sample", () => {
  test("is due at once, and then at the first check after each interval", () => {
    freshControl();
    expect(sampleDue(1000, 10)).toBe(1);
    expect(sampleDue(1001, 10)).toBe(0);
    expect(sampleDue(1009, 10)).toBe(0);
    expect(sampleDue(1012, 10)).toBe(1);
    expect(sampleDue(1021, 10)).toBe(0);
    expect(sampleDue(1022, 10)).toBe(1);
    expect(sampleDue(1023, 1)).toBe(1, "a shorter interval counts at once");
    expect(sampleDue(1024, 3600)).toBe(0);
    sampleAnew();
    expect(sampleDue(1025, 3600)).toBe(1);
  });
});

describe("reclaiming site numbers", () => {
  test("is due after an unload, and then at every tenth check", () => {
    freshControl();
    for (let i = 0; i < 100; ++i) expect(reclaimDue(0)).toBe(0);
    expect(reclaimDue(1)).toBe(1);
    for (let round = 0; round < 3; ++round) {
      for (let i = 0; i < 9; ++i) expect(reclaimDue(1)).toBe(0);
      expect(reclaimDue(1)).toBe(1);
    }
    expect(reclaimDue(3)).toBe(1);
    expect(reclaimDue(3)).toBe(0);
  });
});
