// SPDX-License-Identifier: Apache-2.0
//
// The tiers of tests, and selection by the command line of `npm test`.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { TOP } from "../../tools/build.ts";
import { allTests, LONG, select, tierOf, TIERS } from "../../tools/tiers.ts";

const TESTS = allTests();

/** The tests selected by arguments, by tier, and the arguments passed to their runners. */
function chosen(tier: keyof typeof TIERS, ...wanted: string[]): { files: string[]; chosen: string[]; unknown: string[] } {
  const { files, ...rest } = select(TESTS, [tier], wanted);
  return { files: files.get(tier) ?? [], ...rest };
}

describe("tiers", () => {
  test("contain every test, and no path without tests", () => {
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

  test("each have a script in package.json and a part in the setup", () => {
    const { scripts } = JSON.parse(readFileSync(join(TOP, "package.json"), "utf8")) as { scripts: Record<string, string> };
    for (const name of Object.keys(TIERS)) {
      assert.equal(scripts[`test:${name}`], `node tools/setup.mjs ${name} && tsx tools/test.ts --tier ${name}`);
    }
  });

  test("are found for a file by the longest matching path", () => {
    assert.equal(tierOf("tests/bench/run.test.ts"), "unit");
    assert.equal(tierOf("tests/bench/cases/instructions.test.ts"), "native");
    assert.throws(() => tierOf("tests/nowhere/some.test.ts"), /in no tier/);
  });
});

describe("arguments", () => {
  test("select files by the beginning of their path, from the top or from a folder of the tier", () => {
    const parse = { files: ["tests/node/read/parse.test.ts"], chosen: [], unknown: [] };
    assert.deepEqual(chosen("unit", "tests/node/read/parse"), parse);
    assert.deepEqual(chosen("unit", "./tests/node/read/parse"), parse);
    assert.deepEqual(chosen("unit", "read/parse"), parse);
  });

  test("select specs and C programs, whose runners receive the selection", () => {
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

  test("select a runner once for several of its tests", () => {
    const { files, chosen: told } = chosen("core");
    assert.equal(files.filter((path) => path === "tests/core/specs.test.ts").length, 1);
    assert.deepEqual(told, []);
  });

  test("that match no path are reported, also next to others that match", () => {
    assert.deepEqual(chosen("unit", "tests/node", "nothing").unknown, ["nothing"]);
    assert.deepEqual(chosen("unit", "tests/ats").unknown, ["tests/ats"]);
  });
});

describe("the command line", () => {
  /** In a process that does not consider itself a test file of this run. */
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
    test(`${args.join(" ")}: the error is named`, () => {
      const { status, stderr } = run(args);
      assert.equal(stderr, `memtrack: ${message}. See npm test -- --help\n`);
      assert.equal(status, 2);
    });
  }

  test("MEMTRACK_ATS without a server: one line says so before anything is built", () => {
    const { status, stdout, stderr } = run(["--tier", "ats"], { MEMTRACK_ATS: "/nowhere" });
    assert.match(
      stderr,
      /^memtrack: MEMTRACK_ATS=\/nowhere: there is no \/nowhere\/bin\/traffic_server; set it to .* or unset it .*\n$/,
    );
    assert.equal(stdout, "");
    assert.equal(status, 2);
  });

  test("runs the tests with a matching name, and shows no others", () => {
    const { status, stdout, stderr } = run(["--tier", "unit", "tests/shared", "tests/harness", "--name", "^units"]);
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /✔ units/);
    assert.doesNotMatch(stdout, /parseDumps/);
    assert.match(stdout, /^memtrack: test:unit took \d+\.\d s$/m);
  });

  test("fails if a test fails, and names its tier", () => {
    // Without npm no package can be made.
    const { status, stdout, stderr } = run(["--tier", "unit", "tests/node/package"], { PATH: join(TOP, "tests") });
    assert.match(stdout, /^ℹ fail [1-9]/m);
    assert.match(stderr, /^memtrack: tests failed in test:unit/m);
    assert.equal(status, 1);
  });
});
