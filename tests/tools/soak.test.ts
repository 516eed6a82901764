// SPDX-License-Identifier: Apache-2.0
//
// The parts of the soak that need no server: the plan depends on nothing but its seed, and what is wrong at a quiet point is found.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Dump } from "../../harness/dump.ts";
import {
  differences,
  flatness,
  idleInFreelists,
  leftovers,
  parseLedger,
  requestFaults,
  restFaults,
  since,
  type Held,
  type Quiet,
} from "../soak/judge.ts";
import { CLIENTS, ROUND_MS, roundOf } from "../soak/plan.ts";

const rounds = (seed: number) => Array.from({ length: 13 }, (_, number) => roundOf(seed, number));

describe("the plan of a soak", () => {
  test("is the same for a seed, and another for another seed", () => {
    assert.deepEqual(rounds(7), rounds(7));
    assert.notDeepEqual(rounds(7), rounds(8));
  });

  test("has every kind of act, in order of time", () => {
    const acts = rounds(7).flatMap(({ actions }) => actions);
    for (const how of CLIENTS)
      assert.ok(
        acts.some((act) => act.kind === "client" && act.how === how),
        how,
      );
    for (const kind of ["reload", "record", "message", "signal", "rotation"])
      assert.ok(
        acts.some((act) => act.kind === kind),
        kind,
      );
    for (const { actions } of rounds(7)) {
      const times = actions.map(({ atMs }) => atMs);
      assert.deepEqual(
        times,
        times.toSorted((a, b) => a - b),
      );
      assert.ok(times.every((atMs) => atMs >= 0 && atMs < ROUND_MS));
    }
  });

  test("switches only what the round says that it interrupts", () => {
    let [levels, heaps] = [0, 0];
    for (const { interrupts, actions } of rounds(7)) {
      const level = actions.filter(
        (act) => (act.kind === "record" && act.what === "level") || (act.kind === "message" && /^arm [012]$/.test(act.text)),
      );
      const heap = actions.filter((act) => act.kind === "record" && act.what === "heap");
      if (!interrupts.level) assert.deepEqual(level, []);
      if (!interrupts.heap) assert.deepEqual(heap, []);
      levels += level.length;
      heaps += heap.length;
    }
    assert.ok(levels > 0 && heaps > 0);
  });
});

const ALL = { level: true, openssl: true, heap: true };
const TRUTH = "soak_ledger 1\ntsapi 10 5 3 200\nheap 20 7 7 0\nTSCont 30 2 1 0\niobuffer 40 4 3 2048\nuntracked 50 9 9 0\n";

describe("the plugin's own counts", () => {
  test("agree with the same rows, and with those of an earlier start less that start", () => {
    const truth = parseLedger(TRUTH);
    assert.deepEqual(differences(truth, truth, ALL), { compared: 4, faults: [] });
    const before = parseLedger("soak_ledger 0\ntsapi 10 4 3 100\n");
    assert.deepEqual(since(before, truth).get("tsapi 10"), { allocs: 1, frees: 0, bytes: 100 });
  });

  for (const [what, row] of Object.entries({
    allocation: "tsapi 10 4 3 200",
    release: "tsapi 10 5 2 200",
    byte: "tsapi 10 5 3 201",
    object: "TSCont 30 2 2 0",
  })) {
    test(`show that one ${what} was not counted`, () => {
      const truth = parseLedger(TRUTH);
      const rows = new Map([...truth, ...parseLedger(`soak_ledger 1\n${row}\n`)]);
      const { faults } = differences(truth, rows, ALL);
      assert.equal(faults.length, 1);
      assert.match(faults[0]!, new RegExp(row.split(" ").slice(0, 2).join(" ")));
    });
  }

  test("are not compared where tracking was interrupted", () => {
    const truth = parseLedger(TRUTH);
    const compared = (interrupted: Partial<typeof ALL>) => differences(truth, new Map(), { ...ALL, ...interrupted });
    assert.deepEqual(compared({ level: false }), { compared: 0, faults: [] });
    assert.equal(compared({ heap: false }).compared, 3);
  });

  test("show what is left after everything was released", () => {
    const truth = parseLedger(TRUTH);
    assert.equal(leftovers(truth, truth, ALL).length, 3);
    const empty = parseLedger("soak_ledger 2\ntsapi 10 5 5 0\nheap 20 7 7 0\n");
    assert.deepEqual(leftovers(truth, empty, ALL), []);
  });
});

