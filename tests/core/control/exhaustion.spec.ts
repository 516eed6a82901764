// SPDX-License-Identifier: Apache-2.0
//
// Log lines about limits of the host, one line each.

import { LIMIT_COUNT, LIMIT_MODULES, LIMIT_SHARDS, LIMIT_THUNKS, LINE_WARNING } from "../../../assembly/abi";
import { answerSeverity } from "../../../assembly/base/answer";
import { exhaustionNotice } from "../../../assembly/control/exhaustion";
import { limitName } from "../../../assembly/report/labels";
import { answered, freshControl } from "../support";

describe("a limit", () => {
  test("that has refused nothing, or is unknown, is not reported", () => {
    freshControl();
    expect(exhaustionNotice(LIMIT_THUNKS, 0)).toBe(0);
    expect(exhaustionNotice(LIMIT_COUNT, 1)).toBe(0);
  });

  test("is reported once, with its consequence", () => {
    freshControl();
    expect(answered(exhaustionNotice(LIMIT_MODULES, 1))).toBe(
      "limit modules reached: calls of further plugins and libraries are not tracked",
    );
    expect(answerSeverity()).toBe(LINE_WARNING);
    expect(exhaustionNotice(LIMIT_MODULES, 2)).toBe(0);
    expect(answered(exhaustionNotice(LIMIT_SHARDS, u64.MAX_VALUE))).toBe(
      "limit shards reached: further threads share one table, which is slower; nothing is lost",
    );
    expect(exhaustionNotice(LIMIT_SHARDS, u64.MAX_VALUE)).toBe(0);
  });

  test("has its own name and its own line", () => {
    freshControl();
    const names = new Set<string>();
    const lines = new Set<string>();
    for (let limit: u32 = 0; limit < LIMIT_COUNT; ++limit) {
      names.add(limitName(limit));
      const line = answered(exhaustionNotice(limit, 1));
      expect(line.startsWith("limit " + limitName(limit) + " reached: ")).toBe(true);
      lines.add(line.slice(line.indexOf(": ")));
    }
    expect(names.size).toBe(LIMIT_COUNT);
    expect(lines.size).toBe(LIMIT_COUNT);
  });
});
