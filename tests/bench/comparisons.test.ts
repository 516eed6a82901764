// SPDX-License-Identifier: Apache-2.0
//
// A comparison that cannot be made costs no other one its figures, and what is measured is told at once.

import assert from "node:assert/strict";
import { test } from "node:test";
import { measure, type LeftOut, type Measured } from "../../bench/comparisons.ts";
import { figure, type Figure } from "../../bench/figure.ts";
import { output } from "../../bench/native.ts";

const RUN = { quick: true, rounds: 1, progress: () => {} };
const made = (name: string): Figure => figure({ group: "events", name, what: "ours", unit: "ns" }, [1]);
const namesOf = ({ figures }: Measured): string[] => figures.map(({ name }) => name);

test("the others go on, in their order, and each is told when it is done", async () => {
  const told: { all: string[]; own: string[]; leftOut: LeftOut[] }[] = [];
  const { figures, leftOut } = await measure(
    {
      first: async () => [made("first")],
      second: () => Promise.reject(new Error("wrk is not installed, or not on the PATH")),
      third: async ({ leaveOut }) => {
        leaveOut("heaptrack", "it is not installed");
        return [made("third"), made("third again")];
      },
      unwanted: () => Promise.reject(new Error("it was not asked for")),
    },
    ["first", "second", "third"],
    RUN,
    (all, own) => told.push({ all: namesOf(all), own: namesOf(own), leftOut: own.leftOut }),
  );
  const [second, third] = [
    { what: "second", reason: "wrk is not installed, or not on the PATH" },
    { what: "third: heaptrack", reason: "it is not installed" },
  ];
  assert.deepEqual(told, [
    { all: ["first"], own: ["first"], leftOut: [] },
    { all: ["first"], own: [], leftOut: [second] },
    { all: ["first", "third", "third again"], own: ["third", "third again"], leftOut: [third] },
  ]);
  assert.equal(figures.length, 3);
  assert.deepEqual(leftOut, [second, third]);
});

test("what cannot be told ends the run, and is no reason to leave a comparison out", async () => {
  const full = (): never => {
    throw new Error("no space left");
  };
  await assert.rejects(measure({ first: async () => [made("first")] }, ["first"], RUN, full), /no space left/);
});

test("a program that is missing is named", async () => {
  await assert.rejects(output(["no-such-program", "--version"]), {
    message: "no-such-program is not installed, or not on the PATH",
  });
});
