// SPDX-License-Identifier: Apache-2.0
//
// The order of the rooms. A tree of sources is a list of rooms; a room is a folder or a single file. A file imports only from its own room
// and from rooms further up the list, and there is no cycle between files. ARCHITECTURE.md shows the same list: change both together.
//
// C follows the same rule: an include names its room (#include "room/file.h"), and a source and its header count as one file.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, test } from "node:test";
import { TOP } from "../../tools/build.ts";

interface Tree {
  folder: string;
  /** Name and content of each room. Empty: the folder is a single room, and is not listed in ARCHITECTURE.md. */
  rooms: [name: string, holds: string][];
  /** Allowed imports from outside the tree: path prefixes from the project's top, with the rooms that may use them, or all. */
  outside: Record<string, "all" | string[]>;
}

const TREES: Tree[] = [
  {
    folder: "assembly",
    rooms: [
      ["abi", "numbers shared by the core and its hosts"],
      ["format", "texts and rules of dumps, records and verdicts, generated from format/"],
      ["base", "the memory map and its regions; text, units, ratios"],
      ["search", "the search for references to blocks in memory: census, scan, passes, holders"],
      ["shard", "the hot path: sites and their counters, the hash of keys, epochs, buckets of older epochs"],
      ["naming", "interpretation of names and paths: C++ names, places, debug files"],
      ["registry", "owners and sites by name; assignment of site numbers"],
      ["model", "sums over all shards by row, reclaimed numbers, verify mode, facts from the host, histories"],
      ["analysis", "which rows and owners grow, since when and why; ages; order of urgency"],
      ["report", "the text of a dump, one file per section; warnings"],
      ["control", "meaning of record values and plugin messages, what is due, and the log lines about them"],
      ["index", "the exports"],
    ],
    outside: {},
  },
  {
    folder: "host/ats",
    rooms: [
      ["base", "compiler, clock, log, atomics; reasons of refusals and their counts"],
      ["core", "instances of the core and their traps: shards, registry, model, questions; the fast paths; a block's tag"],
      ["symbol", "ELF files and DWARF: names for addresses, rules for unwinding a frame"],
      ["module", "the loaded modules, the module of an address; their slots, jumps at functions"],
      ["server", "server versions, plugin API, records"],
      ["owner", "the owner whose code runs, the call that a stack leads to, the name of a site"],
      ["hook", "allocations and releases by the server, plugins and libraries; installation of the hooks"],
      ["search", "the thread that reads memory for the search for references; what it reads, and whose memory an address is"],
      ["dump", "text and destination of a dump, measurements, notices, the built-in tracker's counts"],
      ["control", "switches tracking according to records and plugin messages"],
      ["memtrack", "the plugin: continuations and statistics"],
    ],
    outside: {},
  },
  {
    folder: "host/node",
    rooms: [
      ["env", "types missing from Node's own"],
      ["errors", "errors that a user can correct"],
      ["package", "files beside the code: the core, the page, the version"],
      ["records", "names of the server's records"],
      ["core", "an instance of the core, and its roles: shard, registry, model"],
      ["read", "bytes to dumps (input, parse), to sites, snapshots, and the history of each run"],
      ["analyse", "the core's judgement of them"],
      ["report", "plain data for a report, and its form as text, JSON, a page"],
      ["export", "pprof, folded stacks, MRTG"],
      ["symbolize", "names for the addresses in dumps, by debug information"],
      ["doctor", "checks of an installation"],
      ["commands", "one file per command: its options and actions"],
      ["run", "the list of commands"],
      ["bin", "the only file that uses `process`"],
    ],
    outside: {
      "format/": "all",
      "host/shared/": "all",
      "assembly/abi": ["core", "analyse"],
      "build/memtrack": ["core"],
    },
  },
  { folder: "format", rooms: [], outside: {} },
  { folder: "host/shared", rooms: [], outside: { "format/": "all" } },
  { folder: "host/web", rooms: [], outside: { "host/shared/": "all" } },
  {
    folder: "harness",
    rooms: [],
    outside: { "format/": "all", "host/shared/": "all", "host/node/": "all", "assembly/abi": "all" },
  },
  {
    folder: "tools",
    rooms: [
      "format",
      "compile-commands",
      "build",
      "analyze",
      "fuzz",
      "tiers",
      "schema",
      "install-ats",
      "picture",
      "test",
      "start",
      "soak",
    ].map((file) => [file, ""]),
    outside: {
      "format/": ["format", "schema"],
      "host/node/report/render-json": ["schema"],
      "host/node/core/module": ["build"],
      "host/node/doctor/": ["install-ats"],
      "host/node/records": ["install-ats"],
      "harness/": ["start"],
      "harness/server": ["test", "soak"],
      "tests/soak/": ["soak"],
      "tests/fuzz/target": ["fuzz"],
      "tests/support/random": ["soak", "fuzz"],
    },
  },
];

