// SPDX-License-Identifier: Apache-2.0
//
// `memtrack symbolize` without elfutils: which tokens are addresses, how they are replaced, where a text is split, what a file says of
// itself, and what is said where a name is missing. tests/ats/symbolize.test.ts has the names.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { INLINED_MAX } from "../../../assembly/abi.ts";
import { loadCore } from "../../../host/node/core/module.ts";
import { Naming } from "../../../host/node/core/naming.ts";
import { addressesIn, replaceAddresses } from "../../../host/node/symbolize/addresses.ts";
import { readElf } from "../../../host/node/symbolize/elf.ts";
import { Pieces } from "../../../host/node/symbolize/pieces.ts";
import { fixture, memtrack } from "../../support/command.ts";
import { elf } from "../../support/elf.ts";

let folder: string;
before(() => void (folder = mkdtempSync(join(tmpdir(), "memtrack-symbolize-"))));
after(() => rmSync(folder, { recursive: true }));

describe("addresses", () => {
  const MODULES = ["foo.so", "foo.so#2", "foo.so(remap)", "libz.so.1", "traffic_server"];

  test("are what follows a module's name, with or without a function and a place", () => {
    const found = (text: string) =>
      addressesIn(text, MODULES).map(({ module, function: name, offset, place }) => [module, name, offset, place]);
    assert.deepEqual(found("| memory/plugin/foo.so+0x1a2b"), [["foo.so", undefined, "1a2b", undefined]]);
    assert.deepEqual(found("memory/plugin/foo.so#2+0x1 [retired]"), [["foo.so#2", undefined, "1", undefined]]);
    assert.deepEqual(found("memory/plugin/foo.so(remap)+0x1 (a.c:8)"), [["foo.so(remap)", undefined, "1", "a.c:8"]]);
    assert.deepEqual(found("memory/plugin/libz.so.1+0xff [via foo.so]"), [["libz.so.1", undefined, "ff", undefined]]);
    assert.deepEqual(found("memory/plugin/traffic_server+0xff [via foo.so]"), [["traffic_server", undefined, "ff", undefined]]);
    assert.deepEqual(found("foo.so+0x1a2b: +1.0 MiB, foo.so+0x2"), [
      ["foo.so", undefined, "1a2b", undefined],
      ["foo.so", undefined, "2", undefined],
    ]);
    assert.deepEqual(found("memory/plugin/foo.so a::B<int, 3>::c+0x2f | heap"), [["foo.so", "a::B<int, 3>::c", "2f", undefined]]);
    assert.deepEqual(found("memory/plugin/other.so+0x1"), [["other.so", undefined, "1", undefined]]);
    const none = ["foo.so handler (foo.c:12)", "xfoo.so", "foo.so 0x12", "memory/OpenSSL/a.c:1 [via foo.so]", "foo.so+0xyz"];
    for (const text of none) assert.deepEqual(found(`memory/plugin/${text}`), [], text);
    assert.deepEqual(found("memory/plugin/foo.so handler (foo.c:12): +3 bytes; foo.so+0x7"), [
      ["foo.so", undefined, "7", undefined],
    ]);
  });

  test("are replaced, and the columns behind them stay where they are as far as there is room", () => {
    const name = () => "handler (foo.c:88)";
    const replaced = (text: string) => replaceAddresses(text, MODULES, name);
    assert.equal(replaced("a | foo.so+0x1a2b            | heap | 7\n"), "a | foo.so handler (foo.c:88) | heap | 7\n");
    assert.equal(replaced("a | foo.so+0x1a2b | heap | 7\r\n"), "a | foo.so handler (foo.c:88) | heap | 7\r\n");
    assert.equal(replaced("a | foo.so+0x1a2b                           \n"), "a | foo.so handler (foo.c:88)               \n");
    assert.equal(replaced("foo.so+0x1 and foo.so+0x2: x"), "foo.so handler (foo.c:88) and foo.so handler (foo.c:88): x");
    assert.equal(replaced("a | foo.so f+0x1a calls b::c<d>   | heap | 7\n"), "a | foo.so handler (foo.c:88)     | heap | 7\n");
    assert.equal(replaced("foo.so+0x1 calls b c [via x.so]\n"), "foo.so handler (foo.c:88) [via x.so]\n");
    assert.equal(replaced("foo.so+0x1 calls b: +3"), "foo.so handler (foo.c:88): +3");
    assert.equal(replaced("foo.so+0x1 calls b   \n"), "foo.so handler (foo.c:88)\n");
    assert.equal(replaced("foo.so+0x1 calls b\r\n"), "foo.so handler (foo.c:88)\r\n");
    assert.equal(replaced("foo.so+0x1 calls b<c, 3> and 1 more row: +3"), "foo.so handler (foo.c:88) and 1 more row: +3");
    assert.equal(replaced("2 held by foo.so+0x1 calls b; memory limit"), "2 held by foo.so handler (foo.c:88); memory limit");
    assert.equal(replaced("2 held by foo.so+0x1 calls b, 1,887 bytes per"), "2 held by foo.so handler (foo.c:88), 1,887 bytes per");
    const half = replaceAddresses("foo.so+0x1 (a.c:8) foo.so+0x2", MODULES, ({ place }) => (place ? "own" : undefined));
    assert.equal(half, "foo.so own (a.c:8) foo.so+0x2");
  });

  test("of a call in a stack get a line for each function that the one of the call is inlined into", () => {
    const callers = () => ["helper (foo.c:20)", "handler (foo.c:88)"];
    const replaced = (text: string) => replaceAddresses(text, MODULES, () => "make (foo.c:7)", callers);
    const numbers = "  1 |       - |          - |                    - |       - |       - | ";
    for (const end of ["| -\n", "| -\r\n", "| -", "| -        \n"]) {
      assert.equal(
        replaced(`${numbers}  foo.so+0x1a2b                       ${end}`),
        [
          `${numbers}  foo.so make (foo.c:7) [inlined]     ${end}`,
          `${numbers}  foo.so helper (foo.c:20) [inlined]  ${end}`,
          `${numbers}  foo.so handler (foo.c:88)           ${end}`,
        ].join(""),
      );
    }
    const alone = [
      `${numbers}foo.so+0x1a2b                                        | -\n`, // no call
      `${numbers}  foo.so+0x1a2b                                      | heap\n`,
      `${numbers.replace(/- \| $/, "8 | ")}  foo.so+0x1a2b                | -\n`,
      "  foo.so+0x1a2b                                        | -\n",
      `${numbers}  held by foo.so+0x1a2b                              | -\n`,
    ];
    for (const text of alone) assert.doesNotMatch(replaced(text), /inlined|handler/, text);
  });

  test("of the server lose the function that was above them only for the function itself", () => {
    const all = (text: string, name: string | undefined) => replaceAddresses(text, MODULES, () => name);
    const above = ["main", "Foo::bar", "Foo::(anonymous namespace)::operator()", "f<int, 3>", "Foo::ba..."];
    for (const caller of above.map((name) => ` (below ${name}${name.endsWith("...") ? "" : ")"}`)) {
      for (const [before, after] of [
        ["memory/core/", "\n"],
        ["memory/plugin/", " [via foo.so]\n"],
        ["suspect: memory/core/", " and 2 more rows: +3"],
        ["memory/core/", ": +3 MiB/h"],
      ]) {
        const text = `${before}traffic_server+0x2b9679${caller}${after}`;
        assert.equal(all(text, "Foo::init (Foo.cc:8)"), `${before}traffic_server Foo::init (Foo.cc:8)${after}`);
        assert.equal(all(text, undefined), text);
      }
    }
    assert.equal(
      all("a | traffic_server+0x1 (below b)     | 7\n", "Foo::init (F.cc:8)"),
      "a | traffic_server Foo::init (F.cc:8) | 7\n",
    );
  });
});

