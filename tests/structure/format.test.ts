// SPDX-License-Identifier: Apache-2.0
//
// format/format.ts is the only description of a dump: the files generated from it are up to date, its entries are consistent, and the
// tables of docs/REFERENCE.md equal it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import {
  classes,
  effects,
  explanations,
  header,
  records,
  sections,
  verdicts,
  type Column,
  type ConfigRecord,
  type IntRecord,
  type MemoryClass,
  type Section,
} from "../../format/format.ts";
import { columnsOf, endsOf, headOf, ruleOf, titlesOf } from "../../format/layout.ts";
import { TOP } from "../../tools/build.ts";
import { coreFormat, updateNumbers } from "../../tools/format.ts";

const CLASSES = Object.entries<MemoryClass>(classes);
const RECORDS = Object.values<ConfigRecord>(records);
const isInt = (record: ConfigRecord): record is IntRecord => record.type === "INT";
const SECTIONS = Object.values<Section>(sections);
const text = (...path: string[]): string => readFileSync(join(TOP, ...path), "utf8");

describe("a file generated from the format is up to date:", () => {
  test("assembly/abi.ts", () => assert.equal(text("assembly", "abi.ts"), updateNumbers(text("assembly", "abi.ts"))));
  test("assembly/format.ts", () => assert.equal(text("assembly", "format.ts"), coreFormat()));
});

describe("the format", () => {
  test("gives every class, section, record and statistic a unique name", () => {
    const names = [
      CLASSES.flatMap(([, { title }]) => title),
      [...CLASSES.map(([, { section }]) => section), ...SECTIONS.map(({ title }) => title)].filter(Boolean),
      RECORDS.map(({ name }) => name),
      CLASSES.flatMap(([, { statistic }]) => statistic ?? []),
    ];
    for (const list of names) assert.equal(new Set(list).size, list.length, list.join(", "));
  });

  test("has titles that distinguish sections, also those of classes", () => {
    const titles = [...CLASSES.map(([, { section }]) => section), ...SECTIONS.map(({ title }) => title)].filter(Boolean);
    for (const title of titles)
      assert.deepEqual(
        titles.filter((other) => other.startsWith(title)),
        [title],
      );
    for (const [, { section, title }] of CLASSES) {
      assert.ok(!section || section.startsWith(title), section);
      assert.ok(
        SECTIONS.every((other) => !other.title.startsWith(title)),
        title,
      );
    }
  });

  test("has column heads that fit their columns, and are unique in a section", () => {
    for (const section of SECTIONS) {
      for (const { title, width } of columnsOf(section)) assert.ok(title.length <= width && !title.includes("|"), title);
      assert.equal(new Set(titlesOf(section)).size, titlesOf(section).length, headOf(section));
    }
  });

  test("has a rule with a bar below each bar of the heads, and rows whose cells end before them", () => {
    for (const section of SECTIONS) {
      const bars = [...headOf(section).matchAll(/\|/g)].map(({ index }) => index);
      assert.deepEqual(
        [...ruleOf(section).matchAll(/\|/g)].map(({ index }) => index),
        bars,
      );
      assert.deepEqual(
        endsOf(section).map((end) => end + 1),
        bars.slice(0, endsOf(section).length),
      );
    }
  });

  test("has records whose default and substitutes are in the range", () => {
    for (const { name, range, default: normal, outside } of RECORDS.filter(isInt)) {
      const used = [normal, ...outside].filter((value) => typeof value === "number");
      assert.ok(range[0] < range[1] && used.every((value) => value >= range[0] && value <= range[1]), name);
    }
  });
});

describe("REFERENCE.md equals the format in", () => {
  const reference = text("docs", "REFERENCE.md");
  const shown = (name: string): string | undefined =>
    new RegExp(`<!-- format: ${name} -->\\n\\n(.*?)\\n\\n<!-- /format -->`, "s").exec(reference)?.[1];
  const check = (name: string, heads: string[], rows: string[][]): void => {
    const line = (cells: string[]): string => `| ${cells.join(" | ")} |`;
    assert.equal(shown(name), [line(heads), `|${"---|".repeat(heads.length)}`, ...rows.map(line)].join("\n"));
  };
  const numbersOf = ({ range: [least, most], unit }: IntRecord): string => {
    const few = most - least < 4 ? Array.from({ length: most - least + 1 }, (_, index) => least + index).join(", ") : "";
    return (few || `${least} to ${most}`) + (unit ? `, ${unit}` : "");
  };
  const code = (words: string[]): string => words.map((word) => `\`${word}\``).join(", ");
  const meanings = (columns: Column[]): string[][] => columns.map(({ title, meaning }) => [code([title]), meaning]);

  test("records", () => {
    const rows = RECORDS.map((record) => {
      const { name, type, default: normal, effect, meaning } = record;
      const values = isInt(record) ? numbersOf(record) : record.values;
      return [code([name]), type, values, normal === "" ? "empty" : String(normal), effects[effect], meaning];
    });
    check("records", ["record", "type", "values", "default", "takes effect", "what"], rows);
  });

  test("values out of range", () => {
    const rows = RECORDS.filter(isInt).map(({ name, outside }) => [code([name.replace(/.*\./, "")]), ...outside.map(String)]);
    check("outside", ["record", "below the range is used", "above it is used"], rows);
  });

  test("the header", () => {
    check(
      "header",
      ["key", "what"],
      Object.entries(header).map(([key, { meaning }]) => [code([key]), meaning]),
    );
  });

  test("sections and their columns", () => {
    const ofClasses = (holds: MemoryClass["holds"]): string => {
      const own = CLASSES.filter(([, cls]) => cls.holds === holds).map(([, cls]) => cls);
      const untitled = own.filter(({ section }) => !section).map(({ title }) => title);
      const titled = own.flatMap(({ section }) => (section ? [`\`${section}\``] : []));
      return [...(untitled.length ? [`none (${untitled.join(", ")})`] : []), ...titled].join(", ");
    };
    const titles = { memory: ofClasses("memory"), objects: ofClasses("objects"), summary: "none" };
    const rows = Object.entries(sections).map(([name, section]) => [
      section.title ? code([section.title]) : titles[name as keyof typeof titles],
      code(titlesOf(section)),
    ]);
    check("sections", ["title, or what it begins with", "columns"], rows);
  });

  test("columns of the growth and of ages", () => {
    check("growth", ["column", "what"], meanings(columnsOf(sections.growth)));
    check("ages", ["column", "what"], meanings(columnsOf(sections.ages)));
    check(
      "show",
      ["column", "what"],
      meanings([...columnsOf(sections.show).slice(0, 2), ...columnsOf(sections.showHistory).slice(1)]),
    );
  });

  test("verdicts and their explanations", () => {
    check(
      "verdicts",
      ["verdict", "means"],
      Object.entries(verdicts).map(([name, meaning]) => [code([name]), meaning]),
    );
    const rows = Object.values(explanations).map(({ word, meaning }) => [code([word]), meaning]);
    check("explanations", ["why", "means"], rows);
  });

  test("statistics", () => {
    const rows = CLASSES.flatMap(([, { title, statistic }]) => (statistic ? [[code([statistic]), `live bytes of ${title}`]] : []));
    check("statistics", ["name", "what"], rows);
  });
});
