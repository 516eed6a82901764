// SPDX-License-Identifier: Apache-2.0
//
// The tiers, and what the command line of `npm test` chooses.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { TOP } from "../../tools/build.ts";
import { allTests, LONG, select, tierOf, TIERS } from "../../tools/tiers.ts";

const TESTS = allTests();

/** Those that some arguments choose, by tier, and what their runners are told. */
function chosen(tier: keyof typeof TIERS, ...wanted: string[]): { files: string[]; chosen: string[]; unknown: string[] } {
  const { files, ...rest } = select(TESTS, [tier], wanted);
  return { files: files.get(tier) ?? [], ...rest };
}

describe("tiers", () => {
  test("have each test, and no path that no test begins with", () => {
    for (const path of TESTS) assert.ok(tierOf(path) in TIERS);
    const paths = Object.values(TIERS).flatMap((tier) => tier.paths);
    assert.deepEqual(
      paths.filter((prefix) => !TESTS.some((path) => path.startsWith(`${prefix}/`))),
      [],
    );
    assert.deepEqual(
      LONG.paths.filter((path) => !TESTS.includes(path)),
      [],
    );
  });

  test("have a script in package.json and a part of the set-up each", () => {
    const { scripts } = JSON.parse(readFileSync(join(TOP, "package.json"), "utf8")) as { scripts: Record<string, string> };
    for (const name of Object.keys(TIERS)) {
      assert.equal(scripts[`test:${name}`], `node tools/setup.mjs ${name} && tsx tools/test.ts --tier ${name}`);
    }
  });

  test("of a file are decided by the longest path", () => {
    assert.equal(tierOf("tests/bench/run.test.ts"), "unit");
    assert.equal(tierOf("tests/bench/cases/instructions.test.ts"), "native");
    assert.throws(() => tierOf("tests/nowhere/some.test.ts"), /in no tier/);
  });
});

describe("arguments", () => {
  test("choose files by the beginning of their path, from the top or from a folder of the tier", () => {
    const parse = { files: ["tests/node/read/parse.test.ts"], chosen: [], unknown: [] };
    assert.deepEqual(chosen("unit", "tests/node/read/parse"), parse);
    assert.deepEqual(chosen("unit", "./tests/node/read/parse"), parse);
    assert.deepEqual(chosen("unit", "read/parse"), parse);
  });

  test("choose specs and C programs, which their runners are told of", () => {
    assert.deepEqual(chosen("core", "shard/table"), {
      files: ["tests/core/specs.test.ts"],
      chosen: ["tests/core/shard/table.spec.ts"],
      unknown: [],
    });
    assert.deepEqual(chosen("native", "slots_test"), {
      files: ["tests/native/native.test.ts"],
      chosen: ["tests/native/slots_test.c"],
      unknown: [],
    });
  });

  test("choose a runner once, for all that it runs", () => {
    const { files, chosen: told } = chosen("core");
    assert.equal(files.filter((path) => path === "tests/core/specs.test.ts").length, 1);
    assert.deepEqual(told, []);
  });

  test("that no path begins with are found, also beside others that choose something", () => {
    assert.deepEqual(chosen("unit", "tests/node", "nothing").unknown, ["nothing"]);
    assert.deepEqual(chosen("unit", "tests/ats").unknown, ["tests/ats"]);
  });
});

describe("the command line", () => {
  /** In a process that does not take itself for a file of this run. */
  function run(args: readonly string[], more?: NodeJS.ProcessEnv): { status: number | null; stdout: string; stderr: string } {
    const env = { ...process.env, ...more, NODE_TEST_CONTEXT: undefined };
    return spawnSync(process.execPath, ["--import", "tsx", join("tools", "test.ts"), ...args], { cwd: TOP, encoding: "utf8", env });
  }

  for (const [args, message] of [
    [["tests/nothing"], "no test has a path that begins with tests/nothing"],
    [["--tier", "unit", "tests/ats"], "no test of the tier unit has a path that begins with tests/ats"],
    [["--tier", "fast"], "--tier fast: there is no such tier, these are: unit, core, export, web, native, ats"],
    [["--name", "("], "--name (: Invalid regular expression: /(/: Unterminated group"],
    [["--reporter", "dot"], "Unknown option '--reporter'"],
    [["--long", "--tier", "unit"], "--long: no test of the tier unit has a long form"],
    [["--tier", "unit", "tests/shared", "--name", "no such name"], "--name no such name: no test has such a name"],
  ] as const) {
    test(`${args.join(" ")}: says what is wrong`, () => {
      const { status, stderr } = run(args);
      assert.equal(stderr, `memtrack: ${message}. See npm test -- --help\n`);
      assert.equal(status, 2);
    });
  }

  test("runs the tests of a name, and shows no others", () => {
    const { status, stdout, stderr } = run(["--tier", "unit", "tests/shared", "tests/harness", "--name", "^units"]);
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /✔ units/);
    assert.doesNotMatch(stdout, /parseDumps/);
    assert.match(stdout, /^memtrack: test:unit took \d+\.\d s$/m);
  });

  test("fails where a test does, and says of which tier", () => {
    // Without npm nothing can be packed.
    const { status, stdout, stderr } = run(["--tier", "unit", "tests/node/package"], { PATH: join(TOP, "tests") });
    assert.match(stdout, /^ℹ fail [1-9]/m);
    assert.match(stderr, /^memtrack: tests failed in test:unit/m);
    assert.equal(status, 1);
  });
});