describe("a row at rest", () => {
  const first: Held = new Map([
    ["openssl a.c:1", [2, 100]],
    ["openssl memory/OpenSSL/crypto/err/err.c:1", [1, 10]],
  ]);

  test("is as it was at first", () => assert.deepEqual(restFaults(first, new Map(first), true), []));

  for (const [what, row] of Object.entries<[string, [number, number]]>({
    "one more block": ["openssl a.c:1", [3, 100]],
    "one more byte": ["openssl a.c:1", [2, 101]],
    "a new row": ["openssl b.c:1", [1, 1]],
  })) {
    test(`must not have ${what}, tracking interrupted or not`, () => {
      for (const unbroken of [true, false]) assert.equal(restFaults(first, new Map([...first, row]), unbroken).length, 1);
    });
  }

  test("may have less only where tracking was interrupted", () => {
    const less: Held = new Map([...first, ["openssl a.c:1", [1, 50]]]);
    assert.equal(restFaults(first, less, true).length, 1);
    assert.deepEqual(restFaults(first, less, false), []);
  });

  test("of what OpenSSL keeps of a thread may grow a little", () => {
    const row = "openssl memory/OpenSSL/crypto/err/err.c:1";
    assert.deepEqual(restFaults(first, new Map([...first, [row, [9, 90]]]), true), []);
    assert.equal(restFaults(first, new Map([...first, [row, [1000, 90]]]), true).length, 1);
  });
});

describe("requests", () => {
  const good = { sent: 10, answered: 7, failed: 0, aborted: 3 };
  test("all have an end", () => assert.deepEqual(requestFaults(good), []));
  test("a lost one is found", () => assert.match(requestFaults({ ...good, answered: 6 }).join(), /1 of 10 requests have no end/));
  test("a failed one is found", () =>
    assert.match(requestFaults({ ...good, answered: 6, failed: 1 }).join(), /1 of 10 .*not answered/));
});

describe("what the process uses", () => {
  const points = (grow: Partial<Quiet>): Quiet[] =>
    Array.from({ length: 20 }, (_, i) => ({
      reset: 0,
      atMs: i * 30_000,
      descriptors: 100 + (i % 3) + (grow.descriptors ?? 0) * i,
      sockets: 40 + (i % 7) + (grow.sockets ?? 0) * i,
      maps: 500 + (i % 5) + (grow.maps ?? 0) * i,
      threads: 20 + (grow.threads ?? 0) * i,
      resident: 150e6 + (i % 2) * 1e6 + (grow.resident ?? 0) * i,
      memory: 30e6 + (grow.memory ?? 0) * i,
    }));
  const growing = (grow: Partial<Quiet>) => flatness(points(grow)).flatMap(({ what, flat }) => (flat === false ? [what] : []));

  test("is flat if it only varies", () => assert.deepEqual(growing({}), []));

  for (const [what, each] of Object.entries({ descriptors: 1, sockets: 3, maps: 10, threads: 1, resident: 4e6, memory: 1e6 })) {
    test(`a leak of ${what} is found`, () => assert.deepEqual(growing({ [what]: each }), [what]));
  }

  test("the slope is that of the points", () => {
    const [descriptors] = flatness(points({ descriptors: 1 }));
    assert.ok(Math.abs(descriptors!.perHour - 120) < 5, `${descriptors!.perHour} an hour`);
  });
});

test("what the server's freelists keep is read from the reconciliation", () => {
  const text = `
Reconciliation: the parts of resident memory
Bytes                | Share % | What
---------------------|---------|------------------------------
           564113408 |     100 | resident (RSS)
           466302992 |      83 | idle in the server's freelists
`;
  assert.equal(idleInFreelists({ text } as Dump), 466_302_992);
  assert.throws(() => idleInFreelists({ text: "" } as Dump), /does not say/);
});
