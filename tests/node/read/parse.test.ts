// SPDX-License-Identifier: Apache-2.0
//
// The parser agrees with the tests' strict parser on output of real servers, in chunks of any size, and reads anything else without an
// exception. MEMTRACK_SEED=n repeats a random run.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { sections } from "../../../format/format.ts";
import { headOf, ruleOf } from "../../../format/layout.ts";
import { parseDumps, parseTables } from "../../../harness/dump.ts";
import { builtInTable, handmadeDump, HOSTILE, NEW_SECTIONS, NEW_SECTIONS_ROWS } from "../../../harness/handmade.ts";
import { columnsIn, type Dump } from "../../../host/node/read/dump.ts";
import { Parser } from "../../../host/node/read/parse.ts";
import { codeOf, ownerOf, Sites, SITES_MAX, sourceOf } from "../../../host/node/read/sites.ts";
import { fixture } from "../../support/command.ts";
import { randomFrom, SEED } from "../../support/random.ts";

/** A copy of a dump that outlives the callback, with names in place of numbers. */
interface Copy {
  origin: string;
  number: number;
  time: number;
  state: string;
  foreign: number;
  header: Map<string, string>;
  summary: readonly string[];
  notes: ReadonlyMap<string, string>[];
  tables: Dump["tables"];
  sections: Dump["sections"];
  rows: { class: string; kind: string; owner: string; location: string; allocs: number; frees: number; inUse: number }[];
}

function read(text: string | Buffer, chunk = 65536): { dumps: Copy[]; parser: Parser; sites: Sites } {
  const sites = new Sites();
  const dumps: Copy[] = [];
  const parser = new Parser(sites, (dump) => {
    const { origin, number, time, state, foreign, summary, notes, tables, sections, rows } = dump;
    const copies = Array.from({ length: rows.length }, (_, i) => {
      const { class: cls, kind, owner, location } = sites.get(rows.site[i]!);
      return { class: cls, kind, owner, location, allocs: rows.allocs[i]!, frees: rows.frees[i]!, inUse: rows.inUse[i]! };
    });
    dumps.push({
      origin,
      number,
      time,
      state,
      foreign,
      header: new Map(dump.header),
      summary,
      notes,
      tables,
      sections,
      rows: copies,
    });
  });
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += chunk) parser.push(bytes.subarray(at, at + chunk));
  parser.end();
  return { dumps, parser, sites };
}

