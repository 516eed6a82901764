// SPDX-License-Identifier: Apache-2.0
//
// The documents agree with the command: their examples show its output, docs/COMMAND.md names every command and option, and its tables of
// verdicts equal format/format.ts.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { explanations, verdicts } from "../../format/format.ts";
import { memtrack } from "../support/command.ts";
import { commandsIn, DOCUMENTS, read, WITH_SAMPLES, withOutputs } from "../support/examples.ts";
import { hasSamples, withSamples } from "../support/samples.ts";

const COMMANDS = ["report", "diff", "html", "mrtg", "pprof", "folded", "symbolize", "watch", "doctor"];

for (const document of DOCUMENTS) {
  test(`examples in ${document} show the command's output (npx tsx tests/support/examples.ts updates them)`, async () => {
    const text = read(document);
    assert.ok(commandsIn(text).length > 0);
    assert.equal(text, await withOutputs(text));
  });
}

for (const document of WITH_SAMPLES) {
  test(`samples in ${document} are parts of captured dumps (npx tsx tests/support/examples.ts updates them)`, () => {
    const text = read(document);
    assert.ok(hasSamples(text));
    assert.equal(text, withSamples(text));
  });
}

describe("docs/COMMAND.md", () => {
  const text = read("docs/COMMAND.md");
  /** The text below a heading, up to the next one of its rank or above. */
  const section = (heading: string): string => {
    const [, rank, rest] = new RegExp(`^(#+) [^\\n]*${heading}.*?\\n(.*)`, "ms").exec(text) ?? [];
    assert.ok(rank && rest !== undefined, heading);
    return rest.split(new RegExp(`^#{1,${rank.length}} `, "m"))[0]!;
  };

  test("names each option in its command's section, or among those of several commands", async () => {
    const shared = section("Options of several commands");
    for (const command of COMMANDS) {
      const { out } = await memtrack([command, "--help"]);
      const options = [...out.matchAll(/^ +(?:-\w, )?(--[\w-]+) /gm)].map(([, name]) => name!);
      const said = section(`memtrack ${command}`) + shared;
      assert.ok(options.length > 2);
      assert.deepEqual(
        options.filter((name) => !["--version", "--help"].includes(name) && !said.includes(name)),
        [],
        command,
      );
    }
  });

  test("has the verdicts and explanations of the format", () => {
    const said = section("Verdicts");
    for (const [name, meaning] of Object.entries(verdicts)) assert.ok(said.includes(`| \`${name}\` | ${meaning} |`), name);
    for (const { word, meaning } of Object.values(explanations)) assert.ok(said.includes(`| \`${word}\` | ${meaning} |`), word);
  });

  test("has every exit code", () => {
    const codes = [...section("Exit codes").matchAll(/^\| (\d) \|/gm)].map(([, code]) => code);
    assert.deepEqual(codes, ["0", "1", "2"]);
  });
});
