// SPDX-License-Identifier: Apache-2.0
//
// Verdicts come from the core: dumps replayed through the Wasm reveal a leak and nothing else, and verdicts that the server's core wrote
// into a dump are used unchanged. Cases that need hundreds of dumps use generated ones.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { parseAnalysis } from "../../../harness/analysis.ts";
import { parseDumps } from "../../../harness/dump.ts";
import { builtInTable, handmadeDump, handmadeLeak, HOSTILE, type HandmadeRow } from "../../../harness/handmade.ts";
import { Analysis, DUMPS_MIN } from "../../../host/node/analyse/analysis.ts";
import { findingsIn, judgedKey } from "../../../host/node/analyse/findings.ts";
import { Runs } from "../../../host/node/read/history.ts";
import { Parser } from "../../../host/node/read/parse.ts";
import { Sites } from "../../../host/node/read/sites.ts";
import type { Report } from "../../../host/node/report/report.ts";
import { fixture, memtrack } from "../../support/command.ts";

let folder: string;
before(() => void (folder = mkdtempSync(join(tmpdir(), "memtrack-analyse-"))));
after(() => rmSync(folder, { recursive: true }));

async function report(text: string, ...argv: string[]): Promise<Report> {
  const file = join(folder, "traffic.out");
  writeFileSync(file, text);
  const { code, out, err } = await memtrack(["report", "--json", file, ...argv]);
  assert.equal(code, 0, err);
  return JSON.parse(out) as Report;
}

const verdictOf = (found: Report, location: string): string | undefined =>
  found.sites.find((row) => row.location.includes(location))?.verdict;

