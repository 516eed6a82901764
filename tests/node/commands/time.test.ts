// SPDX-License-Identifier: Apache-2.0
//
// Times as people write them: relative, local, or with a time zone.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { parseTime } from "../../../host/node/commands/time.ts";
import { UsageError } from "../../../host/node/errors.ts";

const NOW = 1795809600;

test("relative times", () => {
  const ago = (text: string): number => NOW - parseTime("since", text, NOW)!;
  for (const [text, seconds] of Object.entries({
    now: 0,
    "45s": 45,
    "30m": 1800,
    "30min": 1800,
    "-2h": 7200,
    "1.5h": 5400,
    "1 hour ago": 3600,
    "2 Hours ago": 7200,
    "1d": 86400,
    "2 weeks": 14 * 86400,
  })) {
    assert.equal(ago(text), seconds, text);
  }
});

test("a point in time, with a zone or local", () => {
  const at = (text: string): number => parseTime("since", text, NOW)!;
  assert.equal(at("2026-11-26T20:00:00Z"), Date.UTC(2026, 10, 26, 20) / 1000);
  assert.equal(at("2026-11-26 20:00 z"), Date.UTC(2026, 10, 26, 20) / 1000);
  assert.equal(at("2026-11-26 20:00+01:00"), Date.UTC(2026, 10, 26, 19) / 1000);
  assert.equal(at("2026-11-26 20:00"), new Date(2026, 10, 26, 20).getTime() / 1000);
  assert.equal(at("2026-11-26"), new Date(2026, 10, 26).getTime() / 1000);
});

test("local times use the program's zone, in summer and winter, in input and output", () => {
  const program = `
    import { parseTime } from "./host/node/commands/time.ts";
    import { localTime } from "./host/shared/units.ts";
    for (const text of ["2026-11-26 20:00", "2026-07-01"]) {
      const seconds = parseTime("since", text);
      console.log(new Date(seconds * 1000).toISOString(), localTime(seconds));
    }`;
  const run = (TZ: string): string[] => {
    const argv = ["--import", "tsx", "--input-type=module", "-e", program];
    const { stdout, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8", env: { ...process.env, TZ } });
    assert.equal(stderr, "");
    return stdout.trim().split("\n");
  };
  assert.deepEqual(run("Europe/Berlin"), [
    "2026-11-26T19:00:00.000Z 2026-11-26 20:00:00 +01:00",
    "2026-06-30T22:00:00.000Z 2026-07-01 00:00:00 +02:00",
  ]);
  assert.deepEqual(run("America/St_Johns"), [
    "2026-11-26T23:30:00.000Z 2026-11-26 20:00:00 -03:30",
    "2026-07-01T02:30:00.000Z 2026-07-01 00:00:00 -02:30",
  ]);
});

test("an invalid time is named in the error", () => {
  for (const text of ["", "yesterday", "2026", "26.11.2026", "2h30", "ago", "2026-13-40", "2 fortnights", "2026-11-26T25:00"]) {
    assert.throws(
      () => parseTime("until", text, NOW),
      (error) => error instanceof UsageError && error.message.includes(`--until is "${text}"`),
      text,
    );
  }
});
