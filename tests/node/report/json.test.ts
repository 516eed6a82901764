// SPDX-License-Identifier: Apache-2.0
//
// The command's --json output is valid by docs/report.schema.json: every key, its type, no other key.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { REMAINDER_KIND, sections as format } from "../../../format/format.ts";
import { headOf, ruleOf } from "../../../format/layout.ts";
import { handmadeDump, handmadeLeak, handmadeSearched, NEW_SECTIONS, NEW_SECTIONS_ROWS } from "../../../harness/handmade.ts";
import { keysTable, schemaText, withKeys } from "../../../tools/schema.ts";
import { fixture, memtrack } from "../../support/command.ts";

let folder: string;
before(() => void (folder = mkdtempSync(join(tmpdir(), "memtrack-json-"))));
after(() => rmSync(folder, { recursive: true }));

const validate = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(JSON.parse(schemaText()) as object);

/** A part of an output that is examined. */
interface Section {
  name?: string;
  rows: Record<string, unknown>[];
}
interface Output {
  format: number;
  sites: Record<string, unknown>[];
  owners: Record<string, unknown>[];
  sections: Section[];
}

async function valid(...argv: string[]): Promise<Output> {
  const { code, out, err } = await memtrack([...argv, "--json"]);
  assert.deepEqual([code, err], [0, ""], argv.join(" "));
  const value = JSON.parse(out) as Output;
  assert.ok(validate(value), `${argv.join(" ")}: ${JSON.stringify(validate.errors?.slice(0, 5))}`);
  return value;
}

function file(name: string, content: string): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