describe("dumps replayed through the core", () => {
  test("a leak is a suspect; rows that come and go or stay constant are not", async () => {
    const found = await report(handmadeLeak(800));
    assert.deepEqual(
      found.suspects.map(({ location, owner, by, growing }) => ({ location, owner, by, growing })),
      [{ location: "memory/plugin/leaky.so handler (leaky.c:42)", owner: "leaky.so", by: "replay", growing: 799 * 60 }],
    );
    // 4 blocks of 1,024 bytes a minute.
    assert.equal(found.suspects[0]!.perHour, 4 * 1024 * 60);
    assert.match(
      found.suspects[0]!.evidence,
      /^memory\/plugin\/leaky\.so handler \(leaky\.c:42\): \+240 KiB\/h for 13 h 19 min, 8,100 allocated, 4,800 freed/,
    );
    assert.equal(verdictOf(found, "leaky.c"), "leak");
    assert.equal(verdictOf(found, "HttpSM.cc"), "churn");
    assert.equal(verdictOf(found, "Cache.cc"), "steady");
    assert.deepEqual(found.owners.map(({ owner, verdict }) => [owner, verdict]).slice(0, 2), [
      ["leaky.so", "leak"],
      ["core", "churn"],
    ]);
  });

  test("too few dumps give no verdict", async () => {
    for (const dumps of [2, DUMPS_MIN - 1]) {
      const found = await report(handmadeLeak(dumps));
      assert.deepEqual(found.suspects, []);
      assert.ok(found.sites.every((row) => row.verdict === "new"));
    }
    assert.notEqual(verdictOf(await report(handmadeLeak(DUMPS_MIN)), "Cache.cc"), "new");
  });

  test("a stock server's dumps are judged too, at an interval of one minute unless --interval is given", async () => {
    let text = "";
    for (let n = 1; n <= 600; ++n) {
      text += `${builtInTable([{ location: "memory/IOBuffer/InkIOCoreAPI.cc:1", allocs: 100 + 9 * n, frees: 5 * n, inUse: (100 + 4 * n) * 1024 }])}\n`;
    }
    const found = await report(text);
    assert.deepEqual(
      found.suspects.map(({ perHour }) => perHour),
      [4 * 1024 * 60],
    );
    assert.match(found.warnings.join(), /rates and spans of suspects are as if there were one a minute/);
    const hourly = await report(text, "--interval", "3600");
    assert.deepEqual(
      hourly.suspects.map(({ perHour }) => perHour),
      [4 * 1024],
    );
    assert.deepEqual(hourly.warnings, []);
  });

  test("a suspect with a hostile name keeps its name and its row", async () => {
    let text = "";
    for (let n = 1; n <= 600; ++n) {
      text += handmadeDump({
        number: n,
        rows: [{ location: HOSTILE, allocs: 100 + 9 * n, frees: 5 * n, inUse: (100 + 4 * n) * 1024 }],
      });
    }
    const found = await report(text);
    assert.deepEqual(
      found.suspects.map(({ location }) => location),
      [HOSTILE],
    );
    assert.ok(found.suspects[0]!.evidence.startsWith(`${HOSTILE}: +240 KiB/h`));
    assert.equal(found.sites[0]!.verdict, "leak");
  });

  test("each of thousands of sites of all classes is judged separately", async () => {
    const rows = (n: number, count: number, prefix: string): HandmadeRow[] =>
      Array.from({ length: count }, (_, i) => {
        const live = 50 + (i % 500 === 7 ? 4 * n : 0);
        return { location: `${prefix}${i}`, allocs: live + 10 * n, frees: 10 * n, inUse: live * 512 };
      });
    const sites = new Sites();
    const runs = new Runs(sites, { observer: () => new Analysis(sites, undefined) });
    const parser = new Parser(sites, (dump) => runs.add(dump));
    for (let n = 1; n <= 500; ++n) {
      const dump = {
        number: n,
        level: 2,
        rows: rows(n, 1000, "memory/IOBuffer/a.cc:"),
        openssl: rows(n, 1000, "memory/OpenSSL/ssl/b.c:"),
      };
      parser.push(Buffer.from(handmadeDump(dump)));
    }
    parser.end();
    const { suspects, sites: verdicts } = (runs.chosen!.data!.observer as Analysis).findings();
    assert.deepEqual(suspects.map(({ location }) => location).sort(), [
      "memory/IOBuffer/a.cc:507",
      "memory/IOBuffer/a.cc:7",
      "memory/OpenSSL", // its rows have one owner, and so one cause
    ]);
    assert.deepEqual(
      suspects.flatMap(({ rows }) => rows.map(({ location }) => location)).sort(),
      ["IOBuffer/a.cc:507", "IOBuffer/a.cc:7", "OpenSSL/ssl/b.c:507", "OpenSSL/ssl/b.c:7"].map((name) => `memory/${name}`),
    );
    assert.equal(verdicts.size, 2000);
    assert.equal(verdicts.get("memory/OpenSSL/ssl/b.c:7")?.verdict, "leak");
  });
});

