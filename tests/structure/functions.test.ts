// SPDX-License-Identifier: Apache-2.0
//
// No function has more than 60 lines. Relies on the layout by the formatters: a block whose first line ends with an opening brace ends at
// the next line of the same indentation that begins with the closing brace. So this test counts lines without a parser; it misses a brace
// that a formatter would place elsewhere.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { TOP } from "../../tools/build.ts";

const LINES_MAX = 60;

const SCRIPTS = ["assembly", "bench", "harness", "host", "tools"];
const NATIVE = ["bench", "host", "tests"];

for (const [language, folders, ending, read] of [
  ["AssemblyScript and TypeScript", SCRIPTS, /\.m?ts$/, functionsOfScript],
  ["C and C++", NATIVE, /\.([ch]|cc)$/, functionsOfC],
] as const) {
  test(`no function of ${language} has more than ${LINES_MAX} lines`, () => {
    const functions = folders.flatMap((folder) =>
      sourcesOf(folder, ending).flatMap(([name, text]) =>
        read(text).map((found) => ({ ...found, name: `${name}: ${found.name}` })),
      ),
    );
    assert.ok(functions.length > 300, "sources were read");
    const long = functions.filter(({ lines }) => lines > LINES_MAX);
    assert.deepEqual(
      long.map(({ name, lines }) => `${name}: ${lines}`),
      [],
    );
  });
}

describe("the counting of functions", () => {
  test("counts a C function from its opening to its closing brace", () => {
    const text =
      "namespace\n{\nstatic int\nadd(int a,\n    int b)\n{\n  if (a) {\n    return b;\n  }\n  return a + b;\n}\n} // namespace\n";
    assert.deepEqual(functionsOfC(text), [{ name: "add", lines: 6 }]);
  });

  test("counts functions, methods and arrow functions of a script, and nothing else", () => {
    const text = [
      "export async function one(",
      "  a: number,",
      "): Promise<void> {",
      "  for (const x of a) {",
      "  }",
      "}",
      "class Two {",
      "  #three(x: (y: number) => void): { z: number } {",
      "    return 1;",
      "  }",
      "",
      "  get four(): number {",
      "    if (x) {",
      "    }",
      "  }",
      "}",
      "const five = (x: number): void => {",
      "  x;",
      "};",
      "@inline",
      "function six(): u32 {",
      "}",
      "function seven(): u32 { return 7; }",
      "  call(x, {",
      "  });",
    ].join("\n");
    assert.deepEqual(functionsOfScript(text), [
      { name: "one", lines: 6 },
      { name: "three", lines: 3 },
      { name: "four", lines: 4 },
      { name: "five", lines: 3 },
      { name: "six", lines: 2 },
    ]);
  });
});

interface Found {
  name: string;
  lines: number;
}

/** A body begins with a brace on its own line; the name is directly before the parameters. */
function functionsOfC(text: string): Found[] {
  const lines = text.split("\n");
  return lines.flatMap((line, at) => {
    if (line !== "{" || /^namespace\b/.test(lines[at - 1] ?? "")) return [];
    let first = at - 1;
    while (first > 0 && /^\s/.test(lines[first]!)) first--;
    const [, name] = /(\w+)\s*\(/.exec(lines[first]!) ?? [];
    return [{ name: name ?? lines[first]!, lines: endOf(lines, at, "") - at + 1 }];
  });
}

const FUNCTION = /^\s*(?:export |default |async )*function\*? (\w+)/;
const ARROW = /^\s*(?:export )?(?:const|let) (\w+)\b.* = (?:async )?(?:<.*>)?\(/;
const METHOD = /^\s+(?:(?:public|private|protected|static|override|async|get|set) |\*)*#?(\w+)(?:<.*>)?\(/;
const STATEMENT = /^\s*(?:if|for|while|switch)\b/;

/** From the line that begins a function, method or arrow function to the line that ends it. */
function functionsOfScript(text: string): Found[] {
  const lines = text.split("\n");
  return lines.flatMap((line, at) => {
    const isArrow = line.endsWith("=> {");
    if (!isArrow && !/\)(?:: .+)? \{$/.test(line)) return [];
    const indent = /^\s*/.exec(line)![0];
    let first = at;
    if (line.startsWith(`${indent})`))
      do first--;
      while (first > 0 && !beginsAt(lines[first]!, indent));
    const begins = lines[first]!;
    const [, name] = FUNCTION.exec(begins) ?? (STATEMENT.test(begins) ? null : (isArrow ? ARROW : METHOD).exec(begins)) ?? [];
    return name ? [{ name, lines: endOf(lines, at, indent) - first + 1 }] : [];
  });
}

function beginsAt(line: string, indent: string): boolean {
  return line.startsWith(indent) && /\S/.test(line[indent.length] ?? "");
}

function endOf(lines: string[], from: number, indent: string): number {
  const end = lines.findIndex((line, at) => at > from && line.startsWith(`${indent}}`));
  return end < 0 ? lines.length : end;
}

/** Name and text of each source below a folder. */
function sourcesOf(folder: string, ending: RegExp): [name: string, text: string][] {
  const names = readdirSync(join(TOP, folder), { recursive: true, encoding: "utf8" });
  const chosen = names.filter((name) => ending.test(name) && !name.endsWith(".d.ts")).sort();
  return chosen.map((name) => [`${folder}/${name}`, readFileSync(join(TOP, folder, name), "utf8")]);
}
