// SPDX-License-Identifier: Apache-2.0
//
// Invariants about what must not exist (ARCHITECTURE.md), checked in the sources and in the core's Wasm; tests/native/plugin.test.ts checks
// those of memtrack.so. Exceptions are listed by name, so that a new or an obsolete one is noticed.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { BUILD, TOP } from "../../tools/build.ts";
import { readWat } from "../support/wat.ts";

/** Sources below a folder, by their path from the top, without comments. */
function codeOf(folder: string, ending: RegExp): [path: string, code: string][] {
  const names = readdirSync(join(TOP, folder), { recursive: true, encoding: "utf8" });
  const paths = names.filter((name) => ending.test(name)).map((name) => join(folder, name));
  assert.ok(paths.length, folder);
  return paths.sort().map((path) => [path, withoutComments(readFileSync(join(TOP, path), "utf8"))]);
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[^]*?\*\//g, "").replace(/(^|[^:"'`])\/\/.*$/gm, "$1");
}

/** The files below a folder whose code matches a pattern. */
function filesWith(folder: string, ending: RegExp, pattern: RegExp): string[] {
  return codeOf(folder, ending).flatMap(([path, code]) => (pattern.test(code) ? [path] : []));
}

const C = /\.([ch]|cc)$/;
const TS = /\.ts$/;

describe("the C host", () => {
  test("changes the protection of pages only in module/slots.c, and makes none executable", () => {
    // slots.c reads the protection and restores it; thunk.c maps code from a file. tests/native/plugin.test.ts checks the same in the
    // object files, tests/native/context_test.c the pages.
    assert.deepEqual(filesWith("host/ats", C, /PROT_EXEC/), ["host/ats/module/slots.c", "host/ats/owner/thunk.c"]);
  });

  test("uses the names that wasm2c generates only in core/", () => {
    const files = filesWith("host/ats", C, /\bZ_core|\bw2c_|\bwasm_rt_/);
    assert.ok(files.length > 2);
    assert.deepEqual(
      files.filter((path) => !path.startsWith("host/ats/core/")),
      [],
    );
  });

  test("uses elfutils only in symbol/", () => {
    const files = filesWith("host/ats", C, /\b(elfutils->|dwarf_|dwelf_|gelf_)|<(libdw|libelf|dwarf|gelf)/);
    assert.deepEqual(
      files.filter((path) => !path.startsWith("host/ats/symbol/")),
      [],
    );
  });

  test("uses the symbols of a server version only in server/", () => {
    assert.deepEqual(
      filesWith("host/ats", C, /ResourceTracker|res_track_memory"|ink_freelists|SignalContinuation|TrackerContinuation/),
      ["host/ats/server/server.c"],
    );
  });

  test("includes no header of the server", () => {
    assert.deepEqual(filesWith("host/ats", C, /#include <ts\//), []);
  });
});

describe("the core", () => {
  test("allocates memory only while an instance is made", () => {
    const { functions } = readWat(join(BUILD, "memtrack.wat"));
    const growing = [...functions].filter(([, { code }]) => /\bmemory\.grow\b/.test(code)).map(([name]) => name);
    assert.ok(growing.length > 0, "the text was understood");
    for (let grows; (grows = growing.pop()) !== undefined;) {
      if (functions.get(grows)!.exports.includes("init")) continue;
      const by = [...functions].filter(([, { calls }]) => calls.has(grows)).map(([name]) => name);
      assert.ok(by.length, `${grows} grows the memory, and init() does not call it`);
      growing.push(...by);
    }
  });

  test("imports nothing from a host", () => {
    assert.deepEqual(filesWith("assembly", TS, /\b(from|import)\s*\(?\s*["'](\.\.\/)+(host|harness|tests|tools|bench)\//), []);
    assert.deepEqual(filesWith("assembly", TS, /@external|declare function/), []);
  });
});

describe("the command and the page", () => {
  test("use `process` only in host/node/bin.ts", () => {
    assert.deepEqual(filesWith("host/node", TS, /\bprocess\.|["']node:process["']/), ["host/node/bin.ts"]);
  });

  test("convert no text to markup", () => {
    const markup = /\b(innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|DOMParser|document\.write|setHTML\w*)\b/;
    assert.deepEqual(filesWith("host", /\.(ts|js|html)$/, markup), []);
  });

  test("share only host/shared, which imports only the format", () => {
    const imports = codeOf("host/shared", TS).flatMap(([path, code]) =>
      [...code.matchAll(/\b(?:from|import)\s*\(?\s*["']([^"']+)["']/g)].map(([, from]) => `${path}: ${from}`),
    );
    assert.deepEqual(
      imports.filter((line) => !/: \.\/[\w-]+\.ts$|: \.\.\/\.\.\/format\/\w+\.ts$/.test(line)),
      [],
    );
  });

  test("import nothing from tests, tools or benchmarks", () => {
    assert.deepEqual(filesWith("host", TS, /\b(from|import)\s*\(?\s*["'](\.\.\/)+(harness|tests|tools|bench)\//), []);
  });
});
