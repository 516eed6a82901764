// SPDX-License-Identifier: Apache-2.0
//
// Random events of 16 threads through the hooks, in verify mode, with the real built-in tracker: no row differs, and each row is what
// the threads counted themselves (bench/native/agree.c). MEMTRACK_AGREE_EVENTS=n makes n events instead of 400,000.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { buildNative, commandOf, output } from "../../bench/native.ts";
import { parseDumps, type Dump } from "../../harness/dump.ts";
import { assertSound } from "../support/corpus.ts";
import { SEED } from "../support/random.ts";

const EVENTS = Number(process.env.MEMTRACK_AGREE_EVENTS ?? 400_000);

interface Sum {
  allocs: number;
  frees: number;
  inUse: number;
}

/** What the threads counted, by class and location ("-": all of the class), of the lines of a text. */
function truthsOf(text: string): Map<string, Sum> {
  const lines = text.matchAll(/^truth (\w+ \S+) (\d+) (\d+) (-?\d+)$/gm);
  return new Map([...lines].map(([, key, ...numbers]) => [key!, sum(...(numbers.map(Number) as [number, number, number]))]));
}

function sum(allocs: number, frees: number, inUse: number): Sum {
  return { allocs, frees, inUse };
}

/** The same of a dump. */
function rowsOf(dump: Dump): Map<string, Sum> {
  const rows = new Map(dump.iobuffer.rows.map((row) => [`iobuffer ${row.location}`, sum(row.allocs, row.frees, row.inUse)]));
  for (const name of ["tsapi", "heap"] as const) {
    const total = sum(0, 0, dump[name].total);
    for (const row of dump[name].rows) {
      total.allocs += row.allocs;
      total.frees += row.frees;
    }
    rows.set(`${name} -`, total);
  }
  return rows;
}

describe("16 threads in verify mode", () => {
  before(() => buildNative());

  for (const sites of [3, 2000]) {
    test(`${EVENTS} events of ${sites} locations (seed ${SEED}): no dump has a row that differs`, async (context) => {
      const text = await output(commandOf("agree", { threads: 16, events: EVENTS, sites, seed: SEED }));
      const dumps = parseDumps(text);
      assert.equal(dumps.length, 20, "one under load and one at rest of each tenth");
      for (const dump of dumps) {
        assertSound(dump);
        assert.equal(dump.verify?.differing, 0, dump.text);
      }
      let compared = 0;
      for (const [index, between] of text.split(/^memtrack end .*$/m).entries()) {
        const truths = truthsOf(between);
        if (!truths.size) continue;
        const rows = rowsOf(dumps[index]!);
        const wrong = [...truths].filter(([key, { allocs }]) => allocs > 0 && !isDeepStrictEqual(rows.get(key), truths.get(key)));
        assert.deepEqual(
          wrong.map(([key, truth]) => [key, truth, rows.get(key)]),
          [],
          "rows that are not what the threads counted",
        );
        assert.equal(rows.size, [...truths.values()].filter(({ allocs }) => allocs > 0).length);
        ++compared;
      }
      assert.equal(compared, 10);
      const [, made, seconds] = /^agree (\d+) ([\d.]+)$/m.exec(text)!;
      assert.ok(Number(made) > 0.99 * EVENTS);
      context.diagnostic(`${made} events in ${seconds} s`);
    });
  }
});