test("of too many functions that are inlined into one another the innermost and the last are named", () => {
  const naming = new Naming(loadCore());
  const functions = Array.from({ length: INLINED_MAX + 2 }, (_, level) => level);
  assert.deepEqual(naming.chain(functions), [...functions.slice(0, INLINED_MAX - 1), INLINED_MAX + 1]);
  for (const few of [[], [0], functions.slice(0, INLINED_MAX)]) assert.deepEqual(naming.chain(few), few);
});

describe("a text", () => {
  test("is split into dumps and the lines between them, however it comes, and nothing is lost", () => {
    const dump = (n: number) => `memtrack format=2 dump=${n} time=2026-11-27T10:00:00Z\nrow\nmemtrack end dump=${n} rows=1\n`;
    const text = `line\n${dump(1)}between\n${dump(2).replace(/memtrack end.*\n/, "")}${dump(3)}last`;
    for (const size of [1, 7, text.length]) {
      const pieces = new Pieces();
      const found: string[] = [];
      for (let at = 0; at < text.length; at += size) found.push(...pieces.push(text.slice(at, at + size)));
      found.push(...pieces.end());
      assert.equal(found.join(""), text);
      assert.equal(found.filter((piece) => piece.startsWith("memtrack format=")).length, 3);
      assert.ok(found.includes(dump(1)) && found.includes(dump(3)) && found.includes("last"));
    }
  });

  test("without addresses, or with none that can be resolved, comes out as it is, byte for byte", async () => {
    const bytes = readFileSync(fixture("plugins25.out.gz"));
    const plain = gunzipSync(bytes);
    const { code, bytes: out, err } = await memtrack(["symbolize", fixture("plugins25.out.gz"), "--debug-dir", folder]);
    assert.equal(code, 0, err);
    assert.ok(out.equals(plain));
    const piped = await memtrack(["symbolize", "--debug-dir", folder], { stdin: gzipSync("no dump \xe9\xff\n") });
    assert.ok(piped.bytes.equals(Buffer.from("no dump \xe9\xff\n")));
  });
});