for (const tree of TREES) {
  test(`${tree.folder}: every import is from the file's own room or from one further up the list, and there is no cycle`, () => {
    const sources = sourcesOf(tree.folder);
    assert.ok(sources.size >= tree.rooms.length, `${tree.folder} has sources`);
    assert.deepEqual(violations(tree, sources), []);
  });
}

test("ARCHITECTURE.md shows the rooms in this order", () => {
  const text = readFileSync(join(TOP, "ARCHITECTURE.md"), "utf8");
  const [, shown] = /<!-- rooms: tests\/structure\/order\.test\.ts -->\n```\n(.*?)```\n<!-- \/rooms -->\n/s.exec(text) ?? [];
  const pictured = TREES.filter(({ rooms }) => rooms.some(([, holds]) => holds));
  assert.equal(shown, pictured.map(picture).join("\n"));
});

describe("the rule", () => {
  const tree: Tree = {
    folder: "tree",
    rooms: [
      ["base", ""],
      ["middle", ""],
      ["top", ""],
    ],
    outside: { "format/": ["base"] },
  };
  const check = (files: Record<string, string>): string[] => violations(tree, new Map(Object.entries(files)));

  test("allows imports from the file's own room, from rooms further up the list, and from the tree's allowed paths", () => {
    const found = check({
      "base/a.ts": 'import { x } from "../../format/schema.ts";',
      "middle/b.ts": 'import { a } from "../base/a";\nexport { c } from "./c.ts";\nimport fs from "node:fs";',
      "middle/c.ts": "",
      "top.ts": 'import "./middle/b";\nconst late = await import("./base/a.ts");',
    });
    assert.deepEqual(found, []);
  });

  test("detects an import from a room further down the list, in any notation", () => {
    const found = check({
      "base/a.ts": 'import {\n  b,\n} from "../middle/b";',
      "middle/b.ts": 'export * from "../top.ts";',
      "middle/c.ts": 'const late = await import("../top.ts");',
      "top.ts": "",
    });
    assert.deepEqual(found, [
      "base/a.ts imports middle/b: base comes before middle",
      "middle/b.ts imports top: middle comes before top",
      "middle/c.ts imports top: middle comes before top",
    ]);
  });

  test("detects files in no room, and imports that the tree does not allow", () => {
    const found = check({
      "base/a.ts": 'import { x } from "../../other/x.ts";\nimport { y } from "./y";',
      "middle/c.ts": 'import { x } from "../../format/schema.ts";',
      "cellar/b.ts": "",
    });
    assert.deepEqual(found, [
      "base/a.ts imports other/x, outside the tree",
      "base/a.ts imports base/y, which is not there",
      "middle/c.ts imports format/schema, outside the tree",
      "cellar/b.ts is in no room",
    ]);
  });

  test("detects a cycle within a room, also through the import of a type", () => {
    const found = check({
      "base/a.ts": 'import { b } from "./b";',
      "base/b.ts": 'import type { c } from "./c";',
      "base/c.ts": 'import { a } from "./a";',
    });
    assert.deepEqual(found, ["a cycle: base/a, base/b, base/c, base/a"]);
  });

  test("treats a C source and its header as one file, and requires an include to name its room", () => {
    const found = check({
      "base/a.h": "",
      "base/a.c": '#include "base/a.h"\n#include <stdio.h>\n#include "generated.h"',
      "middle/b.h": '#include "base/a.h"',
      "middle/b.c": '#include "b.h"\n#include "middle/c.h"',
      "middle/c.h": "",
      "middle/c.cc": '#include "middle/b.h"\n#include "top/d.h"',
      "top/d.h": "",
    });
    assert.deepEqual(found, [
      "middle/b.c includes b.h without its room",
      "middle/c.cc imports top/d: middle comes before top",
      "a cycle: middle/b, middle/c, middle/b",
    ]);
  });
});

