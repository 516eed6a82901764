// SPDX-License-Identifier: Apache-2.0
//
// Runs the core's own specs (tests/core, in AssemblyScript, by as-pect) on debug and on release Wasm, as part of `npm test`.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";

const TOP = fileURLToPath(new URL("../..", import.meta.url));
const ASP = join("node_modules", "@as-pect", "cli", "bin", "asp.js");

const CONFIGS = { debug: "as-pect.asconfig.json", release: "tests/core/release.asconfig.json" };

for (const [target, config] of Object.entries(CONFIGS)) {
  test(`the core's specs hold on ${target} Wasm`, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [ASP, "--no-logo", "--summary", "--as-config", config], {
      cwd: TOP,
      encoding: "utf8",
    });
    // Where it dies, Node shows a line of a compiler in one piece before the error.
    const said = stripVTControlCharacters(stdout + stderr)
      .split("\n")
      .map((line) => line.slice(0, 1000))
      .join("\n");
    assert.equal(status, 0, said);
    // A run that found no spec passes, too.
    const [, passed, all] = /\[Tests\]: (\d+) \/ (\d+)/.exec(said) ?? [];
    assert.ok(Number(all) > 100 && passed === all, said);
  });
}