const ID = "0123456789abcdef0123456789abcdef01234567";

describe("a module's file", () => {
  test("says its build id, and what it holds", () => {
    const path = join(folder, "module");
    const read = (bytes: Buffer) => {
      writeFileSync(path, bytes);
      return readElf(path);
    };
    assert.deepEqual(read(elf(ID, [])), { buildId: ID, holds: "neither" });
    assert.deepEqual(read(elf(ID, [[".symtab", 2]])), { buildId: ID, holds: "functions" });
    assert.deepEqual(
      read(
        elf(ID, [
          [".debug_info", 1],
          [".symtab", 2],
        ]),
      ),
      { buildId: ID, holds: "lines" },
    );
    assert.deepEqual(read(elf(ID, [[".debug_info", 8]])), { buildId: ID, holds: "neither" }); // its place alone
    assert.equal(readElf(join(folder, "none")), undefined);
    assert.equal(readElf(folder), undefined);
  });

  test("that is damaged makes nothing throw", () => {
    const path = join(folder, "module");
    const whole = elf(ID, [[".debug_info", 1]]);
    for (let size = 0; size < whole.length; ++size) {
      writeFileSync(path, whole.subarray(0, size));
      readElf(path);
    }
    for (let at = 0; at < whole.length; ++at) {
      const changed = Buffer.from(whole);
      changed[at] = 0xff;
      writeFileSync(path, changed);
      readElf(path);
    }
  });
});

describe("what is missing is said, with the way out", () => {
  const dump = (name: string, id: string) =>
    [
      "memtrack format=2 dump=1 time=2026-11-27T10:00:00Z reason=signal level=1",
      "",
      "Heap memory of plugins",
      "Allocs     | Frees      | Size In-use          | Avg Size   | Location",
      "-----------|------------|----------------------|------------|--------------------------------------------------------------------",
      `         1 |          0 |                    8 |          8 | memory/plugin/${name}+0x1a2b`,
      "",
      "Modules: files that the rows above name",
      "Build id                                 | Module",
      "-----------------------------------------|--------",
      `${id} | ${name} /srv/plugins/${name}`,
      "",
      "memtrack end dump=1 rows=1",
      "",
    ].join("\n");

  test("a debug file, a build id, a file in the dump", async () => {
    const text = dump("foo.so", ID);
    const symbolize = (stdin: string) => memtrack(["symbolize", "--debug-dir", folder], { stdin });
    const missing = await symbolize(text);
    assert.deepEqual([missing.code, missing.out], [0, text]);
    assert.match(
      missing.err,
      new RegExp(`^memtrack: foo\\.so keeps addresses: no file in .* debuginfod-find debuginfo ${ID},.*\n$`),
    );
    assert.match((await symbolize(dump("foo.so", "-".padEnd(40)))).err, /foo\.so keeps addresses: .* has no build id/);
    assert.match((await symbolize(text.replace(/Modules[^]*rows/, "rows"))).err, /foo\.so keeps addresses: the dump does not say/);
    writeFileSync(join(folder, "foo.so"), elf(ID.replace("0", "f"), [[".debug_info", 1]]));
    assert.match((await symbolize(text)).err, /foo\.so is of another build/);
  });

  test("elfutils", async () => {
    mkdirSync(join(folder, ".build-id", "01"), { recursive: true });
    writeFileSync(join(folder, ".build-id", "01", `${ID.slice(2)}.debug`), elf(ID, [[".debug_info", 1]]));
    const { code, err } = await memtrack(["symbolize", "--debug-dir", folder], {
      stdin: dump("foo.so", ID),
      env: { PATH: folder },
    });
    assert.equal(code, 2);
    assert.equal(
      err,
      "memtrack: there is no eu-addr2line, which finds the names: install the package elfutils (apt install elfutils)\n",
    );
  });

  test("a folder", async () => {
    const { code, err } = await memtrack(["symbolize", "--debug-dir", join(folder, "no")], { stdin: "" });
    assert.deepEqual([code, err], [2, `memtrack: --debug-dir is ${join(folder, "no")}: there is no such folder\n`]);
  });
});
