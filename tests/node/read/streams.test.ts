// SPDX-License-Identifier: Apache-2.0
//
// Dumps in the output of other programs give the same report as the plain text, or an error with the line. MEMTRACK_SEED=n repeats a random
// run.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { after, before, describe, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { handmadeDump } from "../../../harness/handmade.ts";
import { Sites } from "../../../host/node/read/sites.ts";
import { Streams } from "../../../host/node/read/streams.ts";
import type { Report } from "../../../host/node/report/report.ts";
import { fixture, memtrack } from "../../support/command.ts";
import { randomFrom, SEED } from "../../support/random.ts";
import { FORMS } from "../../support/wrap.ts";

let folder: string;
before(() => void (folder = mkdtempSync(join(tmpdir(), "memtrack-streams-"))));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Buffer): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

function capture(name: string): string {
  const bytes = readFileSync(fixture(name));
  return (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString();
}

const wrapped = (name: string, text: string): string => FORMS.find((form) => form.name === name)!.wrap(text);

/** All dumps in a text, with names in place of numbers. */
function read(text: string | Buffer, chunk = 65536): { dumps: object[]; streams: Streams } {
  const sites = new Sites();
  const dumps: object[] = [];
  const streams = new Streams(sites, ({ origin, number, time, state, notes, tables, sections, rows }) => {
    const copies = Array.from({ length: rows.length }, (_, i) => {
      const { class: cls, kind, location } = sites.get(rows.site[i]!);
      return [cls, kind, location, rows.allocs[i], rows.frees[i], rows.inUse[i]];
    });
    dumps.push({ origin, number, time, state, notes, tables, sections, rows: copies });
  });
  streams.begin("text");
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += chunk) streams.push(bytes.subarray(at, at + chunk));
  streams.end();
  return { dumps, streams };
}

async function report(stdin: string | Buffer, ...argv: string[]): Promise<string> {
  const { code, out, err } = await memtrack(["report", ...argv], { stdin });
  assert.deepEqual([code, err], [0, ""]);
  return out;
}

/** A report without the counts of lines and bytes, which depend on the form. */
const uncounted = (json: string): object => ({ ...(JSON.parse(json) as Report), counts: undefined });

describe("the same dumps in any form give the same report", () => {
  for (const name of ["memtrack-level1.out", "memtrack-level2.out", "stock-level1.out", "stock-level2.out", "leak.out.gz"]) {
    const text = capture(name);
    const expected = { text: "", json: {} };
    before(async () => {
      expected.text = await report(text, "--top", "0");
      expected.json = uncounted(await report(text, "--json"));
      assert.match(expected.text, /in use: [1-9]/);
    });
    // Every form of one capture of memtrack and of one of the built-in tracker; two forms of the others.
    const every = name.includes("level2");
    for (const form of every ? FORMS : FORMS.filter(({ name: form }) => /^(journalctl|CRI of CRI-O)$/.test(form))) {
      test(`${name} as ${form.name}`, async () => {
        const other = form.wrap(text);
        assert.equal(await report(other, "--top", "0"), expected.text);
        if (every) assert.deepEqual(uncounted(await report(other, "--json")), expected.json);
      });
    }
  }

  test("in any chunks, in files of two pieces, compressed, with CR LF, at the end of a large file", async () => {
    const text = capture("memtrack-level2.out");
    const short = handmadeDump({ rows: [{ location: "memory/IOBuffer/x.cc:1", allocs: 9, frees: 1, inUse: 72 }] });
    const json = async (name: string, ...files: string[]): Promise<object> => {
      const { code, out, err } = await memtrack(["report", "--json", ...files]);
      assert.deepEqual([code, err], [0, ""], name);
      return { ...uncounted(out), files: [] };
    };
    const plain = await json("plain", file("plain", text));
    for (const { name, wrap } of FORMS) {
      const other = Buffer.from(wrap(text));
      const expected = read(other).dumps;
      assert.equal(expected.length, 4, name);
      for (const chunk of [113, 4096]) assert.deepEqual(read(other, chunk).dumps, expected, `${name} by ${chunk}`);
      assert.deepEqual(read(Buffer.from(wrap(short)), 1).dumps, read(Buffer.from(wrap(short))).dumps, `${name} by bytes`);
      assert.deepEqual(read(other.toString().replaceAll("\n", "\r\n")).dumps, expected, `${name} with CR`);
      const middle = other.indexOf("\n", other.length * 0.6) + 1;
      const pieces = [file("one", other.subarray(0, middle)), file("two.gz", gzipSync(other.subarray(middle)))];
      assert.deepEqual(await json(name, ...pieces), plain, name);
    }
    const large = file("large", `${"x".repeat(1 << 20)}\n`.repeat(33) + wrapped("journalctl", text));
    const last = await memtrack(["folded", large]);
    assert.deepEqual([last.code, last.out], [0, (await memtrack(["folded", fixture("memtrack-level2.out")])).out]);
  });

  test("warnings outside dumps are included, also before the first dump", async () => {
    const row = { location: "memory/IOBuffer/x.cc:1", allocs: 9, frees: 1, inUse: 72 };
    const text = `[Nov 22] a line\nmemtrack warning="released twice"\n[Nov 22] a line\n${handmadeDump({ rows: [row] })}`;
    const expected = await report(text);
    assert.match(expected, /! released twice\n/);
    for (const form of FORMS) assert.equal(await report(form.wrap(text)), expected, form.name);
  });
});

