// SPDX-License-Identifier: Apache-2.0
//
// Plugins for version 10, whose TSmalloc and similar functions are inline functions of ts.h: in the dump the site is the plugin's call,
// whether the compiler inlined the function or made one of the plugin's own. The path that the function passes, ts.h:57, is in no name.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { parseDumps } from "../../harness/dump.ts";
import { BUILD, PLUGIN, TOP } from "../../tools/build.ts";
import { ownerOf, rowsOf } from "../support/corpus.ts";

const OUT = join(BUILD, "native-plain");
const SOURCE = join(TOP, "tests", "native", "inline_api.cc");

/** Bytes that each function of inline_api.cc keeps. */
const KEPT = { keep_malloc: 1000, keep_realloc: 2000, keep_resized: 3000, keep_strdup: 5, keep_strndup: 8, keep_ralloc: 4000 };

/** The rows of the plugin's TSmalloc memory at the end of a server's life: location without the owner, and bytes in use. */
function rowsOfPlugin(name: string): [string, number][] {
  const folder = mkdtempSync(join(tmpdir(), "memtrack-inline-"));
  try {
    const plugins = [join("ten", "fault_early.so"), name, join("ten", "fault_remap.so")].map((file) => join(OUT, file));
    const server = spawnSync(join(OUT, "ten", "static"), [PLUGIN, ...plugins, folder], { encoding: "utf8" });
    assert.equal(server.status, 0, server.stdout + server.stderr);
    const dump = parseDumps(readFileSync(join(folder, "memtrack.out"), "utf8")).at(-1)!;
    const rows = rowsOf(dump).filter((row) => row.class === "tsapi" && ownerOf(row.location) === name);
    const sum = (key: "allocs" | "frees" | "held") => rows.reduce((total, row) => total + row[key], 0);
    // The server calls whatever plugin stands there by this name.
    assert.match(
      server.stdout,
      new RegExp(`^TRUTH fault_plugin\\.so tsapi ${sum("allocs")} ${sum("frees")} ${sum("held")}$`, "m"),
      dump.text,
    );
    return rows.map((row) => [row.location.replace(`memory/plugin/${name} `, ""), row.held]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The line of a function's last call: after that of the #line directive, the numbers are those of the file. */
function lineOf(site: string): number {
  return (
    readFileSync(SOURCE, "utf8")
      .split("\n")
      .findIndex((line) => line.endsWith(`// site: ${site}`)) + 1
  );
}

describe("inline functions of the plugin API", () => {
  before(() => {
    const made = spawnSync("make", ["-s", "-C", join(TOP, "tests", "native"), "inline"], { encoding: "utf8" });
    assert.equal(made.status, 0, made.stdout + made.stderr);
  });

  for (const name of ["inline_O0.so", "inline_O2.so", "inline_O0_hidden.so"]) {
    test(`${name}: each call has its row, with function and line`, () => {
      const expected = Object.entries(KEPT).map(([site, bytes]) => [
        `${site}() (inline_api.cc:${lineOf(site)})`.replace("()", ""),
        bytes,
      ]);
      const held = rowsOfPlugin(name).filter(([, bytes]) => bytes > 0);
      assert.deepEqual(held.sort(), expected.sort());
    });
  }

  test("without debug information each call has its row, with the function", () => {
    const held = rowsOfPlugin("inline_O0_symbols.so").filter(([, bytes]) => bytes > 0);
    assert.deepEqual(
      held.map(([location, bytes]) => [location.replace(/\+0x[0-9a-f]+ calls TS\w+(<long>)?$/, ""), bytes]).sort(),
      Object.entries(KEPT).sort(),
    );
  });
});
