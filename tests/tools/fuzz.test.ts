// SPDX-License-Identifier: Apache-2.0
//
// The inputs of the fuzz targets in TypeScript, without a change: those that a target begins with, and those in tests/fuzz/corpus, among
// them those that failed once. `npm run fuzz` changes them at random.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, test } from "node:test";
import { runInNewContext } from "node:vm";
import { COUNTERS, COUNTERS_MAX, instrument } from "../../tools/fuzz/instrument.ts";
import { fuzzTargets, inputsOf } from "../../tools/fuzz/targets.ts";
import type { Target } from "../fuzz/target.ts";

for (const { name } of fuzzTargets().filter(({ isText }) => isText)) {
  describe(`fuzz target ${name}`, async () => {
    const { default: target } = (await import(`../fuzz/${name}.ts`)) as { default: Target };
    for (const [index, seed] of target.seeds().entries()) test(`seed ${index}`, () => target.run(seed));
    for (const path of inputsOf(name)) test(basename(path), () => target.run(readFileSync(path)));
  });
}

test("instrumented code does what it did", () => {
  const code = `
    let said = "";
    const pick = (n) => (n > 2 ? { big: n } : n && "small");
    for (const n of [0, 1, 3]) if (n === 1) said += pick(n); else said += JSON.stringify(pick(n));
    switch (said.length) { case 1: said = "no"; break; default: do said += "!"; while (said.length < 16) }
    said`;
  const run = (text: string): unknown => runInNewContext(text, { [COUNTERS]: new Uint8Array(COUNTERS_MAX) });
  assert.equal(run(instrument(code)), run(code));
  assert.equal(run(code), '0small{"big":3}!');
});
