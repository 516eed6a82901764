// SPDX-License-Identifier: Apache-2.0
//
// Examples in the documents: an indented line `$ memtrack ...`, and below it the command's output for the captures in tests/fixtures,
// at 100 columns. `npx tsx tests/support/examples.ts` updates them.

import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { fixture, memtrack } from "./command.ts";
import { withSamples } from "./samples.ts";

export const DOCUMENTS = ["README.md", "docs/COMMAND.md"];
/** Documents that contain parts of dumps (samples.ts). */
export const WITH_SAMPLES = ["README.md", "docs/READING.md"];

const TOP = fileURLToPath(new URL("../..", import.meta.url));
const COLUMNS = "100";
const INDENT = " ".repeat(4);
/** Matches the command line and its output: indented lines, with blank lines between them. */
const EXAMPLE = /^ {4}\$ memtrack (.*)\n((?:\n*^ {4}(?!\$ ).*\n)*)/gm;
const WORD = /'([^']*)'|(\S+)/g;

export function read(document: string): string {
  return readFileSync(TOP + document, "utf8");
}

/** The commands of a document's examples. */
export function commandsIn(text: string): string[] {
  return [...text.matchAll(EXAMPLE)].map(([, command]) => command!);
}

/** A document's text with the current output of its examples. */
export async function withOutputs(text: string): Promise<string> {
  const folder = process.cwd();
  process.chdir(fixture("."));
  try {
    const outputs = new Map<string, string>();
    for (const command of commandsIn(text)) outputs.set(command, await outputOf(command));
    return text.replace(EXAMPLE, (_, command: string) => `${INDENT}$ memtrack ${command}\n${outputs.get(command)}`);
  } finally {
    process.chdir(folder);
  }
}

async function outputOf(command: string): Promise<string> {
  const argv = [...command.matchAll(WORD)].map(([, quoted, bare]) => quoted ?? bare!);
  const { code, out, err } = await memtrack(argv, { env: { COLUMNS } });
  if (code === 2) throw new Error(`memtrack ${command}: ${err}`);
  return out.trimEnd().replace(/^(?=.)/gm, INDENT) + "\n";
}

if (fileURLToPath(import.meta.url) === realpathSync(process.argv[1] ?? "")) {
  for (const document of DOCUMENTS) writeFileSync(TOP + document, await withOutputs(read(document)));
  for (const document of WITH_SAMPLES) writeFileSync(TOP + document, withSamples(read(document)));
}
