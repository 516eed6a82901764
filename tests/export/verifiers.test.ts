// SPDX-License-Identifier: Apache-2.0
//
// The command's output for other programs, read by these programs from Debian's packages: go tool pprof, the flame graph program of
// libdevel-nytprof-perl, mrtg. They must show the dump's numbers.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { parseDumps, type Row } from "../../harness/dump.ts";
import {
  handmadeDump,
  handmadeLeak,
  handmadeSearched,
  HOSTILE_OWNER,
  HOSTILE_SHOWN,
  modulesSection,
} from "../../harness/handmade.ts";
import { sections } from "../../format/format.ts";
import { headOf, ruleOf } from "../../format/layout.ts";
import { buildCommand, TOP } from "../../tools/build.ts";
import { fixture, memtrack } from "../support/command.ts";

const FLAMEGRAPH = "/usr/share/perl5/Devel/NYTProf/flamegraph.pl";
const CAPTURE = fixture("memtrack-level2.out");
const DUMPS = parseDumps(readFileSync(CAPTURE, "utf8"));

let folder: string;
before(() => void (folder = mkdtempSync(join(tmpdir(), "memtrack-verifiers-"))));
after(() => rmSync(folder, { recursive: true }));

const rowsOf = (index: number): Row[] => DUMPS.at(index)!.tables.flatMap((table) => table.rows);
const total = (index: number): number => rowsOf(index).reduce((sum, row) => sum + row.inUse, 0);

async function write(name: string, ...argv: string[]): Promise<string> {
  const path = join(folder, name);
  const { code, err } = await memtrack([...argv, "-o", path]);
  assert.equal(code, 0, err);
  return path;
}