describe("several texts in one file", () => {
  const text = capture("memtrack-level1.out");
  const [one] = read(text).dumps;

  test("plain and prefixed dumps, one after another", () => {
    const all = FORMS.flatMap(({ wrap }) => [wrap(text), text]);
    const { dumps } = read(all.join("") + all.toReversed().join(""));
    assert.equal(dumps.length, 4 * 4 * FORMS.length);
    assert.equal(dumps.filter((dump) => (dump as { number: number }).number === 1).length, 4 * FORMS.length);
    for (const dump of dumps.filter((entry) => (entry as { number: number }).number === 1)) assert.deepEqual(dump, one);
  });

  test("mixed lines of two servers, distinguished by their prefixes", () => {
    const row = (inUse: number) => ({ location: "memory/IOBuffer/x.cc:1", allocs: 9, frees: 1, inUse });
    const texts = [7, 8].map((number) => handmadeDump({ number, rows: [row(number * 8)] }).split("\n"));
    const mixed = (name: (server: number) => string): string =>
      texts[0]!.flatMap((line, n) => [`${name(1)}${line}\n`, `${name(2)}${texts[1]![n]!}\n`]).join("");
    for (const name of [
      (server: number) => `ats-${server}  | `,
      (server: number) => `[pod/ats-${server}/ats] `,
      (server: number) => `Nov 26 20:00:00 host traffic_manager[${server}]: `,
    ]) {
      const { dumps, streams } = read(mixed(name));
      assert.deepEqual(
        dumps.map((dump) => [(dump as { number: number }).number, (dump as { state: string }).state]),
        [
          [7, "complete"],
          [8, "complete"],
        ],
      );
      assert.equal(streams.counts.dumps, 2);
    }
  });

  test("a header within a line of plain text begins a dump, and its beginning is no prefix", () => {
    for (const torn of [
      "     ",
      "        12 |       ",
      "Growth sin",
      "proxy-1  | ",
      "[Nov 26 20:00:00.000] NOTE: a line without its end",
    ]) {
      const { dumps } = read(`${text}${torn}${text}`);
      assert.equal(dumps.filter((dump) => (dump as { state: string }).state === "complete").length, 8, torn);
    }
    const quoted = read(`[Nov 26 20:00:00.000] looked for "memtrack format=1"\n[Nov 26 20:00:00.000] and more\n${text}`);
    assert.equal(quoted.dumps.length, 4);
  });

  test("zeros left by copytruncate are skipped, at the beginning of a file and after a truncation", async () => {
    const hole = Buffer.alloc(700_000);
    const stock = Buffer.from(capture("stock-level1.out").replace(/^[^]*?(?=Allocs )/, ""));
    for (const bytes of [
      Buffer.from(text.slice(text.indexOf("memtrack "))),
      stock,
      Buffer.from(wrapped("CRI of containerd", text)),
    ]) {
      const expected = await report(bytes);
      assert.equal(await report(Buffer.concat([hole, bytes])), expected);
      const { dumps } = read(Buffer.concat([bytes, hole, bytes]), 4096);
      assert.equal(dumps.length, 2 * read(bytes).dumps.length);
    }
  });

  test("a line that journalctl replaces by its size is reported as missing", async () => {
    const row = (n: number) => ({ location: `memory/plugin/foo.so f (f.c:${n})`, allocs: 9, frees: 1, inUse: 72 });
    const whole = handmadeDump({ rows: [row(1), row(2)] });
    const hidden = wrapped("journalctl", whole + handmadeDump({ number: 2, rows: [row(1), row(2)] })).replace(
      /: +9 .*f\.c:2\)/,
      ": [128B blob data]",
    );
    const out = await report(hidden);
    assert.match(out, /: 1 dump of memtrack/);
    assert.match(out, /! journalctl hides 1 line with unprintable characters \("\[123B blob data\]"\): use journalctl -o cat\n/);
    assert.match(out, /! 1 dump is left out: rows are missing/);
  });
});

