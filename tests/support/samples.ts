// SPDX-License-Identifier: Apache-2.0
//
// Samples in the documents: parts of the last dump of a capture in tests/fixtures, between two comments.
//
//   <!-- sample: format2.out.gz, Growth since, 5 rows -->
//   <!-- /sample -->
//
// The second field is the beginning of a section's title, or `header`, `summary`, `IOBuffer`, `OpenSSL` for parts without a title. `rows`
// limits the rows of the section. Long lines are cut. `npx tsx tests/support/examples.ts` updates the samples.

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { fixture } from "./command.ts";

const SAMPLE = /^(<!-- sample: (\S+), (.+?)(?:, (\d+) rows)? -->\n)(?:.*?)(^<!-- \/sample -->$)/gms;
/** Maximum width of a sample line in columns. */
const WIDTH = 168;
/** The head of columns and the rule below it. */
const HEAD_LINES = 2;

/** A document's text with its samples as the captures have them today. */
export function withSamples(text: string): string {
  return text.replace(SAMPLE, (_, begin: string, file: string, part: string, rows: string | undefined, end: string) => {
    const lines = partOf(lastDump(file), part, rows === undefined ? Infinity : Number(rows));
    return `${begin}\n${lines.map((line) => `    ${cut(line)}\n`).join("")}\n${end}`;
  });
}

export function hasSamples(text: string): boolean {
  return text.search(SAMPLE) >= 0;
}

function lastDump(file: string): string {
  const bytes = readFileSync(fixture(file));
  const text = (file.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString();
  return text.slice(text.lastIndexOf("memtrack format="));
}

function partOf(dump: string, part: string, rows: number): string[] {
  const [head, ...sections] = dump.split("\n\n").map((block) => block.split("\n")) as [string[], ...string[][]];
  if (part === "header") return head.slice(0, 1);
  if (part === "summary") return head.filter((line) => line.startsWith("memtrack summary"));
  const untitled = sections.filter(([first]) => first!.startsWith("Allocs "));
  const found =
    part === "IOBuffer" ? untitled[0] : part === "OpenSSL" ? untitled[1] : sections.find(([first]) => first!.startsWith(part));
  if (!found) throw new Error(`the last dump has no section that begins with "${part}"`);
  const from = HEAD_LINES + (untitled.includes(found) ? 0 : 1);
  return found.length > from + rows ? [...found.slice(0, from + rows), "..."] : found;
}

function cut(line: string): string {
  const text = line.trimEnd();
  return text.length > WIDTH ? `${text.slice(0, WIDTH - 4)} ...` : text;
}
