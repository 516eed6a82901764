// SPDX-License-Identifier: Apache-2.0
//
// Runs the core's own specs (in AssemblyScript, by as-pect) on debug and on release Wasm. Each of their tests becomes a Node test, so that
// it can be selected by name.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { TOP } from "../../tools/build.ts";
import { isChosen } from "../support/chosen.ts";

const ASP = join("node_modules", "@as-pect", "cli", "bin", "asp.js");
const CONFIGS = { debug: "as-pect.asconfig.json", release: "tests/core/release.asconfig.json" };
const SPECS = readdirSync(join(TOP, "tests", "core"), { recursive: true, encoding: "utf8" })
  .map((name) => join("tests", "core", name))
  .filter((path) => path.endsWith(".spec.ts") && isChosen(path))
  .sort();

/** A line of reporter.js. */
interface Test {
  file: string;
  names: string[];
  pass: boolean;
  said: string[];
}

interface Outcome {
  status: number | null;
  tests: Test[];
  /** All other lines: the seed, compiler errors. */
  said: string;
}

async function run(config: string): Promise<Outcome> {
  const child = spawn(process.execPath, [ASP, "--no-logo", "--as-config", config], {
    cwd: TOP,
    env: { ...process.env, MEMTRACK_SPECS: SPECS.join(":") },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const lines = (await Promise.all([text(child.stdout), text(child.stderr)])).flatMap((said) => said.split("\n"));
  const tests = lines.flatMap((line) => (line.startsWith("spec ") ? [JSON.parse(line.slice("spec ".length)) as Test] : []));
  // If it fails, Node prints the compiler's source on one long line before the error.
  const others = lines.filter((line) => !line.startsWith("spec ")).map((line) => stripVTControlCharacters(line).slice(0, 1000));
  return { status: await ended, tests, said: others.join("\n") };
}

const outcomes = await Promise.all(Object.entries(CONFIGS).map(async ([target, config]) => ({ target, ...(await run(config)) })));

for (const { target, status, tests, said } of outcomes) {
  const failed = tests.filter(({ pass }) => !pass);
  describe(`the core's specs on ${target} Wasm`, () => {
    test(`all ${SPECS.length} are compiled and run`, () => {
      assert.equal(status === 0 || failed.length > 0, true, said);
      // as-pect also succeeds if it finds no spec.
      assert.deepEqual([...new Set(tests.map(({ file }) => join(file)))].sort(), SPECS, said);
    });
    for (const file of SPECS) {
      describe(file, () => {
        for (const { names, pass, said: reasons } of tests.filter((entry) => join(entry.file) === file)) {
          test(names.join(": "), () => assert.ok(pass, [...reasons, said.split("\n")[0]].join("\n")));
        }
      });
    }
  });
}
