// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, count, signed, span } from "../../host/shared/units.ts";

test("units", () => {
  const sizes: [number, string][] = [
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [-1536, "-1.5 KiB"],
    [1024 * 1024 - 1, "1.0 MiB"],
    [150 * 1024, "150 KiB"],
    [2 ** 53, "8.0 PiB"],
  ];
  for (const [value, text] of sizes) assert.equal(bytes(value), text);
  assert.deepEqual([signed(5, count), signed(-5, count), signed(0, count)], ["+5", "-5", "0"]);
  assert.deepEqual([count(999), count(1234567)], ["999", "1,234,567"]);
  const spans: [number, string][] = [
    [45, "45 s"],
    [60, "1 min"],
    [113, "1 min 53 s"],
    [725, "12 min"],
    [7500, "2 h 5 min"],
    [86400, "1 d"],
    [90000, "1 d 1 h"],
  ];
  for (const [value, text] of spans) assert.equal(span(value), text);
});
