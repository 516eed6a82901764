// SPDX-License-Identifier: Apache-2.0
//
// Builds the C tests and runs them: as the plugin is built, under the address and undefined-behaviour sanitizers, and under the
// thread sanitizer. Each program is a cmocka group; its own lines are shown where it fails.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { BUILD, TOP } from "../../tools/build.ts";

const folder = join(TOP, "tests", "native");
const programs = readdirSync(folder).flatMap((name) => (name.endsWith("_test.c") ? [name.slice(0, -2)] : []));

for (const variant of ["plain", "asan", "tsan"]) {
  describe(`native, ${variant}`, () => {
    test("builds without a warning", () => {
      const made = spawnSync("make", ["-s", "-j2", "-C", folder, `VARIANT=${variant}`], { encoding: "utf8" });
      assert.equal(made.status, 0, made.stdout + made.stderr);
    });
    for (const program of programs) {
      test(program, () => {
        const ran = spawnSync(join(BUILD, `native-${variant}`, program), { encoding: "utf8", timeout: 120_000 });
        assert.equal(ran.status, 0, `${ran.signal ?? ""}\n${ran.stdout}${ran.stderr}`);
        assert.doesNotMatch(ran.stderr, /SUMMARY: \w+Sanitizer/);
      });
    }
  });
}