describe("an unreadable dump is an error, and not an empty server", () => {
  const text = capture("memtrack-level1.out");
  const numbered = (content: string): string =>
    content
      .split("\n")
      .map((line, n) => `${n} ${line}`)
      .join("\n");
  const garbled = text.replace(/\|/g, "!");
  const cases: [string, string, RegExp][] = [
    [
      "each line has a number",
      numbered(text),
      /line 63: a dump begins behind "62 ", which its next lines do not have: .*journalctl -o cat/,
    ],
    ["of the built-in tracker", numbered(capture("stock-level1.out")), /line \d+: a dump begins behind "\d+ "/],
    ["a journal as pretty JSON", text.replace(/^(.*)$/gm, '{\n\t"MESSAGE" : "$1",\n}'), /a dump begins/],
    ["its rows are no rows", garbled, /line 63: a dump begins here, and none of its rows can be read/],
    ["its rows are no rows, behind a prefix", wrapped("journalctl", garbled), /line \d+: a dump begins here/],
    ["cut off behind its header", `a\nb\n${handmadeDump({ rows: [] }).slice(0, 300)}\n`, /line 3: a dump begins here/],
    ["cut off in its header", `a\nb\n${handmadeDump({ rows: [] }).slice(0, 100)}`, /line 3: a dump begins here|holds no dump/],
  ];
  for (const [what, content, message] of cases) {
    test(what, async () => {
      const name = file("unreadable", content);
      for (const argv of [
        ["report", name],
        ["report", name, "--fail-on", "leak"],
        ["html", name, "-o", "-"],
        ["diff", name, name],
        ["pprof", name, "-o", "-"],
      ]) {
        const { code, out, err } = await memtrack(argv);
        assert.equal(out, "", argv[0]);
        assert.match(err, message);
        assert.match(err, /^memtrack: [^\n]*unreadable[^\n]*\n$/);
        assert.equal(code, /holds no dump/.test(err) ? 2 : 1);
      }
      const piped = await memtrack(["report"], { stdin: content });
      assert.deepEqual([piped.out, /standard input/.test(piped.err)], ["", true]);
      const mrtg = await memtrack(["mrtg", name]);
      assert.deepEqual([mrtg.code, mrtg.out], [0, "UNKNOWN\nUNKNOWN\n\nmemtrack total\n"]);
    });
  }

  test("among readable dumps it is skipped with a warning", async () => {
    const out = await report(text + numbered(text));
    assert.match(out, /: 4 dumps of memtrack/);
    assert.match(out, /! 4 dumps are cut off, and left out/);
    const stock = await report(`${capture("stock-level1.out")}${numbered(capture("stock-level1.out"))}`);
    assert.match(stock, /: 3 dumps of the built-in tracker/);
    assert.match(stock, /! standard input line \d+: a dump begins behind "\d+ ", which its next lines do not have/);
  });
});

describe("a file without a dump is described in one line", () => {
  const kill =
    /; to make a dump: traffic_ctl plugin msg memtrack dump, or kill -USR1 <pid of traffic_server>, when proxy\.config\.res_track_memory is 1 or 2\n$/;
  const elf = readFileSync(process.execPath).subarray(0, 100_000);
  const cases: [string, string | Buffer, RegExp][] = [
    ["empty", "", /empty is empty; /],
    ["elf", elf, /elf is binary \(a program, an image\), not the text of a log; /],
    ["elf.gz", gzipSync(elf), /elf\.gz is binary/],
    ["image.png", Buffer.from("89504e470d0a1a0a0000000d49484452", "hex"), /image\.png is binary/],
    ["out.xz", Buffer.from("fd377a585a000004", "hex"), /out\.xz is packed by xz: xz -dc \S*out\.xz \| memtrack report; /],
    ["out.zst", Buffer.from("28b52ffd00", "hex"), /out\.zst is packed by zstd: zstd -dc/],
    [
      "system.journal",
      Buffer.from("LPKSHHRH\0\0"),
      /system\.journal is the journal itself: journalctl --file \S* -o cat \| memtrack report; /,
    ],
    ["foreign.txt", "hello\nworld\n", /foreign\.txt holds no dump: is it the file that memtrack doctor names\?; /],
    ["only zeros", Buffer.alloc(100_000), /only zeros holds no dump/],
  ];
  for (const [name, content, message] of cases) {
    test(name, async () => {
      const { code, out, err } = await memtrack(["report", file(name, content)]);
      assert.deepEqual([code, out], [2, ""]);
      assert.match(err, message);
      assert.match(err, kill);
      assert.match(err, /^[^\n]+\n$/);
      const piped = await memtrack(["report"], { stdin: content });
      assert.deepEqual([piped.code, piped.out], [2, ""]);
      assert.match(piped.err, /^memtrack: standard input (is|holds)/);
    });
  }

  test("each of several files is named", async () => {
    const { code, err } = await memtrack(["report", file("empty", ""), file("text", "hello\n")]);
    assert.equal(code, 2);
    assert.match(err, /empty is empty; \S*text holds no dump: is it the file that memtrack doctor names\?; to make a dump/);
  });

  test("a FIFO that ends", async () => {
    const fifo = join(folder, "fifo");
    assert.equal(spawnSync("mkfifo", [fifo]).status, 0);
    const writing = (content: string): void => void spawn("sh", ["-c", `printf '%s' "$0" > ${fifo}`, content]);
    writing("");
    const empty = await memtrack(["report", fifo]);
    assert.equal(empty.code, 2);
    assert.match(empty.err, /fifo is empty; /);
    writing(
      wrapped("journalctl", handmadeDump({ rows: [{ location: "memory/IOBuffer/x.cc:1", allocs: 9, frees: 1, inUse: 72 }] })),
    );
    assert.match((await memtrack(["report", fifo])).out, /fifo: 1 dump of memtrack.*\nin use: 72 B/);
  });

  test("a truncated dump is shown, with a warning", async () => {
    const cut = wrapped("Docker's json-file", capture("truncated.out").replace(/^[^]*(?=memtrack format)/, ""));
    const { code, out } = await memtrack(["report"], { stdin: cut });
    assert.equal(code, 0);
    assert.match(out, /! the only dump, .* is not whole/);
  });
});