describe("--json", () => {
  for (const name of [
    "leak.out.gz",
    "format2.out.gz",
    "memtrack-level1.out",
    "memtrack-level2.out",
    "stock-level1.out",
    "stock-level2.out",
    "truncated.out",
  ]) {
    test(`report of ${name}`, async () => void (await valid("report", fixture(name))));
  }

  test("report of a leak found by the core, of objects, of ages, of unknown sections", async () => {
    await valid("report", file("leak", handmadeLeak(400)));
    await valid("report", file("searched", handmadeSearched()));
    const rows = [{ location: "memory/IOBuffer/HttpSM.cc:1", allocs: 2, frees: 1, inUse: 100 }];
    const sections = `${NEW_SECTIONS}\nAges of what is alive, in seconds
Older than | Younger than | Alive      | Size In-use          | % of site | Kind             | Location
-----------|--------------|------------|----------------------|-----------|------------------|------------------------------
         0 |            - |          1 |                  100 |       100 | iobuffer         | memory/IOBuffer/HttpSM.cc:1

A section of a later version
Bytes                | New %   | What
---------------------|---------|-----
                   5 |       - | a thing
`;
    const text = handmadeDump({ level: 2, rows, openssl: [], sections, sectionRows: NEW_SECTIONS_ROWS });
    const { sites, sections: found } = await valid("report", file("sections", text));
    assert.deepEqual(sites.find((row) => row.location === rows[0]!.location)!.ages, [{ olderThan: 0, alive: 1, bytes: 100 }]);
    assert.deepEqual(found.at(-1), {
      title: "A section of a later version",
      rows: [{ bytes: 5, newPercent: null, what: "a thing" }],
    });
  });

  test("numbers in sections are numbers, and a row of the report has its growth from the sections", async () => {
    const { format, sites, owners, sections } = await valid("report", fixture("leak.out.gz"));
    assert.equal(format, 2);
    const section = (name: string): Section => sections.find((entry) => entry.name === name)!;
    const resident = section("reconciliation").rows[0]!;
    assert.deepEqual([typeof resident.bytes, resident.sharePercent, resident.what], ["number", 100, "resident (RSS)"]);
    for (const row of section("growth").rows) {
      const { location, ...growth } = row;
      if (growth.kind === REMAINDER_KIND) continue;
      assert.ok(sites.some((site) => site.location === location && JSON.stringify(site.growth) === JSON.stringify(growth)));
      assert.deepEqual([typeof growth.why, typeof growth.keptPercent, "latePercent" in growth], ["string", "number", true]);
    }
    assert.ok(owners.some((row) => row.growth));
    assert.equal(typeof section("owners").rows[0]!.contObjects, "number");
  });

  test("a location that allocates bytes and objects has the growth of each", async () => {
    const at = "memory/plugin/foo.so f (foo.c:8)";
    const grew = (change: number, kind: string): string =>
      `leak | - | ${change} | 1 | ${at.padEnd(64)} | ${kind} | - | 1 | 0 | 0 | 50 | 0 | - | -`;
    const growth = ["Growth since start-up, 60 s ago: 2 rows", headOf(format.growth), ruleOf(format.growth)];
    const objects = ["Objects of plugins", headOf(format.objects), ruleOf(format.objects), `2 | 0 | 2 | 480 | TSIOBuffer | ${at}`];
    const text = handmadeDump({
      rows: [{ location: at, allocs: 2, frees: 0, inUse: 8192 }],
      sections: [...objects, "", ...growth, grew(8192, "iobuffer"), grew(480, "TSIOBuffer"), ""].join("\n"),
      sectionRows: 1,
    });
    const { sites } = await valid("report", file("kinds", text));
    const changes = sites.map((row) => [row.class, (row.growth as { change: number }).change]);
    assert.deepEqual(changes.sort(), [
      ["iobuffer", 8192],
      ["object", 480],
    ]);
  });

  test("who judged, the summary, why a growth is no leak, and the rows of a suspect are described", async () => {
    const value = (await valid("report", fixture("format2.out.gz"))) as Output & {
      judge: string;
      summary: string[];
      suspects: { rows: unknown[] }[];
    };
    assert.deepEqual([value.judge, value.suspects[0]!.rows.length], ["proxy", 2]);
    assert.match(value.summary.join("\n"), /^suspect: leaky\.so on_transaction /m);
    assert.ok(value.sites.some(({ why }) => why === "too soon" || why === "levels off"));
    const described = keysTable();
    for (const key of ["judge", "summary", "why", "rows", "verdict"])
      assert.match(described, new RegExp(`\\| \`${key}\` \\| .+ \\|`));
  });

  test("format 2: the columns after a location or an owner are included", async () => {
    const { sections } = await valid("report", fixture("format2.out.gz"));
    const row = (name: string): Record<string, unknown> => sections.find((entry) => entry.name === name)!.rows[0]!;
    const { verdict, change, location, latePercent } = row("growth");
    assert.deepEqual(
      [verdict, change, location, latePercent].map((value) => typeof value),
      ["string", "number", "string", "number"],
    );
    const { owner, state, tsapi, contObjects } = row("owners");
    assert.deepEqual(
      [owner, state, tsapi, contObjects].map((value) => typeof value),
      ["string", "string", "number", "number"],
    );
  });

  test("diff and doctor", async () => {
    await valid("diff", `${fixture("memtrack-level2.out")}#1`, "#4");
    await valid("diff", `${file("grown", handmadeLeak(9))}#1`, "#9", "--all");
    await valid("doctor", "--config", folder, "--plugins", folder, "--log", fixture("memtrack-level1.out"));
  });

  test("an unknown key and a missing key are found", async () => {
    const value = JSON.parse((await memtrack(["report", "--json", fixture("leak.out.gz")])).out) as Output;
    assert.ok(validate(value));
    const [row] = value.sections.find(({ name }) => name === "reconciliation")!.rows;
    for (const part of [value, value.sites[0]!, value.owners[0]!, row!] as Record<string, unknown>[]) {
      part.further = 1;
      assert.ok(!validate(value));
      delete part.further;
    }
    delete value.sites[0]!.allocs;
    assert.ok(!validate(value));
  });
});

describe("docs", () => {
  test("docs/report.schema.json is up to date with tools/schema.ts", () => {
    assert.equal(readFileSync("docs/report.schema.json", "utf8"), schemaText());
  });

  test("docs/COMMAND.md lists the keys", () => {
    const page = readFileSync("docs/COMMAND.md", "utf8");
    assert.ok(page.includes(keysTable()));
    assert.equal(withKeys(page), page);
  });
});
