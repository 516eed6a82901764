// SPDX-License-Identifier: Apache-2.0
//
// What is kept of many dumps: a limited number of evenly spaced points, the complete first and last dump, and the number of dumps of the
// last few runs.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { handmadeDump } from "../../../harness/handmade.ts";
import { Runs } from "../../../host/node/read/history.ts";
import { Parser } from "../../../host/node/read/parse.ts";
import { Sites } from "../../../host/node/read/sites.ts";

function readAll(dumps: Iterable<string>, run?: number): { runs: Runs; sites: Sites } {
  const sites = new Sites();
  const runs = new Runs(sites, { run });
  const parser = new Parser(sites, (dump) => runs.add(dump));
  for (const text of dumps) parser.push(Buffer.from(text));
  parser.end();
  runs.end();
  return { runs, sites };
}

const dump = (number: number, inUse = number * 8): string =>
  handmadeDump({ number, rows: [{ location: "memory/IOBuffer/x.cc:1", allocs: 9 * number, frees: number, inUse }] });

describe("points", () => {
  for (const dumps of [1, 2, 3, 1023, 1024, 1025, 1500, 5000]) {
    test(`of ${dumps} dumps are evenly spaced from the first to the last`, () => {
      const { runs } = readAll(Array.from({ length: dumps }, (_, i) => dump(i + 1)));
      const { points, first, last, seen } = runs.chosen!.data!;
      assert.equal(seen, dumps);
      assert.ok(points.length <= 1025 && points.length >= Math.min(dumps, 512));
      assert.deepEqual([points[0]!.number, points.at(-1)!.number], [1, dumps]);
      assert.deepEqual([first!.number, last!.number, last!.inUse[0]], [1, dumps, dumps * 8]);
      for (const { number, values } of points) assert.equal(values[0], number * 8);
      const steps = new Set(points.slice(1, -1).map(({ number }, index) => number - points[index]!.number));
      assert.ok(steps.size <= 1, `steps of ${[...steps].join()}`);
    });
  }

  test("do not limit the peak, which is that of all dumps", () => {
    const { runs } = readAll(Array.from({ length: 3000 }, (_, i) => dump(i + 1, i === 1234 ? 1e9 : 5)));
    assert.equal(runs.chosen!.data!.peak[0], 1e9);
  });
});

describe("runs", () => {
  const restarts = (n: number): string[] =>
    Array.from({ length: n }, (_, i) => handmadeDump({ time: 1795372076 + i * 100, armed: 5, rows: [] }));

  test("of a server that restarts again and again are all counted, and the last few have numbers", () => {
    const { runs } = readAll(restarts(1200));
    assert.equal(runs.count, 1200);
    assert.equal(runs.list.length, 1000);
    assert.equal(runs.numberOf(runs.chosen!), 1200);
    assert.equal(runs.list.filter(({ data }) => data).length, 3);
  });

  test("keep their points if selected", () => {
    const { runs } = readAll(restarts(20), 7);
    assert.equal(runs.numberOf(runs.chosen!), 7);
    assert.ok(runs.chosen!.data!.last);
  });

  const armed = (number: number, seconds: number, level = 2): string =>
    handmadeDump({ number, level, armed: seconds, rows: level ? [{ location: "a.cc:1", allocs: 9, frees: 0, inUse: 90 }] : [] });

  test("begin when counting restarts in the same process; dumps of level 0 belong to no run", () => {
    const { runs } = readAll([armed(1, 60), armed(2, 120), armed(3, 0, 0), armed(4, 10), armed(5, 70), armed(6, 3), armed(7, 63)]);
    assert.deepEqual(
      runs.list.map(({ firstNumber, lastNumber, dumps }) => [firstNumber, lastNumber, dumps]),
      [
        [1, 2, 2],
        [4, 5, 2],
        [6, 7, 2],
      ],
    );
    assert.deepEqual([runs.untracked, runs.endsUntracked], [1, false]);
    assert.equal(readAll([armed(1, 60), armed(2, 120), armed(3, 0, 0)]).runs.endsUntracked, true);
    assert.equal(readAll([armed(1, 0), armed(2, 60), armed(3, 122)]).runs.count, 1);
  });

  test("continue across a gap, where a piece of a rotated file is missing", () => {
    const { runs } = readAll([dump(1), dump(2), dump(9), dump(10)]);
    assert.deepEqual(
      runs.list.map(({ dumps, lastNumber }) => [dumps, lastNumber]),
      [[4, 10]],
    );
  });
});