const capture = (name: string): string => {
  const bytes = readFileSync(fixture(name));
  return (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString();
};
const plain = (dumps: Copy[]) => dumps.map(({ rows, number, state }) => ({ number, state, rows }));

describe("captures of servers with memtrack", () => {
  for (const name of ["memtrack-level1.out", "memtrack-level2.out", "two-processes.out", "rotated-2.out", "format2.out.gz"]) {
    test(`${name}: every row, as in the strict parser`, () => {
      const text = capture(name);
      const strict = parseDumps(text);
      assert.ok(strict.length >= 2);
      const { dumps } = read(text);
      assert.deepEqual(
        dumps.map(({ number, state, foreign }) => ({ number, state, foreign })),
        strict.map(({ number }) => ({ number, state: "complete", foreign: 0 })),
      );
      for (const [index, dump] of dumps.entries()) {
        const expected = strict[index]!.tables.flatMap((table) => table.rows);
        assert.deepEqual(
          dump.rows
            .filter((row) => row.class !== "object")
            .map(({ allocs, frees, inUse, location }) => ({ allocs, frees, inUse, location })),
          expected.map(({ allocs, frees, inUse, location }) => ({ allocs, frees, inUse, location })),
        );
        assert.deepEqual(dump.header, strict[index]!.header);
        assert.equal(new Date(dump.time * 1000).toISOString().replace(".000", ""), dump.header.get("time"));
      }
    });
  }

  test("format 2: the summary, and each row's cells by column, whatever its text contains", () => {
    const [first, second] = ["memory/plugin/a | b.so f (x.c:1)", "memory/plugin/plain.so f (x.c:1)"] as const;
    const growth = (location: string): string =>
      `leak    | -          |           10 |          600 | ${location.padEnd(64)} | tsapi            |           2 |          3 |          1 |     0 |     50 |      0 |      - | -`;
    const growthSection = [
      "Growth since start-up, 60 s ago: 2 rows that changed, largest change first; old: more than 60 s",
      headOf(sections.growth),
      ruleOf(sections.growth),
      growth(first),
      growth(second),
      "",
    ].join("\n");
    const text = handmadeDump({ rows: [{ location: first, allocs: 3, frees: 1, inUse: 10 }], sections: growthSection }).replace(
      "\n",
      '\nmemtrack summary: one line\nmemtrack summary: level=7 dump=9\nmemtrack note="a note"\n',
    );
    const { dumps, parser } = read(text);
    const [dump] = dumps;
    assert.deepEqual([dump!.state, parser.counts.foreign], ["complete", 0]);
    assert.deepEqual(dump!.summary, ["one line", "level=7 dump=9"]);
    assert.deepEqual(
      dump!.notes.map((note) => [...note]),
      [[["note", "a note"]]],
    );
    const [section] = dump!.sections;
    const columns = columnsIn(section!, "growth", ["Verdict", "Change", "Location", "Kind", "Allocs", "Late %"])!;
    assert.deepEqual(
      section!.rows.map((row) => columns.map((column) => row[column])),
      [first, second].map((location) => ["leak", "10", location, "tsapi", "3", "-"]),
    );
  });

  test("level 2: the second table is OpenSSL's; the summary and older memory are sections", () => {
    const [dump] = read(capture("memtrack-level2.out")).dumps;
    assert.deepEqual(
      dump!.tables.map((table) => table.class),
      ["iobuffer", "openssl"],
    );
    assert.ok(dump!.rows.every((row) => row.class === (row.location.startsWith("memory/OpenSSL/") ? "openssl" : "iobuffer")));
    const summary = dump!.sections.find((section) => section.columns[0] === "Total Allocated");
    assert.equal(Number(summary!.rows[0]![2]), dump!.tables[1]!.total);
    assert.ok(dump!.sections.some((section) => section.title.startsWith("Released since arming")));
  });

  test("a truncated capture gives the complete dumps, and marks the last one as truncated", () => {
    const { dumps, parser } = read(capture("truncated.out"));
    assert.deepEqual(
      dumps.map(({ state }) => state),
      ["complete", "complete", "complete", "cut"],
    );
    assert.equal(parser.counts.cut, 1);
    const whole = read(capture("memtrack-level1.out")).dumps;
    assert.deepEqual(plain(dumps.slice(0, 3)), plain(whole.slice(0, 3)));
  });

  test("a dump that is truncated within a line is skipped, and a dump that follows on that line is read", () => {
    const [one, two] = [1, 2].map((number) =>
      handmadeDump({ number, rows: [{ location: "memory/IOBuffer/x.cc:1", allocs: 9, frees: 1, inUse: 72 }] }),
    ) as [string, string];
    const expected = plain(read(two).dumps);
    const end = one.indexOf("memtrack end");
    for (let at = 1; at < end; ++at) {
      const { dumps, sites } = read(one.slice(0, at) + two + two, 1 + (at % 100));
      const whole = dumps.filter(({ state }) => state === "complete");
      assert.deepEqual(plain(whole), [...expected, ...expected], `cut at ${at}`);
      assert.ok(dumps.every(({ state }) => state === "complete" || state === "cut"));
      if (at > one.indexOf("\n")) assert.equal(dumps.length, 3, `cut at ${at}`);
      // Half a name is no site.
      if (one[at - 1] !== "\n") assert.equal(sites.size, 1, `cut at ${at}`);
    }
    assert.deepEqual(plain(read(one.trimEnd() + two).dumps), [...plain(read(one).dumps), ...expected]);
    const [built] = read(`${builtInTable([]).slice(0, 300)}${two}`).dumps.slice(-1);
    assert.equal(built!.state, "complete");
    // A line that mentions a header is no header.
    const spoken = one.replace("memtrack end", '[Nov 22] looked for "memtrack format=1"\nmemtrack end');
    assert.deepEqual(plain(read(spoken).dumps), plain(read(one).dumps));
  });

  test("lines may end with CR LF", () => {
    assert.deepEqual(plain(read(capture("crlf.out")).dumps), plain(read(capture("memtrack-level1.out")).dumps));
  });

  test("the pieces of a rotated file are one text, wherever it was split", () => {
    const text = Buffer.from(capture("memtrack-level1.out"));
    const whole = plain(read(text).dumps);
    const from = text.indexOf("memtrack format");
    for (let at = from; at < from + 1500; at += 7) {
      const sites = new Sites();
      const states: string[] = [];
      const parser = new Parser(sites, ({ state }) => void states.push(state));
      parser.push(text.subarray(0, at));
      parser.boundary(text.subarray(at));
      parser.push(text.subarray(at));
      parser.end();
      // A split before the first word of a line looks like the end of the line before, and is treated as such.
      assert.deepEqual(
        states,
        whole.map(({ state }) => state),
        `cut at ${at}`,
      );
    }
  });
});

describe("captures of stock servers", () => {
  for (const level of [1, 2]) {
    test(`level ${level}: the tables in order, without a time`, () => {
      const text = capture(`stock-level${level}.out`);
      const strict = parseTables(text).tables;
      assert.equal(strict.length, 3);
      const { dumps } = read(text);
      assert.deepEqual(
        dumps.map(({ origin, number, state }) => ({ origin, number, state })),
        [1, 2, 3].map((number) => ({ origin: "built-in", number, state: "complete" })),
      );
      for (const [index, dump] of dumps.entries()) {
        assert.ok(Number.isNaN(dump.time));
        assert.equal(dump.tables[0]!.total, strict[index]!.total);
        assert.deepEqual(
          dump.rows
            .filter((row) => row.class !== "object")
            .map(({ allocs, frees, inUse, location }) => [allocs, frees, inUse, location]),
          strict[index]!.rows.map(({ allocs, frees, inUse, location }) => [allocs, frees, inUse, location]),
        );
        assert.deepEqual(
          dump.sections.map((section) => section.rows),
          level === 2 ? [[["0", "0", "0", "SSL Allocated Memory"]]] : [],
        );
      }
    });
  }

  test("a server without allocations prints only its summary, which is an empty dump", () => {
    const text = capture("stock-level2.out");
    const from = text.indexOf("Total Allocated");
    const { dumps } = read(text.slice(from, text.indexOf("\n", text.indexOf("SSL Allocated Memory")) + 100));
    assert.deepEqual(
      dumps.map(({ origin, state, rows }) => [origin, state, rows.length]),
      [["built-in", "complete", 0]],
    );
    assert.equal(dumps[0]!.sections[0]!.rows[0]!.at(-1), "SSL Allocated Memory");
  });

  test("a table after a truncated dump of memtrack belongs to the built-in tracker", () => {
    const ours = capture("truncated.out");
    const { dumps } = read(`${ours}\n[Nov 22 18:00:00.000] a line of the next start\n${capture("stock-level1.out")}`);
    assert.deepEqual(
      dumps.map(({ origin, state }) => `${origin} ${state}`),
      [...Array<string>(3).fill("memtrack complete"), "memtrack cut", ...Array<string>(3).fill("built-in complete")],
    );
  });

  test("paths of another build folder are shown by their last two parts, and a dump and its copy in such a folder are one site", () => {
    const row = (location: string, inUse: number) => ({ location, allocs: 5, frees: 1, inUse });
    const { dumps, sites } = read(
      builtInTable([
        row("memory/IOBuffer//build/a/src/proxy/http/HttpSM.cc:7", 400),
        row("memory/IOBuffer/../../iocore/net/P.cc:8", 40),
      ]) + builtInTable([row("memory/IOBuffer//other/src/proxy/http/HttpSM.cc:7", 800), row("memory/IOBuffer/net/P.cc:8", 80)]),
    );
    assert.deepEqual(
      dumps.map(({ rows }) => rows.map(({ location, inUse }) => [location, inUse])),
      [
        [
          ["memory/IOBuffer/http/HttpSM.cc:7", 400],
          ["memory/IOBuffer/net/P.cc:8", 40],
        ],
        [
          ["memory/IOBuffer/http/HttpSM.cc:7", 800],
          ["memory/IOBuffer/net/P.cc:8", 80],
        ],
      ],
    );
    assert.equal(sites.size, 2);
  });

  test("two rows of one dump whose shown paths are alike stay two rows of one site", () => {
    const row = (location: string, inUse: number) => ({ location, allocs: 5, frees: 1, inUse });
    const { dumps } = read(
      builtInTable([row("memory/IOBuffer//build/a/http/HttpSM.cc:7", 400), row("memory/IOBuffer//build/b/http/HttpSM.cc:7", 40)]),
    );
    assert.equal(dumps[0]!.state, "complete");
    assert.equal(
      dumps[0]!.rows.reduce((sum, { inUse }) => sum + inUse, 0),
      440,
    );
  });

  test("two processes with mixed lines are detected, and not added up", () => {
    const rows = [
      { location: "memory/IOBuffer/a.cc:1", allocs: 5, frees: 1, inUse: 400 },
      { location: "memory/IOBuffer/b.cc:1", allocs: 5, frees: 1, inUse: 800 },
    ];
    const lines = builtInTable(rows).split("\n");
    const mixed = lines.flatMap((line) => [line, line]).join("\n");
    assert.deepEqual(
      read(mixed).dumps.map(({ state }) => state),
      ["damaged"],
    );
    const ours = handmadeDump({ rows }).split("\n");
    const mixedOurs = ours.flatMap((line) => [line, line]).join("\n");
    assert.ok(read(mixedOurs).dumps.every(({ state }) => state !== "complete"));
  });
});

describe("sections of a generated dump", () => {
  const rows = [{ location: "memory/IOBuffer/HttpSM.cc:1", allocs: 20, frees: 10, inUse: 81920 }];
  const text = handmadeDump({ level: 2, rows, openssl: [], sections: NEW_SECTIONS, sectionRows: NEW_SECTIONS_ROWS });
  const { dumps } = read(text);
  const [dump] = dumps;

  test("classes come from titles, owners from locations", () => {
    assert.equal(dumps.length, 1);
    assert.equal(dump!.state, "complete");
    assert.deepEqual(
      dump!.rows.map((row) => [row.class, row.kind, row.owner, row.location, row.allocs - row.frees, row.inUse]),
      [
        ["iobuffer", "", "core", "memory/IOBuffer/HttpSM.cc:1", 10, 81920],
        ["tsapi", "", "foo.so", "memory/plugin/foo.so handler (foo.c:88)", 6, 600],
        ["tsapi", "", "foo.so#2", "memory/plugin/foo.so#2+0x1a2b", 2, 64],
        ["heap", "", "foo.so", "memory/OpenSSL/ssl/ssl_lib.c:123 [via foo.so]", 5, 500],
        ["object", "TSCont", "foo.so", "memory/plugin/foo.so setup (foo.c:20)", 10, 0],
        ["object", "TSMutex", "foo.so", "memory/plugin/foo.so setup (foo.c:20)", 0, 0],
      ],
    );
  });

  test("a row of an unloaded module keeps its owner", () => {
    const { sites } = read(text);
    assert.deepEqual(
      [...sites].filter((site) => site.retired).map((site) => site.location),
      ["memory/plugin/foo.so#2+0x1a2b"],
    );
  });

  test("other sections are kept as text, the last column whole", () => {
    assert.deepEqual(
      dump!.sections.map((section) => [section.title, section.columns.length, section.rows.length]),
      [
        ["Owners", 9, 2],
        ["Reconciliation", 2, 1],
      ],
    );
    assert.deepEqual(dump!.sections[1]!.rows, [["1048576", "resident | of the process"]]);
    assert.equal(dump!.foreign, 0);
  });

  test("an unknown line is counted, and the dump stays complete", () => {
    const strayed = text.replace("Heap memory of plugins", "[ET_NET 1] a foreign line\n\nHeap memory of plugins");
    const [found] = read(strayed).dumps;
    assert.deepEqual([found!.state, found!.foreign], ["complete", 1]);
    assert.deepEqual(found!.rows, dump!.rows);
  });

  test("a missing row makes the dump damaged", () => {
    assert.equal(read(text.replace(/.*foo\.c:88.*\n/, "")).dumps[0]!.state, "damaged");
    assert.equal(read(text.replace(/rows=\d+/, "rows=99")).dumps[0]!.state, "damaged");
  });
});

describe("the parts of a location", () => {
  test("its owner", () => {
    const owners: Record<string, string> = {
      "memory/IOBuffer/HttpSM.cc:6495": "core",
      "memory/plugin/foo.so handler (foo.c:88)": "foo.so",
      "memory/plugin/foo.so handler+0x1a": "foo.so",
      "memory/plugin/foo.so+0x1a2b": "foo.so",
      "memory/plugin/foo.so#3+0x1a2b": "foo.so#3",
      "memory/plugin/foo.so(remap) handler (foo.c:88)": "foo.so(remap)",
      "memory/plugin/foo.so(remap)#2+0x1a2b": "foo.so(remap)#2",
      "memory/OpenSSL/ssl/ssl_lib.c:124 [via foo.so(remap)]": "foo.so(remap)",
      "memory/plugin/foo.so": "foo.so",
      "memory/plugin/my plug+in.so f (x.c:1)": "my plug+in.so",
      "memory/plugin/strange name": "strange",
      "memory/core/traffic_server Foo::bar+0x1a": "core",
      "memory/core/libx.so.2+0x1a2b": "core",
      "memory/plugin/traffic_server Foo::bar+0x1a [via foo.so]": "foo.so",
      "memory/OpenSSL/ssl/ssl_lib.c:123": "core",
      "memory/OpenSSL/ssl/ssl_lib.c:123 [via foo.so]": "foo.so",
      "(other)": "core",
    };
    for (const [location, owner] of Object.entries(owners)) assert.equal(ownerOf(location), owner, location);
  });

  test("its source", () => {
    assert.deepEqual(sourceOf("memory/plugin/foo.so handler (foo.c:88)"), { file: "foo.c", line: 88 });
    assert.deepEqual(sourceOf("memory/IOBuffer/HttpSM.cc:6495"), { file: "HttpSM.cc", line: 6495 });
    assert.deepEqual(sourceOf("memory/OpenSSL/ssl/ssl_lib.c:123 [via foo.so]"), { file: "ssl/ssl_lib.c", line: 123 });
    assert.equal(sourceOf("memory/plugin/foo.so+0x1a2b"), undefined);
  });

  test("its code", () => {
    const code = (location: string) => {
      const found = codeOf(location);
      return found && [found.module, found.function, found.address];
    };
    assert.deepEqual(code("memory/plugin/foo.so handler (foo.c:88)"), ["foo.so", "handler", undefined]);
    assert.deepEqual(code("memory/plugin/foo.so(remap)#2 a::b::{lambda(int)}::operator() (foo.c:88)"), [
      "foo.so(remap)#2",
      "a::b::{lambda(int)}::operator()",
      undefined,
    ]);
    assert.deepEqual(code("memory/plugin/foo.so handler+0x1a"), ["foo.so", "handler+0x1a", undefined]);
    assert.deepEqual(code("memory/plugin/foo.so+0x1a2b (foo.c:88)"), ["foo.so", "+0x1a2b", 0x1a2b]);
    assert.deepEqual(code("memory/plugin/libstdc++.so.6+0x1a [via foo.so]"), ["libstdc++.so.6", "+0x1a", 0x1a]);
    assert.deepEqual(code("memory/plugin/foo.so"), ["foo.so", "", undefined]);
    assert.deepEqual(code("memory/plugin/foo.so (other)"), ["foo.so", "(other)", undefined]);
    assert.equal(code("memory/IOBuffer/HttpSM.cc:6495"), undefined);
    assert.equal(code("memory/OpenSSL/ssl/ssl_lib.c:123 [via foo.so]"), undefined);
  });

  test("any text is kept unchanged", () => {
    const [dump] = read(handmadeDump({ rows: [{ location: HOSTILE, allocs: 2, frees: 1, inUse: 10 }] })).dumps;
    assert.equal(dump!.rows[0]!.location, HOSTILE);
    assert.equal(dump!.state, "complete");
  });
});

describe("limits", () => {
  test("sites beyond the capacity are (other)", () => {
    const sites = new Sites();
    const name = (n: number): Buffer => Buffer.from(`memory/IOBuffer/x.cc:${n}`);
    for (let n = 0; n < SITES_MAX + 10; ++n) sites.find(0, name(n), 0, name(n).length);
    assert.equal(sites.size, SITES_MAX + 1);
    assert.equal(sites.get(SITES_MAX).location, "(other)");
    assert.equal(sites.refused, 10);
    for (const n of [0, 1, 2047, 2048, 40_000, SITES_MAX - 1]) assert.equal(sites.find(0, name(n), 0, name(n).length), n);
  });

  test("a row with a number that JavaScript cannot hold exactly is ignored", () => {
    const text = handmadeDump({ rows: [{ location: "memory/IOBuffer/x.cc:1", allocs: 1, frees: 0, inUse: 5 }] });
    const [dump] = read(text.replace("       5 |", "9007199254740993 |")).dumps;
    assert.notEqual(dump!.state, "complete");
  });

  test("a line without an end, and zeros from a full disk, are foreign text and use no memory", () => {
    const parser = new Parser(new Sites(), () => {});
    const zeros = Buffer.alloc(1 << 20);
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 64; ++i) parser.push(zeros);
    assert.ok(process.memoryUsage().arrayBuffers - before < 8 << 20);
    parser.push(Buffer.from(`\n${handmadeDump({ rows: [] })}`));
    parser.end();
    assert.equal(parser.counts.dumps, 1);
  });

  test("numbers may exceed their columns", () => {
    const rows = [{ location: "memory/IOBuffer/x.cc:1", allocs: 123_456_789_012, frees: 23_456_789_012, inUse: 2 ** 52 }];
    const [dump] = read(handmadeDump({ rows })).dumps;
    assert.deepEqual([dump!.state, dump!.rows[0]!.allocs, dump!.rows[0]!.inUse], ["complete", 123_456_789_012, 2 ** 52]);
  });
});

