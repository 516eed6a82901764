// SPDX-License-Identifier: Apache-2.0
//
// Log lines about memtrack's state, each written when the state changes.

import { HOOK_INSTALLED, HOOK_OFF, HOOK_REFUSED, LINE_ERROR, LINE_NOTE, LINE_WARNING } from "../../../assembly/abi";
import { answerSeverity } from "../../../assembly/base/answer";
import { startNotice, troubleNotice } from "../../../assembly/control/notices";
import { answered, freshControl, put } from "../support";

function trouble(refusals: u64, traps: u32, lost: u64): string {
  return answered(troubleNotice(4096, refusals, traps, lost));
}

describe("the line at the start", () => {
  test("has the level, the capacity and the state of every hook", () => {
    freshControl();
    const length = put("0123456789abcdef");
    expect(answered(startNotice(length, 2, 4096, HOOK_INSTALLED, HOOK_REFUSED, HOOK_INSTALLED, HOOK_REFUSED, HOOK_OFF))).toBe(
      "core 0123456789abcdef replaces the built-in memory tracker: level 2, room for 4096 sites, " +
        "iobuffer installed, openssl refused, plugins installed, buffers refused, heap off",
    );
    expect(answerSeverity()).toBe(LINE_NOTE);
  });
});

describe("trouble", () => {
  test("is not reported if there is none", () => {
    freshControl();
    expect(trouble(0, 0, 0)).toBe("");
    expect(trouble(0, 0, 1)).toBe("");
  });

  test("of a full table is reported once, with a remedy", () => {
    freshControl();
    expect(trouble(1, 0, 0)).toBe(
      "the table of 4096 sites is full: new sites are counted as (other), totals stay exact. " +
        "To see them by name, raise proxy.config.plugin.memtrack.sites and restart traffic_server",
    );
    expect(answerSeverity()).toBe(LINE_WARNING);
    expect(trouble(u64.MAX_VALUE, 0, 0)).toBe("");
  });

  test("of traps is reported for each further trap", () => {
    freshControl();
    expect(trouble(0, 1, 0)).toBe(
      "the core trapped in 1 thread; later events of these threads are counted as lost. Restart traffic_server to count them again",
    );
    expect(answerSeverity()).toBe(LINE_ERROR);
    expect(trouble(0, 1, 0)).toBe("");
    expect(trouble(0, 3, 0)).toBe(
      "the core trapped in 3 threads; later events of these threads are counted as lost. Restart traffic_server to count them again",
    );
  });

  test("of lost events is reported each time their number has doubled", () => {
    freshControl();
    const said: u64[] = [];
    for (let lost: u64 = 0; lost < 100; ++lost) if (trouble(0, 0, lost).length) said.push(lost);
    expect(said).toStrictEqual([2, 6, 14, 30, 62]);
    expect(trouble(0, 0, u64.MAX_VALUE)).toBe(
      "18446744073709551615 events could not be counted so far; rows may be off by as many",
    );
    expect(trouble(0, 0, u64.MAX_VALUE)).toBe("");
  });

  test("of several kinds gets a line for each", () => {
    freshControl();
    expect(trouble(1, 1, 2).startsWith("the table of ")).toBe(true);
    expect(trouble(1, 1, 2).startsWith("the core trapped ")).toBe(true);
    expect(trouble(1, 1, 2)).toBe("2 events could not be counted so far; rows may be off by as many");
    expect(trouble(1, 1, 2)).toBe("");
  });
});
