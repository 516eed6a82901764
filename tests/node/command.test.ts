// SPDX-License-Identifier: Apache-2.0
//
// The memtrack command: its output for captures agrees with the strict parser, and wrong usage gives one line and exit code 2.

import assert from "node:assert/strict";
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { Readable } from "node:stream";
import { after, before, describe, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { REMAINDER_KIND, REMAINDER_NAME, sections, type Section } from "../../format/format.ts";
import { headOf, ruleOf, titlesOf } from "../../format/layout.ts";
import { parseDumps, parseTables, type Row } from "../../harness/dump.ts";
import {
  handmadeDump,
  handmadeLeak,
  HOSTILE,
  HOSTILE_OWNER,
  HOSTILE_SHOWN,
  NEW_SECTIONS,
  NEW_SECTIONS_ROWS,
} from "../../harness/handmade.ts";
import type { Output } from "../../host/node/commands/io.ts";
import type { Report } from "../../host/node/report/report.ts";
import { width } from "../../host/node/report/text.ts";
import { fixture, memtrack } from "../support/command.ts";
import { BUILD } from "../../tools/build.ts";

let folder: string;
before(() => void (folder = mkdtempSync(join(tmpdir(), "memtrack-command-"))));
after(() => rmSync(folder, { recursive: true }));

const path = (name: string): string => join(folder, name);

function file(name: string, content: string | Buffer): string {
  writeFileSync(path(name), content);
  return path(name);
}

async function json(...argv: string[]): Promise<Report> {
  const { code, out, err } = await memtrack(["report", "--json", ...argv]);
  assert.equal(code, 0, err);
  return JSON.parse(out) as Report;
}

/** A section of a dump, from its cells by the titles of their columns. */
function sectionText(section: Section, title: string, rows: Record<string, string>[]): string {
  const cells = (row: Record<string, string>): string =>
    titlesOf(section)
      .map((head) => row[head] ?? "0")
      .join(" | ");
  return [title, headOf(section), ruleOf(section), ...rows.map(cells), ""].join("\n");
}

const rowsOf = (dump: { tables: { rows: Row[] }[] }): Row[] => dump.tables.flatMap((table) => table.rows);

describe("report", () => {
  test("rows, sums and growth of a capture come from its first and last dump", async () => {
    const dumps = parseDumps(readFileSync(fixture("memtrack-level2.out"), "utf8"));
    const report = await json(fixture("memtrack-level2.out"));
    const first = new Map(rowsOf(dumps[0]!).map((row) => [row.location, row]));
    const last = rowsOf(dumps.at(-1)!);
    assert.equal(report.dumps, 4);
    assert.equal(report.origin, "memtrack");
    assert.equal(report.sites.length, last.length);
    for (const row of last) {
      const found = report.sites.find((site) => site.location === row.location)!;
      const { allocs, frees, inUse, average } = found;
      assert.deepEqual(
        { allocs, frees, inUse, average },
        { allocs: row.allocs, frees: row.frees, inUse: row.inUse, average: row.average },
      );
      assert.equal(found.change, row.inUse - (first.get(row.location)?.inUse ?? 0));
    }
    assert.equal(report.total, dumps.at(-1)!.iobuffer.total + dumps.at(-1)!.openssl.total);
    assert.equal(report.classes.openssl, dumps.at(-1)!.openssl.total);
    assert.deepEqual(
      report.owners.map(({ owner, total }) => [owner, total]),
      [["core", report.total]],
    );
  });

  test("dumps of a stock server have a number and no time", async () => {
    const tables = parseTables(readFileSync(fixture("stock-level1.out"), "utf8")).tables;
    const report = await json(fixture("stock-level1.out"));
    assert.equal(report.origin, "built-in");
    assert.equal(report.total, tables.at(-1)!.total);
    assert.equal(report.totalChange, tables.at(-1)!.total - tables[0]!.total);
    assert.deepEqual(report.last, { number: 3 });
    assert.ok(report.sites.every((row) => row.perHour === undefined));
    const known = await json("--interval", "600", fixture("stock-level1.out"));
    assert.equal(known.seconds, 1200);
    assert.equal(known.owners[0]!.perHour, known.totalChange * 3);
  });

  test("standard input, compressed files and rotated pieces in any order give the same report as the plain file", async () => {
    const name = fixture("memtrack-level1.out");
    const bytes = readFileSync(name);
    const expected = await json(name);
    const same = (report: Report) => assert.deepEqual({ ...report, files: [], counts: 0 }, { ...expected, files: [], counts: 0 });
    same(await json(file("packed.gz", gzipSync(bytes))));
    for (const stdin of [bytes, gzipSync(bytes)]) {
      for (const argv of [
        ["report", "--json"],
        ["report", "--json", "-"],
      ]) {
        same(JSON.parse((await memtrack(argv, { stdin })).out) as Report);
      }
    }
    const half = bytes.indexOf("memtrack end dump=2") + 5;
    const pieces = [file("new", bytes.subarray(half)), file("old.gz", gzipSync(bytes.subarray(0, half)))];
    same(await json(...pieces));
  });

  test("a damaged compressed file is reported with the part that could be read", async () => {
    const packed = gzipSync(readFileSync(fixture("memtrack-level2.out")));
    const { code, out } = await memtrack(["report", file("torn.gz", packed.subarray(0, packed.length / 2))]);
    assert.equal(code, 0);
    assert.match(out, /! .*torn\.gz is packed and damaged \(unexpected end of file\)/);
    assert.match(out, /^.*torn\.gz: [12] dumps? of memtrack/);
  });

  test("a truncated dump is skipped with a warning; the only dump is shown with a warning", async () => {
    const { out } = await memtrack(["report", fixture("truncated.out")]);
    assert.match(out, /: 3 dumps of memtrack/);
    assert.match(out, /! 1 dump is cut off, and left out/);
    const text = readFileSync(fixture("truncated.out"), "utf8");
    const only = await memtrack(["report", file("only", text.slice(text.lastIndexOf("memtrack format")))]);
    assert.match(only.out, /: 1 dump of memtrack/);
    assert.match(only.out, /! the only dump, .* is not whole/);
  });

  test("memtrack's warnings are reported, from a dump and from outside", async () => {
    const warned = 'memtrack warning="the site table is full: new sites are counted as (other)"\n';
    const twice = 'memtrack warning="released twice: a block of 24 bytes, last tracked at memory/plugin/foo.so f (foo.c:12)"\n';
    const refused = 'memtrack hook=openssl state=refused reason="no place holds them"\n';
    const text = handmadeDump({ rows: [] })
      .replace("lost=0", "lost=3 twice=2 exhausted=thunks:1,modules:1200")
      .replace("\n", `\n${refused}${warned}`);
    const report = await json(file("warned", twice + text + twice));
    assert.deepEqual(report.warnings.slice(0, 6), [
      "hook openssl was refused: no place holds them",
      "the site table is full: new sites are counted as (other)",
      "3 events were lost: rows can be off by as many",
      "2 blocks were released twice by a plugin",
      "limits of memtrack are reached: thunks (once), modules (1,200 times); docs/REFERENCE.md says what comes of it",
      "released twice: a block of 24 bytes, last tracked at memory/plugin/foo.so f (foo.c:12) (2 times)",
    ]);
  });

  test("runs of the server are counted separately", async () => {
    const name = fixture("two-processes.out");
    const dumps = parseDumps(readFileSync(name, "utf8"));
    assert.equal(dumps.length, 6);
    const [one, two] = [await json("--run", "1", name), await json("--run", "2", name)];
    assert.deepEqual([one.dumps, two.dumps], [3, 3]);
    assert.deepEqual(one.runs, two.runs);
    const totals = dumps.map((dump) => dump.iobuffer.total);
    assert.deepEqual(
      [one, two].map(({ total, totalChange }) => [total, total - totalChange]),
      [
        [totals[4], totals[0]],
        [totals[5], totals[1]],
      ],
    );
    // A restarted server begins with dump 1, and the built-in tracker's counts begin at 0.
    for (const restarted of ["memtrack-level1.out", "stock-level1.out"]) {
      const text = readFileSync(fixture(restarted), "utf8");
      assert.equal((await json(file("restarted", text + text))).runs.length, 2, restarted);
    }
    const wrong = await memtrack(["report", "--run", "3", name]);
    assert.deepEqual([wrong.code, wrong.err], [2, "memtrack: --run is 3: there are 2, counted from 1\n"]);
  });

  test("a class that is no longer tracked has no negative growth", async () => {
    const row = { location: "memory/IOBuffer/x.cc:1", allocs: 9, frees: 1, inUse: 1000 };
    const ssl = [{ location: "memory/OpenSSL/a.c:1", allocs: 9, frees: 1, inUse: 500 }];
    const two = (number: number, armed = 60 * number): string =>
      handmadeDump({ number, armed, level: 2, rows: [row], openssl: ssl });
    const off = (number: number): string => handmadeDump({ number, armed: 0, level: 0, rows: [] });
    const one = (number: number): string => handmadeDump({ number, level: 1, rows: [row] });

    const ended = file("ended", two(1) + two(2) + off(3));
    const { out } = await memtrack(["report", ended]);
    assert.match(
      out,
      /: 2 dumps of memtrack.*\nin use: 1\.5 KiB, no change .*\n! the last dump is of level 0: nothing was tracked any more\n/,
    );
    assert.match(out, /  0 shrank/);
    assert.equal((await memtrack(["mrtg", ended])).out, "UNKNOWN\nUNKNOWN\n\nmemtrack total\n");
    const dark = await memtrack(["diff", `${ended}#1`, "#3"]);
    assert.deepEqual([dark.code, dark.out], [2, ""]);
    assert.match(dark.err, /ended dump 3 of .* is of level 0: nothing was tracked/);
    const never = await memtrack(["report", file("never", off(1) + off(2))]);
    assert.equal(never.code, 2);
    assert.match(never.err, /never: every dump is of level 0, in which nothing is tracked/);

    const again = file("again", two(1) + two(2) + off(3) + two(4, 5));
    const anew = await memtrack(["report", again]);
    assert.match(anew.out, /: 1 dump of memtrack.*\nin use: 1\.5 KiB .*\nrun 2 of 2; run 1 ended \S+: --run 1 shows it\n/);
    assert.doesNotMatch(anew.out, /level 0/);
    assert.match((await memtrack(["report", again, "--run", "1"])).out, /: 2 dumps of memtrack/);
    assert.match((await memtrack(["diff", `${again}#1`, "#4"])).out, /\n! counting began anew in between/);

    const down = await json(file("down", two(1) + one(2)));
    assert.deepEqual([down.total, down.totalChange, down.sites.length], [1000, 0, 1]);
    assert.match(down.warnings[0]!, /^OpenSSL is not tracked in dump 2 of .*: its change is not known$/);
    const up = await json(file("up", one(1) + two(2)));
    assert.deepEqual([up.total, up.totalChange, up.sites.length], [1500, 0, 2]);
    assert.match(up.warnings[0]!, /^OpenSSL is not tracked in dump 1 /);
    const less = await memtrack(["diff", `${path("down")}#1`, "#2"]);
    assert.match(less.out, /\n! OpenSSL is not tracked in .*down dump 2 of .*: it is left out\nno difference\n$/);
  });

  test("--since and --until select dumps by time", async () => {
    const name = file(
      "hours",
      [1, 2, 3, 4, 5]
        .map((number) => handmadeDump({ number, time: 1795370400 + number * 3600, armed: number * 3600, rows: [] }))
        .join(""),
    );
    const numbers = async (...argv: string[]) => {
      const { first, last } = await json(name, ...argv);
      return [first.number, last.number];
    };
    assert.deepEqual(await numbers(), [1, 5]);
    assert.deepEqual(await numbers("--since", "2026-11-22T20:00Z"), [2, 5]);
    assert.deepEqual(await numbers("--since", "2026-11-22T21:00:00+01:00", "--until", "2026-11-22 22:00:00Z"), [2, 4]);
    assert.deepEqual(await numbers("--until", "2026-11-22T20:00:00Z"), [1, 2]);
    const none = await memtrack(["report", name, "--since", "2027-01-01"]);
    const range = "2026-11-22T19:00:00Z to 2026-11-22T23:00:00Z";
    assert.deepEqual([none.code, none.err], [2, `memtrack: no dump is within --since and --until: 5 dumps, ${range}\n`]);
    const stock = await memtrack(["report", fixture("stock-level1.out"), "--since", "2027-01-01"]);
    assert.match(stock.out, /--since and --until do not apply/);
  });

  test("--site and --owner select rows, and the sums are those of the selected rows", async () => {
    const rows = [
      { location: "memory/IOBuffer/HttpSM.cc:1", allocs: 2, frees: 1, inUse: 100 },
      { location: "memory/plugin/foo.so f (foo.c:1)", allocs: 2, frees: 1, inUse: 20 },
      { location: "memory/OpenSSL/a.c:1 [via foo.so]", allocs: 2, frees: 1, inUse: 3 },
    ];
    const name = file("owners", handmadeDump({ rows }));
    assert.equal((await json(name)).total, 123);
    assert.equal((await json(name, "--owner", "foo.so")).total, 23);
    assert.equal((await json(name, "--owner", "core")).total, 100);
    assert.equal((await json(name, "--site", "foo.c")).total, 20);
  });

  test("--site and --owner that match nothing in a file are an error, so that a CI job cannot pass forever", async () => {
    const location = (n: number): string => `memory/plugin/p${n}.so f (p.c:1)`;
    const rows = Array.from({ length: 12 }, (_, n) => ({ location: location(n), allocs: 2, frees: 1, inUse: 20 }));
    const name = file("misspelt", handmadeDump({ rows: [] }) + handmadeDump({ number: 2, rows }));
    const none =
      'memtrack: no owner "p\\x1b1"; there are: core, p0.so, p1.so, p10.so, p11.so, p2.so, p3.so, p4.so, p5.so, p6.so, ...\n';
    for (const argv of [
      ["report", name, "--fail-on", "leak"],
      ["html", name, "-o", "-"],
      ["diff", `${name}#1`, "#2"],
      ["pprof", name, "-o", "-"],
      ["folded", name],
    ]) {
      const owner = await memtrack([...argv, "--owner", "p\x1b1"]);
      assert.deepEqual([owner.code, owner.out, owner.err], [2, "", none], argv[0]);
      const site = await memtrack([...argv, "--site", "p.c:2"]);
      assert.deepEqual([site.code, site.out, site.err], [2, "", 'memtrack: no site has "p.c:2" in its location\n'], argv[0]);
      const both = await memtrack([...argv, "--site", "p1.so", "--owner", "p2.so"]);
      assert.deepEqual([both.code, both.err], [2, 'memtrack: no site of p2.so has "p1.so" in its location\n'], argv[0]);
    }
    const mrtg = await memtrack(["mrtg", name, "--owner", "p\x1b1"]);
    assert.deepEqual([mrtg.code, mrtg.out, mrtg.err], [0, "UNKNOWN\nUNKNOWN\n\nmemtrack p\\x1b1\n", none]);
    // A plugin that holds nothing now, or that only an earlier run had, is not a misspelling.
    assert.equal(
      (await json("--owner", "p1.so", file("gone", handmadeDump({ rows }) + handmadeDump({ number: 2, rows: [] })))).total,
      0,
    );
    assert.equal((await json("--owner", "core", name)).total, 0);
  });

  test("a table fits the terminal, and --top limits its rows", async () => {
    for (const columns of [40, 60, 80, 132, 250]) {
      const { out } = await memtrack(["report", "--top", "7", fixture("memtrack-level2.out")], { columns, env: { NO_COLOR: "1" } });
      for (const line of out.split("\n").slice(1)) assert.ok(width(line) <= Math.max(columns, 80) || !line.startsWith("  "), line);
      assert.doesNotMatch(out, /\x1b/);
      const table = out
        .slice(out.indexOf("What grew"))
        .split("\n")
        .filter((line) => line.startsWith("  "));
      for (const line of table) assert.ok(width(line) <= columns, `${columns}: ${line}`);
    }
    const name = file(
      "many",
      handmadeDump({
        rows: Array.from({ length: 30 }, (_, i) => ({ location: `memory/IOBuffer/f.cc:${i}`, allocs: 2, frees: 1, inUse: 8 + i })),
      }),
    );
    const lines = (text: string): number => text.split("\n").filter((line) => line.includes("f.cc:")).length;
    assert.equal(lines((await memtrack(["report", "--top", "7", name])).out), 7);
    assert.equal(lines((await memtrack(["report", name])).out), 20);
    assert.equal(lines((await memtrack(["report", "--top", "0", name])).out), 30);
    assert.match((await memtrack(["report", "--top", "7", name])).out, /7 of 30; --top 0 shows all/);
  });

  test("27 plugins: each name is whole at 80 columns, and columns that do not fit are named", async () => {
    const name = fixture("plugins25.out.gz");
    const { owners, sites } = await json(name);
    for (const columns of [80, 100, 160]) {
      const { out } = await memtrack(["report", "--top", "0", name], { columns, env: { NO_COLOR: "1" } });
      for (const line of out.split("\n").slice(1))
        assert.ok(width(line) <= columns || line.startsWith("    memtrack report"), line);
      for (const { owner } of owners) assert.match(out, new RegExp(` ${owner.replace(/[.#()]/g, "\\$&")}\n`), owner);
      for (const row of sites.filter((row) => row.change > 0)) {
        const tail = /[^/ ]*$/.exec(row.location)![0].replace(/^.*(?=\+0x)/, "");
        assert.ok(
          out.split("\n").some((line) => line.includes(` ${row.owner} `) && line.endsWith(tail)),
          `${columns}: ${row.location}`,
        );
      }
      for (const title of [
        "In use",
        "Change",
        "Per hour",
        "Alive",
        "Allocated",
        "IOBuffer",
        "OpenSSL",
        "TSmalloc",
        "Heap",
        "Objects",
      ]) {
        assert.ok(out.slice(out.indexOf("What grew")).includes(title), `${columns}: ${title}`);
      }
    }
    // The rate is shown rather than the class.
    const narrow = (await memtrack(["report", name], { columns: 80, env: { NO_COLOR: "1" } })).out;
    assert.match(narrow, /^ +In use +Change +Per hour +Verdict +Plugin, function, line\n/m);
    assert.match(narrow, /\n  \+ Alive, Allocated, Class: --width \d+ shows all columns\n/);
    const needed = /OpenSSL[^:]*: --width (\d+) shows all columns/.exec(
      (await memtrack(["report", name], { columns: 80 })).out,
    )![1]!;
    const wide = await memtrack(["report", "--width", needed, name], { columns: 80 });
    assert.doesNotMatch(wide.out.slice(wide.out.indexOf("Owners")), /shows all columns/);
  });

  test("all verdicts in a table have the source that its title names; an owner with a suspect is a leak", async () => {
    const proxy = await memtrack(["report", fixture("plugins25.out.gz")]);
    assert.match(proxy.out, /^What grew \(verdicts from the proxy\)\n/m);
    assert.match(proxy.out, /leak +- .* compress\.so Gzip::Configuration::Parse\+0x14a$|leak +Heap +compress\.so/m);
    const { judge, suspects, sites, owners } = await json(fixture("plugins25.out.gz"));
    assert.equal(judge, "proxy");
    assert.ok(suspects.every(({ by }) => by === "proxy"));
    assert.ok(
      sites.some((row) => row.class !== "object" && row.verdict === undefined),
      "what the proxy said nothing of has no verdict",
    );
    assert.equal(owners.find(({ owner }) => owner === "compress.so")!.verdict, "leak");
    const stock = await memtrack(["report", file("judged", handmadeLeak(400))]);
    assert.match(stock.out, /^What grew \(verdicts from this command\)\n/m);
    assert.match(stock.out, /^Owners \(verdicts from this command\)\n/m);
    const few = await memtrack(["report", "--top", "1", path("judged")]);
    assert.match(few.out, /^Owners \(1 of 3; --top 0 shows all; verdicts from this command\)\n/m);
    // Too few dumps give no verdicts, and so no column of verdicts.
    assert.doesNotMatch((await memtrack(["report", file("young", handmadeLeak(40))])).out, /Verdict|verdicts from/);
  });

  test("Why is next to the verdict, and the largest undecided growth next to the suspects", async () => {
    const { out } = await memtrack(["report", fixture("leak.out.gz")]);
    assert.match(out, /filling +too soon +TSmalloc +leak_at_init\.so behave/);
    assert.match(
      out,
      /\n  largest growth not judged yet: leak_at_init\.so behave \(leak_at_init\.c:11\), TSmalloc: \+97\.3 MiB, .*\(too soon\)\n/,
    );
  });

  test("the next command is a line of its own, whole at any width", async () => {
    const name = fixture("leak.out.gz");
    for (const columns of [40, 80]) {
      const { out } = await memtrack(["report", name], { columns, env: { NO_COLOR: "1" } });
      const line = `    memtrack report --owner leaky.so ${name}`;
      assert.ok(out.includes(`\n  next: all that leaky.so holds\n${line}\n`), out);
    }
  });

  test("resident memory, and what of it is not accounted, are shown with their change since the first dump", async () => {
    const { out } = await memtrack(["report", fixture("leak.out.gz")]);
    assert.match(out, /\nresident: 204 MiB, \+148 MiB, coverage 69 %; 75\.4 MiB \(37 %\) not accounted, \+45\.5 MiB\n/);
    const dump = (number: number, parts?: [resident: number, unaccounted: number]): string => {
      const [rss, dark] = (parts ?? []).map((kib) => String(kib * 1024));
      const rows = [
        { Bytes: rss!, What: "resident (RSS)" },
        { Bytes: dark!, What: "not accounted" },
      ];
      const { reconciliation } = sections;
      const text = parts ? sectionText(reconciliation, reconciliation.title, rows) : "";
      return handmadeDump({ number, rows: [], sections: text });
    };
    const said = async (...dumps: string[]): Promise<string> =>
      /^resident: .*$/m.exec((await memtrack(["report", file("resident", dumps.join(""))])).out)![0];
    assert.equal(
      await said(dump(1, [90, 30]), dump(2, [80, 30])),
      "resident: 80.0 KiB, -10.0 KiB, coverage -; 30.0 KiB (38 %) not accounted, no change",
    );
    const unknown = "resident: 80.0 KiB; 30.0 KiB (38 %) not accounted";
    assert.equal(await said(dump(1), dump(2, [80, 30])), unknown, "the first dump does not report it");
    assert.equal(
      await said(dump(1, [80, 30])),
      "resident: 80.0 KiB, no change since the dump's baseline, coverage -; 30.0 KiB (38 %) not accounted, no change",
      "one dump has its own changes",
    );
  });

  test("growth that no row explains is shown: its coverage, its verdict, and as a suspect without an owner", async () => {
    const mib = (n: number): string => String(n * 1024 * 1024);
    const dump = (number: number, [rss, heap, dark]: [number, number, number], verdict: string, change = "0"): string => {
      const what = (name: string, bytes: number) => ({ Bytes: mib(bytes), Change: change, What: name });
      const parts = [what("resident (RSS)", rss), what("plugins' heap alive", heap), what("not accounted", dark)];
      const why = verdict === "filling" ? "too soon" : "-";
      const growth = { Verdict: verdict, Why: why, Location: REMAINDER_NAME, Kind: REMAINDER_KIND };
      const evidence = { Evidence: `${REMAINDER_NAME}: +1.0 GiB/h for 12 min, in no row` };
      const text = [
        sectionText(sections.growth, "Growth since arming: 0 rows that changed", [growth]),
        sectionText(sections.suspects, "Suspects: 1 with unexplained growth", verdict === "leak" ? [evidence] : []),
        sectionText(sections.reconciliation, sections.reconciliation.title, parts),
      ];
      return handmadeDump({ number, rows: [], sections: text.join("\n") });
    };
    const name = file("unseen", dump(1, [100, 10, 50], "new") + dump(2, [300, 20, 240], "filling"));
    const { out } = await memtrack(["report", name]);
    assert.match(
      out,
      /\nresident: 300 MiB, \+200 MiB, coverage 5 %; 240 MiB \(80 %\) not accounted, \+190 MiB\s\(filling: too soon\)\n/,
    );
    assert.match(out, /\nSuspects: none.*; rows\sexplain 5 % of the growth of resident memory \(\+200 MiB\)\n/);
    const { resident } = await json(name);
    assert.deepEqual(resident, {
      bytes: 300 * 1024 * 1024,
      change: 200 * 1024 * 1024,
      since: "first dump",
      coverage: 5,
      unaccounted: 240 * 1024 * 1024,
      unaccountedChange: 190 * 1024 * 1024,
      unaccountedShare: 80,
      verdict: "filling",
      why: "too soon",
    });
    assert.match(
      (await memtrack(["diff", name])).out,
      /\n {2}resident: 300 MiB, \+200 MiB, coverage 5 %; .*\(filling: too soon\)\n/,
    );
    // A single dump has the changes since its own baseline.
    const alone = await memtrack(["report", file("unseen-alone", dump(1, [300, 20, 240], "steady", mib(32)))]);
    assert.match(alone.out, /\nresident: 300 MiB, \+32\.0 MiB since the dump's baseline, coverage 100 %; /);
    // As a suspect it has no owner whose sites the next command could show.
    const leak = await memtrack(["report", file("unseen-leak", dump(1, [100, 10, 50], "new") + dump(2, [300, 20, 240], "leak"))]);
    assert.match(leak.out, new RegExp(`\n {2}leak {2}${REMAINDER_NAME}: \\+1\\.0 GiB/h for 12 min, in no row\n`));
    assert.doesNotMatch(leak.out, /--owner/);
    assert.equal((await memtrack(["report", "--fail-on", "leak", join(folder, "unseen-leak")])).code, 1);
  });

  test("a report on one of several runs says how to see the run before it", async () => {
    const row = [{ location: "memory/IOBuffer/x.cc:1", allocs: 9, frees: 1, inUse: 1000 }];
    const runs = [1795370400, 1795380400, 1795390400].map((time) => handmadeDump({ number: 1, time, armed: 1, rows: row }));
    const name = file("restarted", runs.join(""));
    const said = async (...argv: string[]): Promise<string> => /^run .*$/m.exec((await memtrack(["report", ...argv])).out)![0];
    assert.equal(await said(name), "run 3 of 3; run 2 ended 2026-11-22T20:46:40Z: --run 2 shows it");
    assert.equal(await said(name, "--run", "2"), "run 2 of 3; run 1 ended 2026-11-22T18:00:00Z: --run 1 shows it");
    assert.equal(await said(name, "--run", "1"), "run 1 of 3; run 2 began 2026-11-22T20:46:40Z: --run 2 shows it");
    const stock = readFileSync(fixture("stock-level1.out"), "utf8");
    assert.equal(await said(file("stock-twice", stock + stock)), "run 2 of 2; run 1 ended with dump 3: --run 1 shows it");
    assert.doesNotMatch((await memtrack(["report", fixture("stock-level1.out")])).out, /^run /m);
  });

  test("the time of the verdict on the largest growth comes from the server's summary", async () => {
    const dumps = gunzipSync(readFileSync(fixture("format2.out.gz")))
      .toString()
      .split(/^(?=memtrack format)/m);
    const at = dumps.findIndex((text) => /, too soon; verdict in \d+ min at the earliest$/m.test(text));
    const { out } = await memtrack(["report", file("judged-later", dumps.slice(0, at + 1).join(""))]);
    assert.match(out, /\n  largest growth not judged yet: leak_at_init\.so .*\(too soon; verdict in \d+ min at the earliest\)\n/);
    // What only seems to level off can still become a leak.
    const levelling = dumps.findIndex((text) => text.includes(", levels off; judged again with each sample"));
    const other = await memtrack(["report", file("levelling", dumps.slice(0, levelling + 1).join(""))]);
    assert.match(other.out, /\n  largest growth not judged yet: .* \(levels off; judged again with each sample\)\n/);
  });

  test("the rows of a suspect with one cause are listed below it", async () => {
    const { out } = await memtrack(["report", fixture("format2.out.gz")]);
    assert.match(out, /\n  leak  leaky\.so on_transaction \(\d+ rows\): \+/);
    assert.match(out, /\n        - leaky\.so on_transaction \(leaky\.c:\d+\), IOBuffer: \+/);
    assert.match(out, /\n        - leaky\.so on_transaction \(leaky\.c:\d+\), TSIOBuffer: \+/);
  });

  test("zero suspects is no all-clear if most memory is undecided or not accounted", async () => {
    const growth = (why: string): string => {
      const row = { Verdict: "filling", Why: why, Change: "500", Location: "memory/IOBuffer/x.cc:1" };
      return sectionText(sections.growth, "Growth since arming: 1 rows changed (old: more than 10 m)", [row]);
    };
    const rss = (lost: number): string => {
      const rows = [
        { Bytes: "1000", What: "resident (RSS)" },
        { Bytes: String(lost), What: "not accounted" },
      ];
      return `\n${sectionText(sections.reconciliation, sections.reconciliation.title, rows)}`;
    };
    const said = async (why: string, lost: number): Promise<string> => {
      const row = (inUse: number) => [{ location: "memory/IOBuffer/x.cc:1", allocs: 9, frees: 1, inUse }];
      const two = handmadeDump({ rows: row(100) }) + handmadeDump({ number: 2, rows: row(600), sections: growth(why) + rss(lost) });
      const { out } = await memtrack(["report", file("clear", two)]);
      return /^Suspects: .*$/m.exec(out)![0];
    };
    assert.equal(await said("RAM cache", 100), "Suspects: none; 1 site grows with an explanation (column Why); coverage -");
    assert.equal(await said("too soon", 100), "Suspects: none yet: 1 growing site is not judged yet; coverage -");
    assert.match(await said("RAM cache", 910), /; 91 % of resident memory is not accounted: a leak in it has no row$/);
  });

  test("the owners with the most memory are listed, however few rows are shown", async () => {
    const rows = (n: number) => [
      { location: "memory/IOBuffer/Cache.cc:1", allocs: 9, frees: 1, inUse: 1e9 - n },
      ...[1, 2, 3].map((p) => ({ location: `memory/plugin/p${p}.so f (p.c:1)`, allocs: 9, frees: 1, inUse: n * p })),
    ];
    const name = file("falling", handmadeDump({ rows: rows(1) }) + handmadeDump({ number: 2, rows: rows(1000) }));
    const { out } = await memtrack(["report", "--top", "2", name]);
    const owners = out.slice(out.indexOf("Owners")).split("\n").slice(2, -1);
    assert.deepEqual(
      owners.map((line) => line.split(" ").at(-1)),
      ["p3.so", "p2.so", "core"],
    );
  });

  test("--site accepts a name as in the tables and as in the file", async () => {
    const rows = [
      { location: "memory/OpenSSL/ssl/a.c:1 [via foo.so]", allocs: 2, frees: 1, inUse: 3 },
      { location: "memory/IOBuffer/x.cc:1", allocs: 2, frees: 1, inUse: 4 },
    ];
    const name = file("named", handmadeDump({ level: 2, rows }));
    for (const site of ["foo.so ssl/a.c:1", "OpenSSL/ssl/a.c:1 [via"]) assert.equal((await json(name, "--site", site)).total, 3);
    assert.equal((await json(name, "--site", "core x.cc")).total, 4);
  });

  test("the local time is shown next to UTC on request", async () => {
    const { spawnSync } = await import("node:child_process");
    const run = (...argv: string[]) =>
      spawnSync(process.execPath, [join(BUILD, "command", "memtrack.js"), ...argv], {
        encoding: "utf8",
        env: { ...process.env, TZ: "Asia/Kolkata" },
      }).stdout;
    const local = /^local time: 2026-11-23 01:14:53 \+05:30 to 2026-11-23 01:16:46 \+05:30$/m;
    assert.match(run("report", "--local", fixture("leak.out.gz")), local);
    assert.match(run("diff", "--local", fixture("leak.out.gz")), local);
    assert.doesNotMatch(run("report", fixture("leak.out.gz")), /local time/);
  });

  test("sections of the last dump are in the JSON unchanged", async () => {
    const rows = [{ location: "memory/IOBuffer/HttpSM.cc:1", allocs: 2, frees: 1, inUse: 100 }];
    const report = await json(
      file("sections", handmadeDump({ level: 2, rows, openssl: [], sections: NEW_SECTIONS, sectionRows: NEW_SECTIONS_ROWS })),
    );
    assert.deepEqual(
      report.sections.map(({ title }) => title),
      ["Owners", "Reconciliation"],
    );
    assert.deepEqual(
      report.owners.map(({ owner, total, objects, classes }) => [owner, total, objects, classes.tsapi, classes.heap]),
      [
        ["foo.so", 1100, 10, 600, 500],
        ["core", 100, 0, 0, 0],
        ["foo.so#2", 64, 0, 64, 0],
      ],
    );
  });
});

describe("hostile text is shown as text", () => {
  test("on a terminal and in every text format", async () => {
    const name = file("hostile", handmadeLeak(3));
    for (const argv of [
      ["report", name],
      ["report", "--json", name],
      ["diff", `${name}#1`, "#3", "--all"],
      ["folded", name],
      ["mrtg", name, "--owner", HOSTILE_OWNER],
      ["mrtg", name, "--config"],
    ]) {
      const { code, out } = await memtrack(argv, { columns: 300, env: { NO_COLOR: "1" } });
      assert.equal(code, argv.includes("--config") ? code : 0);
      assert.doesNotMatch(out, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/, argv.join(" "));
    }
    assert.ok((await memtrack(["diff", `${name}#1`, "#3", "--all"])).out.includes(HOSTILE_SHOWN.slice("memory/plugin/".length)));
    assert.ok((await memtrack(["report", "--owner", HOSTILE_OWNER, name])).out.includes(HOSTILE_OWNER));
    assert.ok((await json(name)).sites.some((row) => row.location === HOSTILE));
    assert.ok((await memtrack(["folded", name])).out.includes(HOSTILE_SHOWN.replace(";", ":")));
  });

  test("in file names", async () => {
    const { err } = await memtrack(["report", path("\x1b[2J")]);
    assert.match(err, /there is no file .*\\x1b\[2J/);
    const { out } = await memtrack(["report", file("\x1b]0;x\x07", handmadeDump({ rows: [] }))]);
    assert.doesNotMatch(out, /\x1b|\x07/);
  });
});

describe("diff", () => {
  test("shows increases, decreases and their sum", async () => {
    const name = fixture("memtrack-level2.out");
    const dumps = parseDumps(readFileSync(name, "utf8"));
    const { code, out } = await memtrack(["diff", "--json", `${name}#1`, "#3"]);
    assert.equal(code, 0);
    const difference = JSON.parse(out) as {
      totalBefore: number;
      totalAfter: number;
      rows: { location: string; change: number; state: string }[];
    };
    const total = (index: number): number => rowsOf(dumps[index]!).reduce((sum, row) => sum + row.inUse, 0);
    assert.deepEqual([difference.totalBefore, difference.totalAfter], [total(0), total(2)]);
    const change = new Map(rowsOf(dumps[0]!).map((row) => [row.location, -row.inUse]));
    for (const row of rowsOf(dumps[2]!)) change.set(row.location, (change.get(row.location) ?? 0) + row.inUse);
    for (const row of difference.rows) assert.equal(row.change, change.get(row.location), row.location);
  });

  test("compares two files, and marks new and missing rows", async () => {
    const row = (location: string, inUse: number) => ({ location: `memory/IOBuffer/${location}`, allocs: 2, frees: 1, inUse });
    const a = file("a", handmadeDump({ rows: [row("grew.cc:1", 10), row("same.cc:1", 5), row("gone.cc:1", 7)] }));
    const b = file("b", handmadeDump({ number: 2, rows: [row("grew.cc:1", 30), row("same.cc:1", 5), row("new.cc:1", 4)] }));
    const { out } = await memtrack(["diff", a, b]);
    assert.match(out, /^--- .*a dump 1 of /);
    assert.match(out, /\n\+\+\+ .*b dump 2 of /);
    assert.match(out, /\+ +\+20 B +10 B +30 B .*grew\.cc:1\n/);
    assert.match(out, /\+ +\+4 B .*new\.cc:1 \(new\)\n/);
    assert.match(out, /- +-7 B .*gone\.cc:1 \(gone\)\n/);
    assert.doesNotMatch(out, /same\.cc/);
    assert.match(out, /total 22 B to 39 B, \+17 B\n$/);
    assert.match((await memtrack(["diff", b, a])).out, /! some counts are lower|-20 B/);
    assert.equal((await memtrack(["diff", a, a])).out.split("\n").at(-2), "no difference");
  });

  test("compares the first and last dump of one file, within the selected run and time", async () => {
    const name = fixture("memtrack-level2.out");
    const [one, two] = [await memtrack(["diff", name]), await memtrack(["diff", `${name}#1`, `${name}#4`])];
    assert.deepEqual([one.code, one.out], [0, two.out]);
    const times = parseDumps(readFileSync(name, "utf8")).map(({ header }) => header.get("time")!);
    const since = await memtrack(["diff", name, "--since", times[1]!, "--until", times[2]!]);
    assert.match(since.out, /^--- .* dump 2 of .*\n\+\+\+ .* dump 3 of /);
    const first = await memtrack(["diff", fixture("two-processes.out"), "--run", "1", "--json"]);
    assert.equal(first.code, 0);
    const alone = await memtrack(["diff", name, "--since", times[3]!]);
    assert.deepEqual([alone.code, alone.err], [2, `memtrack: ${name} has one dump in that time and run: diff needs two\n`]);
    const stdin = await memtrack(["diff", "-"], { stdin: readFileSync(name) });
    assert.equal(stdin.out, one.out.replaceAll(name, "-"));
  });

  test("lists the largest increase first, then the largest decrease", async () => {
    const dump = (number: number, sizes: Record<string, number>): string => {
      const rows = Object.entries(sizes).map(([name, inUse]) => ({
        location: `${name}.cc:1`,
        allocs: number + 1,
        frees: 1,
        inUse,
      }));
      return handmadeDump({ number, rows });
    };
    const name = file("order", dump(1, { a: 9, b: 900, c: 50, d: 1, e: 5 }) + dump(2, { a: 1, b: 100, c: 60, d: 101, e: 5 }));
    const { out } = await memtrack(["diff", `${name}#1`, "#2", "--all"]);
    assert.deepEqual(
      [...out.matchAll(/(\w)\.cc:1/g)].map(([, letter]) => letter),
      ["d", "c", "b", "a", "e"],
    );
  });

  test("compares the built-in tracker's dumps, counted from either end", async () => {
    const name = fixture("stock-level1.out");
    const [one, two] = [await memtrack(["diff", `${name}#1`, "#3"]), await memtrack(["diff", `${name}#-3`, `${name}#-1`])];
    assert.equal(one.code, 0);
    assert.equal(one.out, two.out);
  });

  test("names a missing dump, and the existing ones", async () => {
    const { code, err } = await memtrack(["diff", `${fixture("rotated-2.out")}#1`, "#3"]);
    assert.equal(code, 2);
    assert.match(err, /rotated-2\.out has no dump 1: it has 2 dumps, from 2 to 3\n$/);
  });
});

describe("watch", () => {
  test("follows a file that is created, renamed and truncated, and dumps that arrive in two pieces", async () => {
    const name = path("watched");
    const dump = (number: number): string =>
      handmadeDump({ number, rows: [{ location: `memory/IOBuffer/x.cc:${number}`, allocs: 2, frees: 1, inUse: number * 100 }] });
    const steps = [
      () => writeFileSync(name, dump(1)),
      () => appendFileSync(name, dump(2).slice(0, 300)),
      () => appendFileSync(name, dump(2).slice(300)),
      () => {
        // The last dump is written to the file after it was renamed; then there is a new file.
        renameSync(name, `${name}.1`);
        appendFileSync(`${name}.1`, dump(3));
        writeFileSync(name, dump(4));
      },
      () => {
        truncateSync(name);
        copyFileSync(file("next", dump(5)), name);
      },
    ];
    let seen = 0;
    // A step follows when the one before was seen; the second half of a dump follows the first half.
    const onOutput = (text: string): void => {
      const reports = text.split("dumps of memtrack").length + text.split("1 dump of memtrack").length - 2;
      if (reports <= seen) return;
      seen = reports;
      steps.shift()?.();
      if (seen === 1) steps.shift()?.();
    };
    const ending = new AbortController();
    const timer = setTimeout(() => ending.abort(), 20_000);
    const watching = memtrack(["watch", name, "--count", "5"], { onOutput, signal: ending.signal });
    steps.shift()!();
    const { code, out } = await watching;
    clearTimeout(timer);
    assert.equal(ending.signal.aborted, false, `all dumps are seen in time:\n${out}`);
    assert.equal(code, 0);
    assert.match(out, /5 dumps of memtrack.*\nin use: 500 B, \+400 B/);
    assert.doesNotMatch(out, /\x1b/);
  });

  test("reports that it waits, also into a pipe, and shows what the file already contains", async () => {
    const name = path("late");
    const ending = new AbortController();
    const timer = setTimeout(() => ending.abort(), 20_000);
    const onError = (): void => {
      if (!existsSync(name)) writeFileSync(name, handmadeLeak(30));
    };
    const { code, out, err } = await memtrack(["watch", name, "--count", "1", "--top", "1"], { signal: ending.signal, onError });
    clearTimeout(timer);
    assert.deepEqual([code, err], [0, `memtrack: waiting for a dump in ${name}\n`]);
    assert.match(out, /: 30 dumps of memtrack/);
    assert.match(out, /\nin use over time: ▅[▁-█]{28}▄ 1004 KiB to 1\.2 MiB\n/);
    assert.match(out, /\nOwners \(1 of 3; --top 0 shows all\)\n/);
  });

  test("draws within a terminal's rows, and restores the terminal", async () => {
    const ending = new AbortController();
    const { code, out } = await memtrack(["watch", file("leak", handmadeLeak(30))], {
      columns: 80,
      rows: 24,
      signal: ending.signal,
      onOutput: (text) => void (text.includes("Owners") && ending.abort()),
    });
    assert.equal(code, 0);
    assert.ok(out.startsWith("\x1b[?1049h"));
    assert.ok(out.endsWith("\x1b[?25h\x1b[?1049l"));
    const drawing = out.slice(out.lastIndexOf("\x1b[H") + 3, out.lastIndexOf("\x1b[J"));
    assert.ok(drawing.split("\r\n").length <= 24);
    assert.match(drawing, /leaky\.so/);
  });
});

describe("mrtg --config", () => {
  test("has absolute paths, because cron runs MRTG in another folder", async () => {
    const name = file("cron", handmadeDump({ rows: [] }));
    const { code, out } = await memtrack(["mrtg", relative(process.cwd(), name), "--config", "--workdir", "out/mrtg"]);
    assert.equal(code, 0);
    assert.match(out, new RegExp(`^WorkDir: ${join(process.cwd(), "out", "mrtg")}$`, "m"));
    assert.match(out, new RegExp(`^Target\\[memtrack-total\\]: .memtrack mrtg ${name} --total.$`, "m"));
    const piped = await memtrack(["mrtg", "-", "--config"], { stdin: handmadeDump({ rows: [] }) });
    assert.deepEqual([piped.code, piped.out], [2, ""]);
  });
});

describe("arguments", () => {
  const commands = ["report", "diff", "html", "mrtg", "pprof", "folded", "watch", "doctor"];

  test("--help of each command has a purpose, options and examples", async () => {
    const { code, out } = await memtrack(["--help"]);
    assert.equal(code, 0);
    for (const name of [...commands, "completion"]) assert.match(out, new RegExp(`memtrack ${name}\\b`));
    for (const name of commands) {
      const help = await memtrack([name, "--help"]);
      assert.equal(help.code, 0);
      assert.match(help.out, new RegExp(`^memtrack ${name}`));
      assert.match(help.out, new RegExp(`Examples:\\n  memtrack ${name}`));
      assert.equal(help.err, "");
    }
    assert.equal(
      (await memtrack(["--version"])).out,
      `${(JSON.parse(readFileSync("package.json", "utf8")) as { version: string }).version}\n`,
    );
  });

  test("a shell's completion offers the commands", async () => {
    const { code, out } = await memtrack(["completion"]);
    assert.equal(code, 0);
    assert.match(out, /memtrack --get-yargs-completions/);
    assert.match((await memtrack(["--get-yargs-completions", "memtrack", "re"])).out, /^report\b/m);
  });

  test("a usage error is one line that names the value, with exit code 2", async () => {
    const capture = fixture("crlf.out");
    const wrong: [string[], RegExp][] = [
      [[], /which command\? \(memtrack --help\)/],
      [["reprt"], /there is no command "reprt": did you mean report\? \(memtrack --help lists them\)/],
      [["smoke"], /there is no command "smoke" \(memtrack --help lists them\)/],
      [["completion", "fish"], /completion takes no argument: it prints a script for bash, or for zsh/],
      [["report", "--colour"], /unknown option or argument: colour \(memtrack report --help\)/],
      [["report", "--top"], /--top needs a value \(memtrack report --help\)/],
      [["report", "--top", "x", capture], /--top is x; it must be a number of rows, or 0 for all/],
      [["report", "--width", "x", capture], /--width is x; it must be a number of columns, or 0 for no limit/],
      [["watch", "--top", "x", capture], /--top is x; it must be a number of rows, or 0 for all/],
      [["watch", "--count", "x", capture], /--count is x; it must be a number of dumps, 1 or more/],
      [["watch", "--count", "0", capture], /--count is 0/],
      [["watch", "--count", "1.5", capture], /--count is 1\.5/],
      [["watch", folder], /is not a regular file: name a traffic\.out, or pipe it to memtrack report/],
      [["report", "--top", "-1", capture], /--top is -1/],
      [
        ["report", "--since", "yesterday", capture],
        /--since is "yesterday": write how long ago \(30m, 2h, 1d\), now, a local time/,
      ],
      [["report", "--interval", "0", capture], /--interval is 0; it must be seconds, more than 0/],
      [["report", "--fail-on", "smoke", capture], /--fail-on is "smoke"; it must be "leak" \(memtrack report --help\)/],
      [
        ["folded", "--value", "x", capture],
        /--value is "x"; it must be "inuse_space", "inuse_objects", "alloc_objects" \(memtrack folded/,
      ],
      [["report", path("nothing")], /there is no file .*nothing: give the path of a traffic\.out/],
      [["report", folder], /is a directory: name the traffic\.out in it/],
      [["report", fixture("README.md")], /README\.md holds no dump: is it the file that memtrack doctor names\?/],
      [["diff"], /which file\? memtrack diff <a> \[b\] \(memtrack diff --help\)/],
      [["diff", `${capture}#1`], /crlf\.out#1 is one dump: name a second one, or .*crlf\.out alone for its first and last dump/],
      [["diff", capture, "--since", "2020-01-01", "--until", "2020-01-02"], /no dump is within --since and --until: 4 dumps, /],
      [["diff", capture, "#1", "--since", "2h"], /--since applies to diff with one FILE/],
      [["diff", "-", "-"], /standard input can be read once/],
      [["diff", `${capture}#0`, "#1"], /dumps are counted from 1; #-1 is the last one/],
      [["pprof", capture], /the option --output is needed \(memtrack pprof --help\)/],
      [["html", capture, "-o", join(folder, "no", "such")], /cannot be written: ENOENT/],
      [["mrtg"], /which file\? memtrack mrtg \/var/],
      [["mrtg", capture, "--owner", "x", "--site", "y"], /--owner and --site exclude each other \(memtrack mrtg --help\)/],
      [["mrtg", "--config", "--workdir", "/a b`c`"], /--workdir is "\/a b`c`": in an mrtg\.cfg/],
    ];
    for (const [argv, message] of wrong) {
      const { code, out, err } = await memtrack(argv);
      assert.equal(code, 2, argv.join(" "));
      assert.match(err, message);
      assert.match(err, /^memtrack: [^\n]+\n$/);
      assert.equal(out, "");
    }
  });

  test("--help into a pipe does not wrap lines, so that paths can be copied", async () => {
    const { out } = await memtrack(["watch", "--help"]);
    assert.match(out, /\n  memtrack watch --owner foo\.so \/var\/log\/trafficserver\/traffic\.out  a plugin's rows\n?/);
  });

  test("an output that cannot be written is an error of one line; a closed pipe is no error", async () => {
    const { run } = await import("../../host/node/run.ts");
    const written = async (code: string): Promise<[number, string]> => {
      let err = "";
      const stdout: Output = {
        write: (_, done) => (done?.(Object.assign(new Error(`${code}: it is so`), { code })), false),
      };
      const stderr: Output = { write: (text, done) => ((err += String(text)), done?.(), true) };
      const argv = ["report", "--fail-on", "leak", fixture("leak.out.gz")];
      return [await run({ argv, stdin: Readable.from([]), stdout, stderr, env: {} }), err];
    };
    assert.deepEqual(await written("ENOSPC"), [2, "memtrack: the output cannot be written: ENOSPC: it is so\n"]);
    // --fail-on applies even if only the first lines are read.
    assert.deepEqual(await written("EPIPE"), [1, ""]);
  });

  test("a terminal as standard input is an error, and is not waited for", async () => {
    const { run } = await import("../../host/node/run.ts");
    let said = "";
    const output = { write: (text: string, done?: () => void) => ((said += text), done?.(), true) };
    const stdin = Object.assign(Readable.from([]), { isTTY: true });
    assert.equal(await run({ argv: ["report"], stdin, stdout: output, stderr: output, env: {} }), 2);
    assert.match(said, /which file\?/);
  });
});