describe(`anything is read without an exception (seed ${SEED})`, () => {
  const next = randomFrom(SEED);
  const sources = ["memtrack-level2.out", "stock-level2.out", "two-processes.out"].map((name) => readFileSync(fixture(name)));
  sources.push(Buffer.from(handmadeDump({ rows: [], sections: NEW_SECTIONS, sectionRows: NEW_SECTIONS_ROWS })));

  test("chunks of any size give the same dumps", () => {
    for (const source of sources) {
      const expected = read(source).dumps;
      for (const chunk of [1, 2, 3, 13, 113, 4096, 1 + next(9000)]) assert.deepEqual(read(source, chunk).dumps, expected);
    }
  });

  test("bytes are changed, lost or repeated, or pieces exchanged", () => {
    for (let round = 0; round < 300; ++round) {
      const source = sources[next(sources.length)]!;
      const from = next(source.length);
      const bytes = Buffer.from(source.subarray(from, from + 30_000));
      for (let i = next(20); i > 0 && bytes.length; --i) bytes[next(bytes.length)] = next(256);
      const [a, b] = [next(bytes.length + 1), next(bytes.length + 1)];
      const { dumps, parser } = read(Buffer.concat([bytes.subarray(a), bytes.subarray(0, b), bytes]), 1 + next(5000));
      const { counts } = parser;
      assert.equal(counts.dumps, dumps.length);
      assert.equal(counts.cut + counts.damaged, dumps.filter(({ state }) => state !== "complete").length);
      // A complete dump has the sums that it states.
      for (const dump of dumps.filter(({ state }) => state === "complete")) {
        for (const cls of ["iobuffer", "openssl", "tsapi", "heap"]) {
          const total = dump.tables.filter((table) => table.class === cls).reduce((sum, table) => sum + table.total!, 0);
          const sum = dump.rows.filter((row) => row.class === cls).reduce((all, row) => all + row.inUse, 0);
          assert.equal(sum, total, cls);
        }
      }
    }
  });
});
