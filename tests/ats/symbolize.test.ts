// SPDX-License-Identifier: Apache-2.0
//
// On a real server whose plugins have no debug information: `memtrack symbolize`, as README says it, gives each row the function and
// line that its source declares, from debug files that are elsewhere. Then a program in place of the server, whose locations have the
// name of its file, and whose module is `core`.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ats } from "../../harness/ats.ts";
import { parseDumps, type Dump } from "../../harness/dump.ts";
import { requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { BUILD, PLUGIN, TOP } from "../../tools/build.ts";
import { buildCorpus, corpus, expectedOf, rowsOf, settled } from "../support/corpus.ts";

const COUNT = 10;

function buildIdOf(file: string): string {
  return /Build ID: ([0-9a-f]+)/.exec(execFileSync("readelf", ["-n", file], { encoding: "utf8" }))![1]!;
}

/** How the debug information of each plugin is found. */
const PLACES: Record<string, (whole: string, folder: string) => string> = {
  leak_malloc: (whole, folder) => join(folder, ".build-id", buildIdOf(whole).slice(0, 2), `${buildIdOf(whole).slice(2)}.debug`),
  leak_new: (_, folder) => join(folder, "leak_new.so.debug"),
  leak_tsmalloc: (_, folder) => join(folder, "leak_tsmalloc.so.debug"),
  leak_map: (_, folder) => join(folder, "leak_map.so.debug"),
  leak_inlined: (_, folder) => join(folder, "leak_inlined.so.debug"),
  leak_libc_objects: (_, folder) => join(folder, "leak_libc_objects.so"),
};
/** In whose place there is a file of another build. */
const OTHER = "leak_strdup";

describe("dumps of plugins without debug information", () => {
  let folder: string;
  let origin: Origin;
  let dump: Dump;
  before(async () => {
    buildCorpus();
    folder = mkdtempSync(join(tmpdir(), "memtrack-symbolize-"));
    chmodSync(folder, 0o755);
    origin = await Origin.start();
    const debug = join(folder, "debug");
    const strip = (name: string): string => {
      const stripped = join(folder, `${name}.so`);
      execFileSync("strip", ["-o", stripped, corpus(name)]);
      chmodSync(stripped, 0o755);
      return stripped;
    };
    for (const [name, place] of Object.entries(PLACES)) {
      const to = place(corpus(name), debug);
      mkdirSync(dirname(to), { recursive: true });
      if (to.endsWith(".debug")) execFileSync("objcopy", ["--only-keep-debug", corpus(name), to]);
      else copyFileSync(corpus(name), to);
    }
    copyFileSync(corpus("leak_malloc"), join(debug, `${OTHER}.so`));
    const plugins = [PLUGIN, ...[...Object.keys(PLACES), OTHER].map(strip)];
    const ats = await Ats.start({ level: 1, plugins, records: { "proxy.config.plugin.memtrack.heap": 1 }, origin: origin.url });
    try {
      assert.deepEqual(await requests(ats.httpUrl, COUNT), { requests: COUNT, errors: 0 });
      dump = await settled(ats);
    } finally {
      await ats.stop();
    }
    // The modules are where the dump is read as little as they are on another machine.
    for (const name of [...Object.keys(PLACES), OTHER]) rmSync(join(folder, `${name}.so`));
    writeFileSync(join(folder, "memtrack.out"), dump.text);
  });
  after(async () => {
    await origin.stop();
    rmSync(folder, { recursive: true });
  });

  /** Runs a line of README in the folder. */
  function recipe(): { out: string; err: string } {
    const [line] = /^ {4}memtrack symbolize .*$/m.exec(readFileSync(join(TOP, "README.md"), "utf8")) ?? [];
    assert.ok(line, "README has the recipe");
    const command = `memtrack() { ${process.execPath} ${join(BUILD, "command", "memtrack.js")} "$@"; }; ${line}`;
    const { status, stderr } = spawnSync("sh", ["-c", command], { cwd: folder, encoding: "utf8" });
    assert.equal(status, 0, stderr);
    return { out: readFileSync(join(folder, "named.out"), "utf8"), err: stderr };
  }

  test("README's recipe names the function and line of each row, as its source declares them", () => {
    const { out, err } = recipe();
    const [named] = parseDumps(out);
    assert.ok(named);
    assert.equal(rowsOf(named).length, rowsOf(dump).length);
    for (const name of Object.keys(PLACES)) {
      for (const want of expectedOf(name, { transaction: COUNT, once: 1 })) {
        // Two addresses on one line keep two rows.
        const rows: ReturnType<typeof rowsOf> = rowsOf(named).filter(
          (row) => row.class === want.class && row.location === want.location,
        );
        const sum = (key: "allocs" | "frees"): number => rows.reduce((total, row) => total + row[key], 0);
        assert.ok(rows.length > 0, `${want.class} at ${want.location}\n${out}`);
        if (want.allocs !== undefined) assert.equal(sum("allocs"), want.allocs, want.location);
        if (want.frees !== undefined) assert.equal(sum("frees"), want.frees, want.location);
      }
      assert.doesNotMatch(out, new RegExp(`${name}\\.so[^|\\n]*\\+0x`));
    }
    assert.match(err, new RegExp(`^memtrack: ${OTHER}\\.so keeps addresses: .*${OTHER}\\.so is of another build`, "m"));
    assert.match(out, new RegExp(`${OTHER}\\.so\\+0x`));
  });

  test("a second time nothing is left to do", () => {
    const { out } = recipe();
    writeFileSync(join(folder, "again.out"), out);
    const args = [join(BUILD, "command", "memtrack.js"), "symbolize", "again.out", "--debug-dir", "debug"];
    const again = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
    assert.equal(again.stdout, out);
  });
});

/** `init` is local: without its debug information, the server's symbols do not have it. */
const PROGRAM = `static __attribute__((noinline)) int init(int n) {
  return n * 3 + 1;
}
int start(int n) {
  return init(n) + 2;
}
int main(int argc, char **argv) {
  return start(argc);
}
`;

test("locations of the server's heap get the function and line of the module `core`", () => {
  const folder = mkdtempSync(join(tmpdir(), "memtrack-symbolize-"));
  try {
    const program = join(folder, "traffic_server");
    writeFileSync(join(folder, "server.c"), PROGRAM);
    execFileSync("gcc", ["-g", "-O1", "-fno-ipa-cp", "-Wl,--build-id", "-o", program, "server.c"], { cwd: folder });
    const [, init] = /^([0-9a-f]+) t init/m.exec(execFileSync("nm", [program], { encoding: "utf8" }))!;
    const address = `+0x${(parseInt(init!, 16) + 1).toString(16)}`;
    // Its path is that of another machine.
    const dump = (locations: string[]) =>
      [
        "memtrack format=2 dump=1 time=2026-11-27T10:00:00Z reason=signal level=1",
        "",
        "Heap memory of plugins and the server",
        "Allocs     | Frees      | Size In-use          | Avg Size   | Location",
        "-----------|------------|----------------------|------------|-------------------------------------------------------------",
        ...locations.map((location) => `         1 |          0 |                    8 |          8 | memory/${location}`),
        "",
        "Modules: files that the rows above name",
        "Build id                                 | Module",
        "-----------------------------------------|--------",
        `${buildIdOf(program)} | core /usr/bin/traffic_server`,
        "",
        "memtrack end dump=1 rows=1",
        "",
      ].join("\n");
    const rows = [
      [`core/traffic_server${address} (below start)`, "core/traffic_server init (server.c:2)"],
      [`core/traffic_server${address}`, "core/traffic_server init (server.c:2)"],
      ["core/traffic_server start+0x2", "core/traffic_server start (server.c:5)"],
      [`plugin/traffic_server${address} (below start) [via foo.so]`, "plugin/traffic_server init (server.c:2) [via foo.so]"],
      ["core/traffic_server+0x10 (below start)", "core/traffic_server+0x10 (below start)"],
    ] as const;
    const [before, after] = [dump(rows.map(([row]) => row)), dump(rows.map(([, row]) => row))];
    const args = [join(BUILD, "command", "memtrack.js"), "symbolize", "--debug-dir", folder];
    const { stdout, stderr } = spawnSync(process.execPath, args, { input: before, encoding: "utf8" });
    assert.equal(stdout, after);
    assert.match(stderr, /^memtrack: traffic_server keeps addresses: .* has no function for an address\n$/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
