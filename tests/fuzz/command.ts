// SPDX-License-Identifier: Apache-2.0
//
// The command, from the arguments to its output, with a file of any bytes. It ends with a code of its own and no stack, a terminal can
// show what it prints, its JSON is JSON, and nothing in the page's data ends the element around it.

import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { memtrack } from "../support/command.ts";
import type { Target } from "./target.ts";
import { texts, WORDS } from "./texts.ts";

/** What a terminal, a program or a browser would take for something else than text. */
const ACTIVE = /[\0-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]/;

type Check = (out: Buffer) => void;

const isText: Check = (out) => assert.doesNotMatch(out.toString(), ACTIVE);

function isPage(out: Buffer): void {
  const [, data] = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(out.toString()) ?? [];
  assert.ok(data !== undefined);
  assert.doesNotMatch(data, /[<>&]/);
  JSON.parse(data);
}

const COMMANDS: [argv: string[], check: Check][] = [
  [["report", "-"], isText],
  [["report", "--top", "0", "--interval", "60", "-"], isText],
  [["report", "--json", "-"], (out) => void JSON.parse(out.toString())],
  [["html", "-", "-o", "-"], isPage],
  [["pprof", "-", "-o", "-"], (out) => void gunzipSync(out)],
  [["folded", "-"], isText],
  [["mrtg", "-"], (out) => assert.equal(out.toString().split("\n").length, 5)],
];

export default {
  seeds: () => texts().filter((text) => text.length < 8192),
  words: WORDS,
  async run(input) {
    const [argv, check] = COMMANDS[input.length % COMMANDS.length]!;
    const { code, bytes, err } = await memtrack(argv, { stdin: input });
    assert.ok(code === 0 || code === 1 || code === 2);
    assert.doesNotMatch(err, /^ {4}at /m);
    assert.doesNotMatch(err, ACTIVE);
    if (code === 0) check(bytes);
  },
} satisfies Target;
