// SPDX-License-Identifier: Apache-2.0
//
// Every function that memtrack replaces has a test with hostile arguments (tests/native/hooks_*_test.c, hostile_FUNCTION), and a row in
// docs/how/hooks.md, which says what its hook may touch. tests/native/plugin.test.ts compares the list with the functions in memtrack.so.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { TOP } from "../../tools/build.ts";
import { hookedFunctions } from "../support/hooks.ts";

const hooked = hookedFunctions();

test("every hooked function has a test with hostile arguments, and each such test has its function", () => {
  assert.ok(hooked.length > 70, `${hooked.length} hooked functions`);
  const folder = join(TOP, "tests", "native");
  const programs = readdirSync(folder).filter((name) => /^hooks_\w+_test\.c$/.test(name));
  const tested = programs.flatMap((name) =>
    [...readFileSync(join(folder, name), "utf8").matchAll(/\bcmocka_unit_test\(hostile_(\w+)\)/g)].map(([, symbol]) => symbol!),
  );
  assert.deepEqual([...new Set(tested)].sort(), hooked);
});

test("docs/how/hooks.md says of every hooked function what its hook may touch, in one row", () => {
  const text = readFileSync(join(TOP, "docs", "how", "hooks.md"), "utf8");
  const rows = [...text.matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`(\w+)`/g)].map(([, symbol]) => symbol!),
  );
  assert.deepEqual(rows.toSorted(), hooked);
});
