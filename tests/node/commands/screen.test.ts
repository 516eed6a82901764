// SPDX-License-Identifier: Apache-2.0
//
// Keys on a terminal: a function for each, and Ctrl-C and Ctrl-D, which always end.

import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { Screen } from "../../../host/node/commands/screen.ts";
import type { Input, Output } from "../../../host/node/commands/io.ts";

test("a key calls its function, until the screen is closed", async () => {
  const raw: boolean[] = [];
  const stdin: Input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (on: boolean) => void raw.push(on) });
  const stdout: Output = { isTTY: true, write: (_, done) => (done?.(), true) };
  const pressed: string[] = [];
  const screen = new Screen(
    { argv: [], stdin, stdout, stderr: stdout, env: {} },
    { q: () => pressed.push("q"), p: () => pressed.push("p") },
  );
  for (const keys of ["p", "x", "qp", "\x03", "\x04", "\x1b[A"]) stdin.emit("data", Buffer.from(keys));
  assert.deepEqual(pressed, ["p", "q", "p", "q", "q"]);
  screen.close();
  stdin.emit("data", Buffer.from("p"));
  assert.deepEqual([pressed.length, raw], [5, [true, false]]);
});