/** The text of each source below a folder, by its path in the folder. */
function sourcesOf(folder: string): Map<string, string> {
  const names = readdirSync(join(TOP, folder), { recursive: true, encoding: "utf8" });
  const sources = names.filter((name) => /\.(ts|[ch]|cc)$/.test(name) && !name.includes("node_modules")).sort();
  return new Map(sources.map((name) => [name, readFileSync(join(TOP, folder, name), "utf8")]));
}

function violations(tree: Tree, sources: Map<string, string>): string[] {
  const found: string[] = [];
  const units = new Set([...sources.keys()].map(unitOf));
  const imports = new Map<string, Set<string>>();
  const place = (unit: string): number => tree.rooms.findIndex(([name]) => name === roomOf(unit));
  for (const [file, text] of sources) {
    const unit = unitOf(file);
    if (place(unit) < 0 && tree.rooms.length) found.push(`${file} is in no room`);
    const targets = imports.get(unit) ?? new Set();
    imports.set(unit, targets);
    for (const target of importsOf(tree, file, text, units, found)) {
      if (place(target) > place(unit)) found.push(`${file} imports ${target}: ${roomOf(unit)} comes before ${roomOf(target)}`);
      if (target !== unit) targets.add(target);
    }
  }
  return [...found, ...cyclesOf(imports).map((cycle) => `a cycle: ${cycle.join(", ")}`)];
}

/** The units of the tree that a file imports. Reports imports from outside the tree that the tree does not allow. */
function importsOf(tree: Tree, file: string, text: string, units: Set<string>, found: string[]): string[] {
  const targets: string[] = [];
  if (!file.endsWith(".ts")) {
    for (const [, path] of text.matchAll(/^[ \t]*#[ \t]*include[ \t]+"([^"]+)"/gm)) {
      if (units.has(unitOf(path!))) targets.push(unitOf(path!));
      // Without a room the compiler's search path would decide, and the layers would not be visible.
      else if ([...units].some((unit) => unit.endsWith(`/${unitOf(path!)}`)))
        found.push(`${file} includes ${path} without its room`);
    }
    return targets;
  }
  for (const [, path] of text.matchAll(/\b(?:from|import)\s*\(?\s*["'](\.[^"']+(?<!\.css))["']/g)) {
    const target = unitOf(normalize(join(tree.folder, dirname(file), path!)));
    const within = target.slice(tree.folder.length + 1);
    if (!target.startsWith(`${tree.folder}/`)) {
      if (!isAllowed(tree, unitOf(file), target)) found.push(`${file} imports ${target}, outside the tree`);
    } else if (units.has(within)) targets.push(within);
    else found.push(`${file} imports ${within}, which is not there`);
  }
  return targets;
}

function isAllowed({ outside }: Tree, unit: string, target: string): boolean {
  return Object.entries(outside).some(
    ([prefix, rooms]) => target.startsWith(prefix) && (rooms === "all" || rooms.includes(roomOf(unit))),
  );
}

/** Each cycle once, beginning with its first unit. */
function cyclesOf(imports: Map<string, Set<string>>): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const visit = (unit: string, path: string[]): void => {
    const at = path.indexOf(unit);
    if (at >= 0) cycles.push([...path.slice(at), unit]);
    if (at >= 0 || done.has(unit)) return;
    for (const target of imports.get(unit) ?? []) visit(target, [...path, unit]);
    done.add(unit);
  };
  for (const unit of imports.keys()) visit(unit, []);
  return cycles;
}

/** The path without its ending: a source and its header are one unit. */
function unitOf(path: string): string {
  return path.replace(/(\.d)?\.(ts|[ch]|cc)$/, "");
}

function roomOf(unit: string): string {
  return unit.split("/")[0]!;
}

function picture(tree: Tree): string {
  const width = Math.max(...tree.rooms.map(([name]) => name.length)) + 3;
  return `${tree.folder}/\n${tree.rooms.map(([name, holds]) => `  ${name.padEnd(width)}${holds}\n`).join("")}`;
}
