// SPDX-License-Identifier: Apache-2.0
//
// A figure: a measured quantity, its median and spread over the rounds, and its budget.

import { medianInterval, summarise, type Summary } from "./statistics.ts";

/** The budgets. A figure that names one is compared with it. */
export const BUDGETS = {
  builtinAlone: { text: "IOBuffer event against the built-in, 1 thread", atLeast: 3, unit: "x" },
  builtin: { text: "IOBuffer event against the built-in, 2 threads and more", atLeast: 25, unit: "x" },
  counter: { text: "IOBuffer event against a thread-local counter", atMost: 3, unit: "x" },
  byHand: { text: "IOBuffer event against the same table written by hand in C", atMost: 1.3, unit: "x" },
  pair: { text: "OpenSSL pair over the bare allocator", atMost: 20, unit: "ns" },
  sites: { text: "IOBuffer event at 4096 sites against 16", atMost: 2, unit: "x" },
  // The cost must not depend on live memory: at most a tenth more over four powers of ten.
  live: { text: "cost with 10^7 live objects against 10^3", atMost: 1.1, unit: "x" },
  dump: { text: "dump of 4096 sites x 64 shards", atMost: 20, unit: "ms" },
  stop: { text: "gaps over 50 µs of an event thread, while dumps are made against while not", same: true, unit: "x" },
  memory: { text: "memory per thread at the default capacity", atMost: 256, unit: "KiB" },
  server: { text: "CPU per request at level 1 and 2 against no plugin", atMost: 1.01, unit: "x" },
  share: { text: "share of the network threads' time, five plugins", atMost: 1, unit: "%" },
  // 3 GB/s where memcpy has 30, as on the machine of the experiments.
  search: { text: "search for references, end to end, against memcpy", atMost: 6, unit: "x" },
  searching: { text: "CPU per request while memory is searched, against not", atMost: 1.01, unit: "x" },
  mapping: { text: "p99.9 of another thread's mmap while memory is searched, against not", atMost: 2, unit: "x" },
  commandRate: { text: "memtrack report of a 1 GB traffic.out", atLeast: 100, unit: "MB/s" },
  commandMemory: { text: "its memory", atMost: 300, unit: "MB" },
  disarmed: { text: "CPU per request disarmed against no plugin", same: true, unit: "x" },
} satisfies Record<string, Budget>;

/** A limit; `same`: the rounds must not show a value above 1. */
export type Budget = { text: string; unit: string } & ({ atLeast: number } | { atMost: number } | { same: true });

export interface Figure extends Summary {
  group: string;
  /** Conditions of the measurement: "2 threads, 16 sites". */
  name: string;
  /** Quantity measured under these conditions: "ours", "built-in / ours". */
  what: string;
  unit: string;
  budget?: keyof typeof BUDGETS;
  verdict?: "ok" | "over";
}

interface About {
  group: string;
  name: string;
  what: string;
  unit: string;
  budget?: keyof typeof BUDGETS | undefined;
}

/** A figure with one value per round. */
export function figure(about: About, values: number[]): Figure {
  const { budget, ...rest } = about;
  const summary = summarise(values);
  if (!budget) return { ...rest, ...summary };
  return { ...rest, ...summary, budget, verdict: isWithin(BUDGETS[budget], values, summary) ? "ok" : "over" };
}

/** A figure derived from two others round by round: a disturbance in a round affects both. */
export function paired(about: About, a: number[], b: number[], combine = (x: number, y: number) => x / y): Figure {
  return figure(
    about,
    a.map((value, round) => combine(value, b[round]!)),
  );
}

function isWithin(budget: Budget, values: number[], { median }: Summary): boolean {
  if ("same" in budget) return medianInterval(values)[0] <= 1;
  return "atMost" in budget ? median <= budget.atMost : median >= budget.atLeast;
}

export function limitText(budget: Budget): string {
  if ("same" in budget) return "no difference shown";
  const [word, limit] = "atMost" in budget ? ["at most", budget.atMost] : ["at least", budget.atLeast];
  return `${word} ${limit}${unitText(budget.unit)}`;
}

/** A figure as a line of text. */
export function lineOf(figure: Figure): string {
  const { group, name, what, unit, median, low, high, budget, verdict } = figure;
  const value = `${number(median)}${unitText(unit)}`.padStart(14);
  const spread = `(${number(low)} .. ${number(high)})`.padEnd(20);
  const judged = budget ? `  ${limitText(BUDGETS[budget])}: ${verdict}` : "";
  return `${group.padEnd(8)} ${name.padEnd(32)} ${what.padEnd(31)} ${value}  ${spread}${judged}`.trimEnd();
}

/** Three significant digits, without an exponent. */
export function number(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 && size < 2 ? 3 : 2);
}

function unitText(unit: string): string {
  return unit === "x" ? " x" : unit ? ` ${unit}` : "";
}
