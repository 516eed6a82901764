// SPDX-License-Identifier: Apache-2.0
//
// Replies to plugin messages about the analysis.

import { BASELINE_BY_USER } from "../../../assembly/abi";
import { baselineNamed, markBaseline } from "../../../assembly/analysis/baseline";
import { reloaded } from "../../../assembly/analysis/reloads";
import { denyBaseline, writeStatus } from "../../../assembly/report/replies";
import { forgetAll, sample } from "../../../assembly/analysis/sample";
import { output } from "../../../assembly/base/memory";
import { applyBaseline } from "../../../assembly/model/model";
import { collect, fresh, put, textFrom } from "../support";

function status(level: u32, interval: u64, suspects: u64): string {
  return textFrom(output, writeStatus(level, interval, suspects));
}

function deny(name: string): string {
  const length = put(name);
  expect(baselineNamed(length)).toBe(-1);
  return textFrom(output, denyBaseline(length));
}

describe("the status", () => {
  test("contains the level, samples, suspects and baselines", () => {
    fresh();
    expect(status(0, 0, 0)).toBe(
      "level 0, sampling is off; 0 samples so far, 0 configuration reloads, 0 suspects; baselines: arming",
    );
    collect();
    applyBaseline();
    for (let now: u64 = 10; now <= 30; now += 10) sample(now, 0);
    markBaseline(put("before"), 30, 0, BASELINE_BY_USER);
    reloaded(31);
    expect(status(2, 10, 4)).toBe(
      "level 2, a sample every 10 s; 3 samples so far, 1 configuration reload, 4 suspects; baselines: before, arming",
    );
    forgetAll();
    expect(status(2, 3600, 0)).toBe(
      "level 2, a sample every 3600 s; 0 samples so far, 0 configuration reloads, 0 suspects; baselines: arming",
    );
  });
});

describe("an unknown baseline", () => {
  test("is named, with a list of the existing baselines", () => {
    fresh();
    collect();
    applyBaseline();
    expect(deny("before")).toBe('no baseline is named "before"; baselines: arming');
    markBaseline(put("a"), 0, 0, BASELINE_BY_USER);
    markBaseline(put("b"), 0, 0, BASELINE_BY_USER);
    expect(deny("x".repeat(256))).toBe('no baseline is named "' + "x".repeat(64) + '"; baselines: b, a, arming');
  });
});
