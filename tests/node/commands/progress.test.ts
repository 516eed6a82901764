// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { progressBar } from "../../../host/node/commands/progress.ts";

describe("a progress bar", () => {
  function drawn(isTTY: boolean, times: number[], size: number | undefined): string {
    let text = "";
    let now = 0;
    const bar = progressBar({ isTTY, write: (part: string) => (text += part) }, () => now);
    for (const [index, at] of times.entries()) {
      now = at;
      bar.step((index + 1) * 1e8, size);
    }
    bar.done();
    return text;
  }

  test("appears on a terminal for a long operation, and disappears after it", () => {
    const text = drawn(true, [100, 600, 650, 1000], 4e8);
    assert.match(text, /\[#{15} {15}\] 50 % 191 MiB, 318 MiB\/s/);
    assert.match(text, /100 % 381 MiB, 381 MiB\/s\r\x1b\[K$/);
    assert.equal(text.match(/MiB,/g)!.length, 2);
    assert.match(drawn(true, [100, 900], undefined), /\r\x1b\[K191 MiB, 212 MiB\/s/);
  });

  test("does not appear for a short operation, or without a terminal", () => {
    assert.equal(drawn(true, [10, 400], 2e8), "");
    assert.equal(drawn(false, [1000, 2000], 2e8), "");
  });
});