describe("go tool pprof", () => {
  /** Rows of -top: flat bytes, and the function's name. */
  function top(...argv: string[]): { flat: number; name: string }[] {
    const args = ["tool", "pprof", "-top", "-unit=B", "-nodecount=100000", "-nodefraction=0", ...argv];
    const env = { ...process.env, HOME: folder, PPROF_TMPDIR: folder };
    const text = execFileSync("go", args, { encoding: "utf8", env, stdio: ["ignore", "pipe", "ignore"] });
    const lines = text.slice(text.indexOf("flat%")).split("\n").slice(1);
    return lines.flatMap((line) => {
      const [, flat, name] = /^ *(-?[\d.]+)B? +[-\d.]+% +[-\d.]+% +-?[\d.]+B? +[-\d.]+% +(.*)$/.exec(line) ?? [];
      return name === undefined ? [] : [{ flat: Number(flat), name }];
    });
  }

  test("shows the dump's top row and sum", async () => {
    const profile = await write("heap.pb.gz", "pprof", CAPTURE);
    const sites = top(profile).filter((row) => row.flat !== 0);
    const expected = rowsOf(-1).filter((row) => row.inUse !== 0);
    assert.equal(sites[0]!.name, expected.toSorted((a, b) => b.inUse - a.inUse)[0]!.location);
    assert.deepEqual(new Map(sites.map((row) => [row.name, row.flat])), new Map(expected.map((row) => [row.location, row.inUse])));
    assert.equal(
      sites.reduce((sum, row) => sum + row.flat, 0),
      total(-1),
    );
  });

  test("shows live and allocated objects", async () => {
    const profile = await write("objects.pb.gz", "pprof", CAPTURE);
    for (const [index, pick] of [
      ["inuse_objects", (row: Row) => row.allocs - row.frees],
      ["alloc_objects", (row: Row) => row.allocs],
    ] as const) {
      const found = top(`-sample_index=${index}`, profile).reduce((sum, row) => sum + row.flat, 0);
      assert.equal(
        found,
        rowsOf(-1).reduce((sum, row) => sum + pick(row), 0),
        index,
      );
    }
  });

  test("shows the difference of two dumps with -diff_base", async () => {
    const base = await write("base.pb.gz", "pprof", `${CAPTURE}#1`);
    const profile = await write("after.pb.gz", "pprof", `${CAPTURE}#3`);
    const found = top("-diff_base", base, profile).reduce((sum, row) => sum + row.flat, 0);
    assert.equal(found, total(2) - total(0));
    assert.notEqual(found, 0);
  });

  describe("on places in a plugin", () => {
    const at = (location: string, inUse: number) => ({ location, allocs: 10, frees: 4, inUse });
    const SOURCE = ["#include <stdlib.h>", "", "static void *", "handler(void)", "{", "  return malloc(100);", "}", ""];
    const ID = "0123456789abcdef0123456789abcdef01234567";
    let profile: string;
    before(async () => {
      const rows = [
        at("memory/plugin/foo.so handler (foo.c:4)", 60),
        at("memory/plugin/foo.so handler (foo.c:6)", 600),
        at("memory/plugin/foo.so(remap) setup (foo.c:9)", 90),
        at("memory/plugin/foo.so+0x1a2b", 30),
        at("memory/plugin/libstdc++.so.6 make+0x1a [via bar.so]", 20),
        at("memory/IOBuffer/HttpSM.cc:1836", 3000),
      ];
      const modules = modulesSection([
        [ID, "core /usr/bin/traffic_server"],
        ["00ff", "foo.so /opt/my plugins/foo.so"],
        ["00ff", "foo.so(remap) /opt/my plugins/foo.so"],
        ["-", "bar.so /opt/bar.so"],
      ]);
      writeFileSync(join(folder, "places.out"), handmadeDump({ rows, sections: modules }));
      mkdirSync(join(folder, "source"));
      writeFileSync(join(folder, "source", "foo.c"), SOURCE.join("\n"));
      profile = await write("places.pb.gz", "pprof", join(folder, "places.out"));
    });
    const pprof = (...argv: string[]): string => {
      const env = { ...process.env, HOME: folder, PPROF_TMPDIR: folder };
      return execFileSync("go", ["tool", "pprof", "-unit=B", ...argv, profile], {
        encoding: "utf8",
        env,
        stdio: ["ignore", "pipe", "ignore"],
      });
    };
    const flat = (...argv: string[]): Record<string, number> =>
      Object.fromEntries(top(...argv, profile).flatMap((row) => (row.flat ? [[row.name, row.flat]] : [])));

    test("adds up a function's lines with -top", () => {
      assert.deepEqual(flat(), {
        "memory/IOBuffer/HttpSM.cc:1836": 3000,
        "foo.so handler": 660,
        "foo.so(remap) setup": 90,
        "foo.so+0x1a2b": 30,
        "libstdc++.so.6 make+0x1a": 20,
      });
    });

    test("separates lines with -lines", () => {
      const lines = flat("-lines");
      assert.deepEqual([lines["foo.so handler foo.c:4"], lines["foo.so handler foo.c:6"]], [60, 600]);
      assert.equal(lines["memory/IOBuffer/HttpSM.cc:1836 HttpSM.cc:1836"], 3000);
    });

    test("shows the source found by -source_path with -list", () => {
      const text = pprof("-list=handler", `-source_path=${join(folder, "source")}`);
      assert.match(text, /^ROUTINE =+ foo\.so handler in foo\.c$/m);
      for (const [index, code] of SOURCE.slice(0, -1).entries()) {
        const bytes = { 4: "60B", 6: "600B" }[index + 1] ?? ".";
        assert.ok(
          text.split("\n").some((line) => line.trim().split(/ +/)[0] === bytes && line.endsWith(` ${index + 1}:${code}`)),
          text,
        );
      }
    });

    test("shows with -raw a mapping per file with its build id, and the address of a place without a name", () => {
      const text = pprof("-raw");
      const [, mappings = ""] = text.split("\nMappings\n");
      assert.deepEqual(mappings.trimEnd().split("\n"), [
        `1: 0x0/0x0/0x0 /usr/bin/traffic_server ${ID} [FN][FL][LN]`,
        "2: 0x0/0x0/0x0 /opt/my plugins/foo.so 00ff [FN][FL][LN]",
        "3: 0x0/0x0/0x0 libstdc++.so.6  [FN][FL][LN]",
      ]);
      assert.match(text, / 0x1a2b M=2 foo\.so\+0x1a2b :0 s=0\(memory\/plugin\/foo\.so\+0x1a2b\)$/m);
      assert.match(text, / 0x0 M=2 foo\.so handler foo\.c:6 s=0\(memory\/plugin\/foo\.so handler\)$/m);
      assert.match(text, / 0x0 M=1 memory\/IOBuffer\/HttpSM\.cc:1836 HttpSM\.cc:1836 /m);
      assert.match(text, / 0x0 foo\.so\(remap\) :0 s=0\(memtrack owner foo\.so\(remap\)\)$/m);
    });
  });

  test("shows how many blocks of a site are lost", async () => {
    const at = "memory/plugin/foo.so handler (foo.c:4)";
    const found = [
      "Search: 1 row whose blocks were searched for references",
      headOf(sections.search),
      ruleOf(sections.search),
      `1 | lost | 64 | 61 | 0 | 3 | 0 | 25 | 1 | 600 | 500 | iobuffer | ${at}`,
      "",
    ];
    const rows = [{ location: at, allocs: 600, frees: 0, inUse: 60_000 }];
    writeFileSync(join(folder, "lost.out"), handmadeDump({ rows, sections: found.join("\n") }));
    const profile = await write("lost.pb.gz", "pprof", join(folder, "lost.out"));
    const tags = execFileSync("go", ["tool", "pprof", "-tags", profile], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    assert.match(tags, /lost: Total .*\n.*: 500\n/);
  });

  test("shows a function that is inlined into its caller in the caller's location", async () => {
    writeFileSync(join(folder, "inlined.out"), handmadeSearched());
    const profile = await write("inlined.pb.gz", "pprof", join(folder, "inlined.out"));
    const pprof = (form: string): string =>
      execFileSync("go", ["tool", "pprof", form, profile], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    assert.match(
      pprof("-raw"),
      /^ +\d+: 0x0 M=\d+ leaky\.so lose leaky\.c:17(?::0)? s=.*\n +leaky\.so wrapper leaky\.c:30(?::0)? s=/m,
    );
    assert.match(pprof("-traces"), /leaky\.so lose(?: \(inline\))?\n +leaky\.so wrapper\n +leaky\.so handler\n/);
  });

  test("shows mappings without build ids for a dump without the Modules section", async () => {
    writeFileSync(join(folder, "older.out"), handmadeLeak(1));
    const profile = await write("older.pb.gz", "pprof", join(folder, "older.out"));
    const text = execFileSync("go", ["tool", "pprof", "-raw", profile], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    assert.match(text, /^1: 0x0\/0x0\/0x0 traffic_server  \[FN\]\[FL\]\[LN\]\n2: 0x0\/0x0\/0x0 leaky\.so  \[FN\]/m);
  });

  test("shows labels, and names with markup and commands, as text", async () => {
    const hostile = join(folder, "hostile.out");
    writeFileSync(hostile, handmadeLeak(2));
    const profile = await write("hostile.pb.gz", "pprof", hostile);
    const shown = HOSTILE_SHOWN.replace("memory/plugin/", "").replace(" (x.c:1)", "");
    assert.ok(top(profile).some((row) => row.name === shown));
    const tags = execFileSync("go", ["tool", "pprof", "-tags", profile], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    for (const text of ["leaky.so", "core", "iobuffer", HOSTILE_OWNER]) assert.ok(tags.includes(text), tags);
    assert.doesNotMatch(gunzipSync(readFileSync(profile)).toString("latin1"), /\x1b\[/);
  });
});

describe("flame graphs", () => {
  test("have widths equal to the dump's bytes in the folded form", async () => {
    const { out } = await memtrack(["folded", CAPTURE]);
    const sum = out
      .split("\n")
      .filter(Boolean)
      .reduce((all, line) => all + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
    assert.equal(sum, total(-1));
    const args = [FLAMEGRAPH, "--countname", "bytes", "--minwidth", "0"];
    const svg = spawnSync("perl", args, { input: out, encoding: "utf8" });
    assert.equal(svg.status, 0, svg.stderr);
    const count = (text: string): number => Number(text.replaceAll(",", ""));
    const [, all] = /all \(([\d,]+) bytes, 100%\)/.exec(svg.stdout) ?? [];
    assert.equal(count(all!), total(-1));
    for (const row of rowsOf(-1).filter(({ inUse }) => inUse > 0)) {
      const [, bytes] =
        new RegExp(`${row.location.replace(/[.*+?^$()|[\]{}]/g, "\\$&")} \\(([\\d,]+) bytes`).exec(svg.stdout) ?? [];
      assert.equal(count(bytes!), row.inUse, row.location);
    }
  });
});

describe("mrtg", () => {
  /** The command as a program, as an operator runs it. */
  function program(): string {
    buildCommand(() => {});
    const wrapper = join(folder, "memtrack");
    const bin = join(TOP, "build", "command", "memtrack.js");
    writeFileSync(wrapper, `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`, { mode: 0o755 });
    return wrapper;
  }

  test("makes its log and graph with the dump's values, in three runs on the config", async () => {
    const file = join(folder, "traffic.out");
    const text = readFileSync(CAPTURE, "utf8");
    const ends = [...text.matchAll(/memtrack end dump=\d+ rows=\d+\n/g)].map((match) => match.index + match[0].length);
    const config = join(folder, "mrtg.cfg");
    const wrapper = program();
    writeFileSync(file, text.slice(0, ends[0]));
    const made = await memtrack(["mrtg", file, "--config", "--workdir", folder, "--command", wrapper]);
    assert.equal(made.code, 0, made.err);
    writeFileSync(config, made.out);
    for (const end of ends.slice(0, 3)) {
      writeFileSync(file, text.slice(0, end));
      execFileSync("mrtg", [config], { env: { ...process.env, LANG: "C" }, stdio: ["ignore", "pipe", "pipe"] });
    }
    for (const target of ["memtrack-total", "memtrack-core"]) {
      const [counters] = readFileSync(join(folder, `${target}.log`), "utf8").split("\n");
      const dump = DUMPS[2]!;
      assert.deepEqual(counters!.split(" ").slice(1).map(Number), [dump.iobuffer.total, dump.openssl.total], target);
      const png = readFileSync(join(folder, `${target}-day.png`));
      assert.equal(png.subarray(1, 4).toString(), "PNG");
      assert.ok(png.length > 500);
    }
    assert.match(readFileSync(join(folder, "memtrack-core.html"), "utf8"), /IOBuffers/);
  });

  test("makes a graph for an owner whose name has brackets", async () => {
    const file = join(folder, "remap.out");
    const row = { location: "memory/plugin/foo.so(remap)#2 handler (foo.c:6)", allocs: 3, frees: 1, inUse: 512 };
    writeFileSync(file, handmadeDump({ rows: [row] }));
    const config = join(folder, "remap.cfg");
    const wrapper = program();
    const made = await memtrack(["mrtg", file, "--config", "--workdir", folder, "--command", wrapper]);
    writeFileSync(config, made.out);
    execFileSync("mrtg", [config], { env: { ...process.env, LANG: "C" }, stdio: ["ignore", "pipe", "pipe"] });
    const [counters] = readFileSync(join(folder, "memtrack-foo.so_remap__2.log"), "utf8").split("\n");
    assert.deepEqual(counters!.split(" ").slice(1).map(Number), [512, 0]);
  });

  test("has unknown values before the first dump, and the values of an owner or a site if selected", async () => {
    const empty = join(folder, "empty.out");
    writeFileSync(empty, "[Nov 22] no dump yet\n");
    assert.equal((await memtrack(["mrtg", empty])).out, "UNKNOWN\nUNKNOWN\n\nmemtrack total\n");
    const [row] = DUMPS.at(-1)!.openssl.rows;
    const site = (await memtrack(["mrtg", CAPTURE, "--site", row!.location])).out.split("\n");
    assert.deepEqual(site.slice(0, 2), ["0", String(row!.inUse)]);
    const other = (await memtrack(["mrtg", CAPTURE, "--owner", "none.so"])).out.split("\n");
    assert.deepEqual(other.slice(0, 2), ["UNKNOWN", "UNKNOWN"]);
  });
});