for (const capture of ["leak.out.gz", "format2.out.gz"])
  describe(`a capture of plugins that leak: ${capture}`, () => {
    const text = gunzipSync(readFileSync(fixture(capture))).toString();
    const last = parseDumps(text).at(-1)!;
    const said = parseAnalysis(last.text);

    test("owners have the memory by class and the objects that the dump states", async () => {
      const found = await report(text);
      assert.equal(found.dumps, parseDumps(text).length);
      const holdings = last.owners.map(({ owner, iobuffer, openssl, tsapi, heap, total, objects }) => ({
        owner,
        iobuffer,
        openssl,
        tsapi,
        heap,
        total,
        objects,
      }));
      for (const expected of holdings.filter(({ total, objects }) => total || objects)) {
        const row = found.owners.find(({ owner }) => owner === expected.owner)!;
        const { iobuffer, openssl, tsapi, heap } = row.classes;
        assert.deepEqual({ owner: row.owner, iobuffer, openssl, tsapi, heap, total: row.total, objects: row.objects }, expected);
      }
      assert.ok(holdings.some(({ tsapi }) => tsapi > 0) && holdings.some(({ objects }) => objects > 0));
      assert.equal(found.total, last.ownersTotal!.total);
      const rows = last.tables.flatMap((table) => table.rows).length + last.objects.length;
      assert.equal(found.sites.filter((row) => last.text.includes(` | ${row.location}`)).length, rows);
    });

    test("suspects are those of the server's core, in its words; --fail-on leak exits with 1", async () => {
      const found = await report(text);
      assert.ok(said.suspects.length > 0);
      assert.deepEqual(
        found.suspects.filter(({ by }) => by === "proxy").map(({ evidence }) => evidence),
        said.suspects.filter(({ under }) => !under).map(({ evidence }) => evidence),
      );
      const under = said.suspects.filter((row) => row.under).map(({ evidence }) => evidence.slice(4));
      const rows = found.suspects.flatMap((suspect) => (suspect.rows.length > 1 ? suspect.rows : []));
      assert.deepEqual(
        rows.map(({ evidence }) => evidence),
        under,
      );
      assert.equal(under.length > 0, capture === "format2.out.gz");
      assert.ok(found.suspects.every(({ owner }) => owner === "leaky.so"));
      assert.ok(found.suspects.some(({ unit }) => unit === "bytes"));
      assert.ok(found.suspects.every(({ unit, evidence }) => (unit === "objects") === / objects?\/h /.test(evidence)));
      const { code } = await memtrack(["report", "--fail-on", "leak", fixture(capture)]);
      assert.equal(code, 1);
    });
  });

