// SPDX-License-Identifier: Apache-2.0
//
// What the search for references found, in a report: sentences for people, and the same for programs.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BLIND, handmadeSearched, HELD, LOST } from "../../../harness/handmade.ts";
import { memtrack } from "../../support/command.ts";

interface Row {
  location: string;
  verdict?: string;
  proof?: Record<string, unknown>;
  stacks?: { calls: string[]; share?: number; whole: boolean }[];
}

async function report(...argv: string[]): Promise<string> {
  const { code, out, err } = await memtrack(["report", ...argv, "-"], { stdin: handmadeSearched() });
  assert.deepEqual([code, err], [0, ""]);
  return out;
}

describe("the search for references in a report", () => {
  test("is a sentence for each row, the lost ones first, with the holder of a held one", async () => {
    const out = await report("--width", "120");
    assert.match(
      out,
      new RegExp(
        [
          "\nSearched for references \\(the last pass ended 1 s before the dump\\)\n",
          "  lost      leaky\\.so lose \\(leaky\\.c:17\\), TSmalloc: at least 2,750 of 3,154 blocks lost; of 64 watched 61 lost, 3 held,\n",
          "            after 25 passes\n",
          "  held      foo\\.so insert \\(foo\\.c:120\\), TSmalloc: of 64 watched 60 held, 4 unsure, after 25 passes\n",
          "            held by foo\\.so insert \\(foo\\.c:120\\) <- foo\\.so table \\(\\.bss\\) \\(83 % of what is held\\)\n",
          "  blind     xor\\.so link \\(xor\\.c:9\\), TSmalloc: a block that seemed lost was in use: its references are hidden, after 25\n",
          "            passes\n",
        ].join(""),
      ),
    );
    assert.match(out, /^Suspects: none; 1 site accepted$/m);
    assert.match(out, /accepted +lost +TSmalloc +leaky\.so lose \(leaky\.c:17\)$/m);
  });

  test("is narrowed with the rows", async () => {
    const out = await report("--owner", "foo.so");
    assert.match(out, /\nSearched for references \(the last pass ended 7 s before the dump\)\n {2}held {6}foo\.so insert/);
    assert.doesNotMatch(out, /leaky\.so|xor\.so/);
  });

  test("is in the JSON, in the row", async () => {
    const { sites } = JSON.parse(await report("--json")) as { sites: Row[] };
    const of = (location: string) => sites.find((row) => row.location === location)!;
    assert.deepEqual(of(LOST).proof, {
      ...{ proof: "lost", watched: 64, lost: 61, probably: 0, held: 3, unsure: 0, passes: 25, ago: 1, blocks: 3154, atLeast: 2750 },
    });
    assert.equal(of(LOST).verdict, "accepted");
    assert.equal(of(HELD).proof!.holder, "held by foo.so insert (foo.c:120) <- foo.so table (.bss)");
    assert.equal(of(HELD).proof!.share, 83);
    assert.equal(of(BLIND).proof!.proof, "blind");
    const [stack] = of(LOST).stacks!;
    assert.deepEqual(stack!.calls, [
      "leaky.so lose (leaky.c:17) [inlined]",
      "leaky.so wrapper (leaky.c:30)",
      "leaky.so handler (leaky.c:44)",
    ]);
    assert.deepEqual([stack!.share, stack!.whole], [0.83, false]);
    assert.equal(of(HELD).stacks, undefined);
  });

  test("has the calls that led to a suspect", async () => {
    const { out } = await memtrack(["report", "--width", "120", "-"], { stdin: handmadeSearched("leak") });
    assert.match(
      out,
      new RegExp(
        [
          "\n  leak  leaky\\.so lose \\(leaky\\.c:17\\), TSmalloc: \\+97\\.6 KiB/h for 600 s, at least 2,750 of 3,154 blocks lost\n",
          "        called by leaky\\.so wrapper \\(leaky\\.c:30\\) < leaky\\.so handler \\(leaky\\.c:44\\) \\(83 % of what is alive\\)\n",
        ].join(""),
      ),
    );
  });

  test("is not there if nothing was searched", async () => {
    const { out } = await memtrack(["report", "-"], { stdin: handmadeSearched().replace(/^Search:[^]*(?=^memtrack end)/m, "") });
    assert.doesNotMatch(out, /Searched/);
  });
});
