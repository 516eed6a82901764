// SPDX-License-Identifier: Apache-2.0
//
// The records that govern memtrack stand in the core. What the documentation says of them is the same.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as abi from "../../assembly/abi.ts";
import { Control } from "../../host/node/core/control.ts";
import { loadCore } from "../../host/node/core/module.ts";
import * as records from "../../host/node/records.ts";
import { TOP } from "../../tools/build.ts";

const settings = new Control(loadCore()).settings();

test("REFERENCE.md has the core's records, with their ranges, defaults and when they take effect", () => {
  const text = readFileSync(join(TOP, "docs", "REFERENCE.md"), "utf8");
  const rows = Array.from(text.matchAll(/^\| `(proxy\.config\.\S+)` \| (.*?) \| (.*?) \| (.*?) \|/gm), ([, ...cells]) => cells);
  const expected = settings.map(({ name, least, most, normal, effect }) => {
    const all = Array.from({ length: Math.min(most - least + 1, 4) }, (_, i) => least + i);
    const unit = /frequency|interval/.test(name) ? ", seconds" : "";
    const values = all.length < 4 ? all.join(", ") : `${least} to ${most}${unit}`;
    return [name, values, String(normal), effect === abi.SETTING_AT_START ? "at start" : "at once"];
  });
  assert.deepEqual(rows.sort(), expected.sort());
});

test("each record has a name of its own and a default within its range", () => {
  assert.equal(new Set(settings.map(({ name }) => name)).size, abi.SETTING_COUNT);
  for (const { name, least, most, normal } of settings) assert.ok(least <= normal && normal <= most && least < most, name);
});

test("the command's names of records are the core's, but for the server's own", () => {
  const names = settings.map(({ name }) => name);
  for (const name of [records.TRACK, records.FREQUENCY, records.SAMPLES, records.VERIFY, records.HEAP])
    assert.ok(names.includes(name), name);
});
