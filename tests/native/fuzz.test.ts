// SPDX-License-Identifier: Apache-2.0
//
// The inputs in tests/fuzz/corpus, through the targets in C that `npm run fuzz` gives random changes of them: each passes, and no
// sanitizer complains. Among them are those that failed once.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "node:test";
import { BUILD } from "../../tools/build.ts";
import { FOLDER, fuzzTargets, inputsOf } from "../../tools/fuzz/targets.ts";

describe("fuzz targets in C", () => {
  test("build without a warning", () => {
    const { status, stdout, stderr } = spawnSync("make", ["-s", "-j2", "-C", FOLDER, "VARIANT=seeds"], { encoding: "utf8" });
    assert.equal(status, 0, stdout + stderr);
  });
  for (const { name, isText } of fuzzTargets()) {
    if (isText) continue;
    test(`${name}: every input passes`, () => {
      const inputs = inputsOf(name);
      assert.ok(inputs.length > 0);
      const { status, stderr } = spawnSync(join(BUILD, "fuzz", "seeds", name), ["-timeout=20", ...inputs], { encoding: "utf8" });
      assert.equal(status, 0, stderr);
    });
  }
});
