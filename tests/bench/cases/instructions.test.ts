// SPDX-License-Identifier: Apache-2.0
//
// The hot path does not grow unseen: instructions per event and per pair stay below committed limits.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { countInstructions, type Instructions } from "../../../bench/cases/instructions.ts";
import { INSTRUCTION_LIMITS } from "../../../bench/cases/limits.ts";
import { buildNative } from "../../../bench/native.ts";

describe("instructions of the hot path", () => {
  let counted: Instructions;
  before(async () => {
    buildNative();
    counted = await countInstructions();
  });

  for (const [name, limit] of Object.entries(INSTRUCTION_LIMITS)) {
    test(`${name}: at most ${limit}`, () => {
      const count = counted[name as keyof typeof INSTRUCTION_LIMITS];
      assert.ok(count > 0, `${count}: nothing was counted`);
      assert.ok(count <= limit, `${count} instructions, more than ${limit}: see bench/cases/limits.ts`);
    });
  }

  test("counts are the same in a second run", async () => {
    assert.deepEqual(await countInstructions(), counted);
  });
});
