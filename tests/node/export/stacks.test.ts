// SPDX-License-Identifier: Apache-2.0
//
// Call stacks in the command's output for other programs: a function that is inlined into its caller is in the same location of a profile,
// and a frame of its own in a flame graph.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { Profile } from "pprof-format";
import { handmadeSearched } from "../../../harness/handmade.ts";
import { memtrack } from "../../support/command.ts";

test("memtrack pprof has a location for each call, with a line for each of its functions, the innermost first", async () => {
  const { code, bytes, err } = await memtrack(["pprof", "-", "--owner", "leaky.so", "-o", "-"], { stdin: handmadeSearched() });
  assert.deepEqual([code, err], [0, ""]);
  const { sample, location, function: functions, stringTable } = Profile.decode(gunzipSync(bytes));
  const linesOf = (id: number | bigint): string[] =>
    location
      .find((each) => each.id === id)!
      .line.map(({ functionId, line }) => {
        const { name, filename } = functions.find((each) => each.id === functionId)!;
        return `${stringTable.strings[Number(name)]} ${stringTable.strings[Number(filename)]}:${line}`;
      });
  const stacks = sample.map(({ locationId }) => locationId.slice(0, -2).map(linesOf));
  assert.deepEqual(stacks, [
    [["leaky.so lose leaky.c:17", "leaky.so wrapper leaky.c:30"], ["leaky.so handler leaky.c:44"]],
    [["leaky.so lose leaky.c:17"]], // what no stack stands for
  ]);
});

test("memtrack folded has a frame for each function", async () => {
  const { out } = await memtrack(["folded", "--owner", "leaky.so", "-"], { stdin: handmadeSearched() });
  assert.match(
    out,
    /^leaky\.so;tsapi;leaky\.so handler \(leaky\.c:44\);leaky\.so wrapper \(leaky\.c:30\);memory\/plugin\/leaky\.so lose \(leaky\.c:17\) \d+$/m,
  );
  assert.doesNotMatch(out, /\[inlined\]/);
});