describe("watch from standard input", () => {
  const text = capture("memtrack-level1.out");

  test("shows each new state while the pipe is open, and ends when it is closed", async () => {
    const dumps = wrapped("journalctl", text).split(/(?<=memtrack end dump=\d+ rows=\d+\n)/);
    const stdin = new PassThrough();
    let seen = 0;
    stdin.write(dumps.shift()!);
    const { code, out } = await memtrack(["watch"], {
      stdin,
      onOutput: (all) => {
        const now = all.match(/ dumps? of memtrack/g)?.length ?? 0;
        if (now === seen) return;
        seen = now;
        if (dumps.length) stdin.write(dumps.shift()!);
        else stdin.end();
      },
    });
    assert.equal(code, 0);
    assert.match(out, /: 1 dump of memtrack[^]*: 2 dumps of memtrack[^]*: 4 dumps of memtrack/);
    const withoutTrend = out.replace(/^in use over time: .*\n/gm, "");
    assert.ok(withoutTrend.trimEnd().endsWith((await report(text)).trimEnd()));
  });

  test("reports unreadable text at once, and at the end of the pipe what is missing", async () => {
    const stdin = new PassThrough();
    const numbered = text
      .split("\n")
      .map((line, n) => `${n} ${line}\n`)
      .join("");
    stdin.write(numbered);
    const ending = new AbortController();
    let said = "";
    const { code, err } = await memtrack(["watch", "-"], {
      stdin,
      signal: ending.signal,
      onError: (all) => void (said || ((said = all), stdin.end())),
    });
    assert.equal(code, 1);
    assert.match(said, /^memtrack: standard input line 63: a dump begins behind "62 "/);
    assert.ok(err.startsWith(said));
    const empty = await memtrack(["watch"], { stdin: "" });
    assert.deepEqual([empty.code, /standard input is empty/.test(empty.err)], [2, true]);
  });
});

describe(`anything is read without an exception (seed ${SEED})`, () => {
  test("forms with bytes changed, lost and repeated", () => {
    const next = randomFrom(SEED);
    const text = capture("memtrack-level2.out") + capture("stock-level2.out");
    const sources = FORMS.map(({ wrap }) => Buffer.from(wrap(text)));
    for (let round = 0; round < 200; ++round) {
      const source = sources[next(sources.length)]!;
      const from = next(source.length);
      const bytes = Buffer.from(source.subarray(from, from + 60_000));
      for (let i = next(20); i > 0 && bytes.length; --i) bytes[next(bytes.length)] = next(256);
      const other = sources[next(sources.length)]!;
      const at = next(other.length);
      const { dumps, streams } = read(Buffer.concat([bytes, other.subarray(at, at + 60_000), bytes]), 1 + next(5000));
      assert.equal(streams.counts.dumps, dumps.length);
    }
  });

  test("a line without an end uses no memory, in any form", () => {
    for (const begin of ["", '{"log":"memtrack format=1', wrapped("CRI of containerd", "memtrack format=1")]) {
      const streams = new Streams(new Sites(), () => {});
      streams.begin("long");
      streams.push(Buffer.from(begin));
      const letters = Buffer.alloc(1 << 20, "x");
      const before = process.memoryUsage().arrayBuffers;
      for (let i = 0; i < 64; ++i) streams.push(letters);
      assert.ok(process.memoryUsage().arrayBuffers - before < 16 << 20);
      streams.push(Buffer.from(`\n${capture("memtrack-level1.out")}`));
      streams.end();
      assert.equal(streams.counts.dumps, 4);
    }
  });
});
