// SPDX-License-Identifier: Apache-2.0
//
// Cost of an IOBuffer event by threads and sites, compared with the built-in tracker, a thread-local counter and the hand-written
// table.

import { figure, paired, type Figure } from "../figure.ts";
import { orderOf, Rounds, run, type Run } from "../native.ts";

const THREADS = [1, 2, 4, 8, 16];
// The last exceeds the capacity: the rest is charged to (other).
const SITES = [1, 16, 256, 4096, 5000];
const CAPACITY = 4096;
/** Number of sites in a server with a few plugins. */
const USUAL_SITES = 16;

const VARIANTS = { e: "empty call", c: "counter", h: "by hand", o: "ours", b: "built-in" };

export async function events({ quick, rounds, progress }: Run): Promise<Figure[]> {
  const measured = new Rounds();
  for (let round = 0; round < rounds; ++round) {
    progress(`events: round ${round + 1} of ${rounds}`);
    for (const sites of SITES) {
      for (const threads of THREADS) {
        const order = orderOf(Object.keys(VARIANTS), round).join("");
        const lines = await run("events", { threads, sites, capacity: CAPACITY, ms: quick ? 4 : 8, order });
        for (const [variant = "", ns] of lines) measured.add(key(variant, threads, sites), ns);
      }
    }
  }
  return THREADS.flatMap((threads) => [
    ...SITES.flatMap((sites) => figuresOf(measured, threads, sites)),
    growth(measured, threads),
  ]);
}

function key(variant: string, threads: number, sites: number): string {
  return `${variant} ${threads} ${sites}`;
}

function figuresOf(measured: Rounds, threads: number, sites: number): Figure[] {
  const of = (variant: keyof typeof VARIANTS) => measured.of(key(variant, threads, sites));
  const name = `${plural(threads, "thread")}, ${plural(sites, "site")}`;
  const about = { group: "events", name, unit: "x" };
  const builtin = threads === 1 ? ("builtinAlone" as const) : ("builtin" as const);
  // With more sites only the counter stays in the first-level cache, so it is no basis for comparison.
  const counter = sites <= USUAL_SITES ? ("counter" as const) : undefined;
  const costs = Object.entries(VARIANTS).map(([variant, what]) =>
    figure({ ...about, what, unit: "ns" }, of(variant as keyof typeof VARIANTS)),
  );
  return [
    ...costs,
    paired({ ...about, what: "built-in / ours", budget: builtin }, of("b"), of("o")),
    paired({ ...about, what: "ours / counter", budget: counter }, of("o"), of("c")),
    paired({ ...about, what: "ours / by hand", budget: "byHand" }, of("o"), of("h")),
  ];
}

function growth(measured: Rounds, threads: number): Figure {
  const name = plural(threads, "thread");
  const about = { group: "events", name, what: "4096 sites / 16 sites", unit: "x", budget: "sites" as const };
  return paired(about, measured.of(key("o", threads, 4096)), measured.of(key("o", threads, USUAL_SITES)));
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
