// SPDX-License-Identifier: Apache-2.0
//
// memtrack.so in programs that it does not support. A server whose plugin cannot be loaded, or does not register, ends (exit 70).
// Therefore memtrack.so requires nothing from the loader that may be missing, registers wherever it can, and logs one line.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { BUILD, PLUGIN, TOP } from "../../tools/build.ts";

const OUT = join(BUILD, "native-plain");

/** Libraries that every traffic_server has loaded, with the versions of their symbols. */
const LIBRARIES: Record<string, RegExp> = {
  "libc.so.6": /^GLIBC_2\./,
  "libgcc_s.so.1": /^GCC_[34]\./,
  "libstdc++.so.6": /^(CXXABI_1|GLIBCXX_3)\./,
};

/** Symbols of gcc's start-up files that may be missing: weak, and without a version. */
const START_UP = ["_ITM_deregisterTMCloneTable", "_ITM_registerTMCloneTable", "__gmon_start__"];

describe("what memtrack.so asks the loader for", () => {
  test("symbols of the C library, libgcc_s and libstdc++, and no others", () => {
    const lines = execFileSync("nm", ["-D", "--undefined-only", PLUGIN], { encoding: "utf8" }).trim().split("\n");
    const unknown = lines.filter((line) => {
      const [, kind, name = "", version] = /^\s*(\w) ([^@]+)(?:@+(.+))?$/.exec(line) ?? [];
      return version
        ? !Object.values(LIBRARIES).some((versions) => versions.test(version))
        : kind !== "w" || !START_UP.includes(name);
    });
    assert.equal(unknown.join("\n"), "");
    assert.ok(lines.length > 50);
  });

  test("these libraries, and no others", () => {
    const dynamic = execFileSync("readelf", ["-dW", PLUGIN], { encoding: "utf8" });
    const needed = [...dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name);
    assert.deepEqual(needed.sort(), Object.keys(LIBRARIES).sort());
  });
});

describe("memtrack.so where it does nothing", () => {
  /** Calls TSPluginInit in a program that has loaded it, a given number of times. */
  const init = (program: string, times = 1, version?: string): { out: string[]; err: string[] } => {
    const env = { ...process.env, ...(version && { TEST_SERVER_VERSION: version }) };
    const options = { encoding: "utf8", env } as const;
    const { status, signal, stdout, stderr } = spawnSync(join(OUT, program), [PLUGIN, String(times)], options);
    assert.equal(signal ?? status, 0, stderr);
    const lines = (text: string) => text.split("\n").filter((line) => line !== "");
    return { out: lines(stdout), err: lines(stderr) };
  };

  before(() => {
    const made = spawnSync("make", ["-s", "-C", join(TOP, "tests", "native"), "loaders"], { encoding: "utf8" });
    assert.equal(made.status, 0, made.stdout + made.stderr);
  });

  test("a program without a plugin API: one line on stderr", () => {
    const { out, err } = init("load");
    assert.deepEqual(out, []);
    assert.equal(err.length, 1, err.join("\n"));
    assert.match(err[0]!, /^\[memtrack\] .*TSPluginRegister not found: .*; memtrack is disabled/);
  });

  for (const [program, version] of [
    ["load10", "10.3.0"],
    ["load10", "11.0.0"],
    ["load9", "9.1.4"],
  ] as const) {
    test(`a server of version ${version}: it registers, and says one line`, () => {
      const { out, err } = init(program, 1, version);
      assert.deepEqual(err, []);
      assert.equal(out.length, 2, out.join("\n"));
      assert.equal(out[0], "TSPluginRegister memtrack");
      assert.match(
        out[1]!,
        /^TSError \[memtrack\] unsupported Traffic Server version .*; memtrack is disabled, the server is not affected$/,
      );
      assert.ok(out[1]!.includes(`Traffic Server version ${version} (`), out[1]);
    });
  }

  test("loaded by two lines of plugin.config: each registers", () => {
    const { out } = init("load10", 2);
    assert.equal(out.filter((line) => line === "TSPluginRegister memtrack").length, 2, out.join("\n"));
    assert.equal(out.length, 4, out.join("\n"));
  });
});
