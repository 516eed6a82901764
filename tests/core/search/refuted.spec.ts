// SPDX-License-Identifier: Apache-2.0
//
// Values that were no tags at many addresses.

import { REFUTED_COUNT } from "../../../assembly/base/memory";
import { forgetRefuted, isRefuted, refute } from "../../../assembly/search/refuted";
import { memoryOf } from "./support";

const VALUE: u64 = 0x0101_0001_0000_0101;
const ENOUGH = 16;

describe("a value that is no tag", () => {
  test("is tried at sixteen addresses, and not again before the next pass", () => {
    memoryOf(0x1000);
    for (let i = 0; i < ENOUGH; ++i) {
      expect(isRefuted(VALUE)).toBe(false);
      refute(VALUE);
    }
    expect(isRefuted(VALUE)).toBe(true);
    expect(isRefuted(VALUE + 1)).toBe(false);
    forgetRefuted();
    expect(isRefuted(VALUE)).toBe(false);
  });

  test("stays remembered among thousands that come once", () => {
    memoryOf(0x1000);
    for (let i: u64 = 0; i < 40 * REFUTED_COUNT; ++i) {
      if (i % 16 == 0) refute(VALUE);
      refute(i << 8);
    }
    expect(isRefuted(VALUE)).toBe(true);
    let others = 0;
    for (let i: u64 = 0; i < 40 * REFUTED_COUNT; ++i) if (isRefuted(i << 8)) ++others;
    expect(others).toBe(0);
  });
});