describe("verdicts that the server's core wrote into the last dump", () => {
  const rows = [
    { location: "memory/plugin/foo.so f (foo.c:88)", allocs: 1000, frees: 10, inUse: 990 * 64 },
    { location: "memory/IOBuffer/x.cc:1", allocs: 2, frees: 1, inUse: 100 },
  ];
  const sections = `Growth since arming: 1 rows changed (old: more than 10 m)
Change               | Per hour             | Per 1000 tx | Allocs     | Frees      | Old % | Kept % | Streak | Late % | Verdict | Why           | Location
---------------------|----------------------|-------------|------------|------------|-------|--------|--------|--------|---------|---------------|--------------------------------------------------
               63360 |                63360 |           - |       1000 |         10 |    90 |     99 |      9 |    100 | leak    | -             | memory/plugin/foo.so f (foo.c:88)
                 100 |                  100 |           - |          2 |          1 |    90 |     50 |      0 |      - | filling | levels off    | memory/IOBuffer/x.cc:1

Growth of owners since arming: 1 changed (old: more than 10 m)
Change               | Per hour             | Per 1000 tx | Allocs     | Frees      | Old % | Kept % | Streak | Late % | Verdict | Why           | Owner
---------------------|----------------------|-------------|------------|------------|-------|--------|--------|--------|---------|---------------|--------------------------------------------------
               63360 |                63360 |           - |       1000 |         10 |    90 |     99 |      - |    100 | leak    | -             | foo.so

Suspects: 2 grow and have no reason to stop
Per hour             | For        | Limit in   | Evidence
---------------------|------------|------------|--------------------------------------------------
               63360 |       3600 |      86400 | memory/plugin/foo.so f (foo.c:88): +61.9 KiB/h for 1 h, 1,000 allocated, 10 freed; limit in about 1 day
                 512 |       3600 |          - | all of bar.so: +512 bytes/h for 1 h, 10 allocated, 1 freed
`;

  test("take precedence, however few dumps there are", async () => {
    const found = await report(handmadeDump({ rows, sections }));
    assert.deepEqual(
      found.suspects.map(({ location, owner, perHour, growing, left, by }) => ({ location, owner, perHour, growing, left, by })),
      [
        { location: "memory/plugin/foo.so f (foo.c:88)", owner: "foo.so", perHour: 63360, growing: 3600, left: 86400, by: "proxy" },
        { location: "bar.so", owner: "bar.so", perHour: 512, growing: 3600, left: undefined, by: "proxy" },
      ],
    );
    assert.equal(verdictOf(found, "foo.c"), "leak");
    assert.equal(verdictOf(found, "x.cc"), "filling");
    assert.equal(found.owners.find((row) => row.owner === "foo.so")!.verdict, "leak");
    const { code, out } = await memtrack(["report", "--fail-on", "leak", join(folder, "traffic.out")]);
    assert.equal(code, 1);
    assert.match(out, /leak {2}foo\.so f \(foo\.c:88\), IOBuffer: \+61\.9 KiB\/h for 1 h/);
  });

  test("are read from format 2: columns after the name, and one suspect for rows with one cause", () => {
    const growth = ["Verdict", "Why", "Change", "Per hour", "Location", "Kind", "Per 1000 tx", "Allocs"];
    const evidence = "memory/plugin/foo.so f (2 rows): +3.0 KiB/h for 1 h; limit in about 1 day";
    const bytes = "memory/plugin/foo.so f (foo.c:88): +3.0 KiB/h for 1 h, 10 allocated, 0 freed; limit in about 1 day";
    const objects = "memory/plugin/foo.so f (foo.c:87): +1 object/h for 59 min, 10 created, 0 destroyed";
    const found = findingsIn(
      [
        {
          title: "Growth since start-up, 5 min ago: 1 row that changed; old: more than 60 s",
          columns: growth,
          rows: [
            ["filling", "too soon", "1", "1", "memory/plugin/foo.so g (foo.c:9)", "heap", "-", "3"],
            ["steady", "-", "1", "1", "memory/plugin/foo.so g (foo.c:9)", "TSMBuffer", "-", "3"],
          ],
        },
        {
          title: "Suspects: 2 with unexplained growth",
          columns: ["Per hour", "For", "Limit in", "Evidence"],
          rows: [
            ["3072", "3600", "86400", evidence],
            ["3072", "3600", "86400", `  - ${bytes}`],
            ["1", "3540", "-", `  - ${objects}`],
            ["512", "3600", "-", "all of bar.so: +512 B/h for 1 h, 10 allocated, 1 freed"],
          ],
        },
      ],
      "proxy",
    );
    const [foo, bar] = found.suspects;
    assert.deepEqual([foo!.location, foo!.owner, foo!.evidence], ["memory/plugin/foo.so f", "foo.so", evidence]);
    assert.deepEqual(
      foo!.rows.map(({ location, unit, evidence, left }) => [location, unit, evidence, left]),
      [
        ["memory/plugin/foo.so f (foo.c:88)", "bytes", bytes, 86400],
        ["memory/plugin/foo.so f (foo.c:87)", "objects", objects, undefined],
      ],
    );
    assert.deepEqual([bar!.location, bar!.owner, bar!.rows.length], ["bar.so", "bar.so", 1]);
    // A location can have bytes and objects.
    assert.deepEqual(found.sites.get("memory/plugin/foo.so f (foo.c:88)"), { verdict: "leak" });
    assert.equal(found.sites.get("memory/plugin/foo.so f (foo.c:87)"), undefined);
    assert.deepEqual(found.sites.get("memory/plugin/foo.so g (foo.c:9)"), { verdict: "filling", why: "too soon" });
    assert.deepEqual(found.sites.get(judgedKey("memory/plugin/foo.so g (foo.c:9)", "TSMBuffer")), { verdict: "steady" });
  });

  test("are not read from sections of another form", () => {
    const found = findingsIn(
      [
        { title: "Suspects", columns: ["a", "b"], rows: [["1"], ["1", "2", "-", "no colon"]] },
        { title: "Growth x", columns: ["y"], rows: [["z"]] },
      ],
      "proxy",
    );
    assert.deepEqual([found.suspects.length, found.sites.size, found.owners.size], [0, 0, 0]);
  });
});
