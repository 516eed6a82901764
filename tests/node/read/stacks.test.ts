// SPDX-License-Identifier: Apache-2.0
//
// The section of call stacks in a dump, and the part of a row's numbers that each stack has.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sections } from "../../../format/format.ts";
import { callsAbove, codeOfCall, isInlined, isOfFirstCall, keyOfRow, parted, stacksIn } from "../../../host/node/read/stacks.ts";

const COLUMNS = ["No", "Samples", "Allocs", "Size", "Alive %", "Share %", "Location", "Kind"];
const SITE = "memory/plugin/foo.so keep (foo.c:12)";

function section(...rows: string[][]) {
  return [{ title: sections.stacks.title, columns: COLUMNS, rows }];
}

const head = (number: string, share: string, location = SITE, kind = "heap") => [
  ...[number, "40", "2560", "256000", "100", share],
  ...[location, kind],
];
const call = (number: string, text: string) => [number, "-", "-", "-", "-", "-", `  ${text}`, "-"];

describe("the section of call stacks", () => {
  test("gives each row its stacks, with their calls and whether they are whole", () => {
    const found = stacksIn(
      section(
        head("1", "83"),
        call("1", "foo.so keep (foo.c:12)"),
        call("1", "foo.so handler (foo.c:88)"),
        head("2", "-"),
        call("2", "foo.so keep (foo.c:12)"),
        call("2", "... more calls"),
        head("3", "100", SITE, "tsapi"),
      ),
    );
    const [first, second] = found.get(`heap ${SITE}`)!;
    assert.deepEqual(first, {
      location: SITE,
      kind: "heap",
      samples: 40,
      share: 0.83,
      calls: ["foo.so keep (foo.c:12)", "foo.so handler (foo.c:88)"],
      whole: true,
    });
    assert.deepEqual([second!.share, second!.whole, second!.calls.length], [undefined, false, 1]);
    assert.deepEqual(callsAbove(first), ["foo.so handler (foo.c:88)"]);
    assert.ok(isOfFirstCall(first));
    assert.equal(keyOfRow({ class: "tsapi", kind: "", location: SITE, retired: false }), `tsapi ${SITE}`);
    assert.equal(found.get(`tsapi ${SITE}`)!.length, 1);
  });

  test("says which functions are inlined into that of the next call", () => {
    const calls = ["foo.so keep (foo.c:12) [inlined]", "foo.so make (foo.c:30) [inlined]", "foo.so handler (foo.c:88)"];
    const rows = calls.map((text) => call("1", text));
    const [own, other] = [...stacksIn(section(head("1", "83"), ...rows, head("2", "9", "memory/plugin/foo.so"), ...rows)).values()];
    assert.deepEqual(own![0]!.calls, calls);
    assert.deepEqual(calls.map(isInlined), [true, true, false]);
    assert.ok(isOfFirstCall(own![0]!) && !isOfFirstCall(other![0]!));
    assert.deepEqual(callsAbove(own![0]!), ["foo.so make (foo.c:30)", "foo.so handler (foo.c:88)"]);
    assert.deepEqual(callsAbove(other![0]!), calls.map(codeOfCall));
  });

  test("of another form gives nothing, and throws nothing", () => {
    assert.equal(stacksIn([]).size, 0);
    assert.equal(stacksIn([{ title: "Stacks: of another kind", columns: ["No"], rows: [["1"]] }]).size, 0);
    assert.equal(stacksIn(section(call("1", "foo.so keep"), [])).get("heap x"), undefined);
  });
});

test("the parts of a number are whole, and their sum is the number", () => {
  const [, stacks] = [...stacksIn(section(head("1", "67"), head("2", "33"), head("3", "-")))][0]!;
  for (const value of [0, 1, 2, 3, 100, 12_345_678]) {
    const parts = parted(stacks, value).map(([, part]) => part);
    assert.equal(
      parts.reduce((sum, part) => sum + part, 0),
      value,
    );
    assert.ok(parts.every((part) => part >= 0 && Number.isInteger(part)));
  }
  assert.deepEqual(
    parted(stacks, 100).map(([stack, part]) => [stack?.share, part]),
    [
      [0.67, 67],
      [0.33, 33],
      [undefined, 0],
      [undefined, 0],
    ],
  );
  assert.deepEqual(parted([], 7), [[undefined, 7]]);
});
