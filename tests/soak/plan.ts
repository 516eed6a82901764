// SPDX-License-Identifier: Apache-2.0
//
// The plan of a soak: rounds of actions at random times, each from the seed and the round's number alone, so that a seed repeats a run.

import { randomFrom } from "../support/random.ts";

export const ROUND_MS = 20_000;

/** What a round may interrupt: while tracking of a class is off, its rows lack what happens. */
export interface Interrupts {
  level: boolean;
  heap: boolean;
}

export const CLIENTS = [
  "handshakes",
  "h2",
  "plain",
  "requests",
  "post",
  "large",
  "slow",
  "idle",
  "connections",
  "abort-request",
  "abort-response",
  "abort-handshake",
  "abort-h2",
] as const;
export type ClientKind = (typeof CLIENTS)[number];

/** Records that a round sets, with their values. */
export const RECORDS = {
  level: { name: "proxy.config.res_track_memory", values: [0, 1, 2] },
  heap: { name: "proxy.config.plugin.memtrack.heap", values: [0, 1] },
  verify: { name: "proxy.config.plugin.memtrack.verify", values: [0, 1] },
  sampling: { name: "proxy.config.plugin.memtrack.sample_interval", values: [0, 1, 2, 10] },
  output: { name: "proxy.config.plugin.memtrack.output", values: ["NULL", "memtrack.out", "other.out"] },
} as const;
export type RecordKind = keyof typeof RECORDS;

export type Act =
  | { kind: "client"; how: ClientKind; size: number }
  | { kind: "reload"; by: "request" | "manager"; touched: boolean }
  | { kind: "record"; what: RecordKind; value: number | string }
  | { kind: "message"; text: string }
  | { kind: "signal"; count: number }
  | { kind: "rotation"; of: "traffic.out" | "output"; how: "rename" | "copy" };

/** An act, and the time in the round before which it does not begin. */
export type Action = Act & { atMs: number };

export interface Round {
  number: number;
  interrupts: Interrupts;
  actions: Action[];
}

/** In a cycle, so that rows are compared over several rounds as well as after each interruption. */
const INTERRUPTS: Interrupts[] = [
  { level: false, heap: false },
  { level: true, heap: true },
  { level: false, heap: true },
  { level: false, heap: false },
  { level: false, heap: true },
  { level: true, heap: false },
];

/** How often each client is drawn: handshakes are many. */
const DRAWN: ClientKind[] = [...CLIENTS, ...Array<ClientKind>(6).fill("handshakes"), "h2", "plain"];

/** Mean time between two clients, and between two other acts. */
const CLIENT_GAP_MS = 60;
const CONTROL_GAP_MS = 450;

const WARMING_RELOADS = 20;

/** Messages that are answered, and such that are not understood. */
const MESSAGES = ["mark", "mark one", "diff", "diff one", "dump", "dump", "reset", "status", "help"];
export const NONSENSE = ["", "dum", "arm", "arm 7", "diff nothing-of-that-name", "x".repeat(2000), "mark \u0001|\"'", "arm 2 2"];

/** How often each control is drawn. */
const CONTROLS = ["reload", "reload", "reload", "level", "level", "heap", "verify", "sampling", "output"] as const;
const EVENTS = ["message", "message", "message", "nonsense", "signal", "signals", "rotation"] as const;

/** Round 0 warms up: every kind of client, reloads, and nothing is switched. */
export function roundOf(seed: number, number: number): Round {
  const below = randomFrom((seed ^ Math.imul(number + 1, 0x9e3779b1)) >>> 0);
  const interrupts = number === 0 ? { level: false, heap: false } : INTERRUPTS[(number - 1) % INTERRUPTS.length]!;
  const one = <T>(of: readonly T[]): T => of[below(of.length)]!;
  const actions: Action[] = [];
  const fill = (gapMs: number, next: () => Act | undefined) => {
    for (let atMs = below(2 * gapMs); atMs < ROUND_MS; atMs += below(2 * gapMs)) {
      const act = next();
      if (act) actions.push({ ...act, atMs });
    }
  };
  if (number === 0) {
    for (const how of CLIENTS) actions.push({ kind: "client", how, size: 50, atMs: 0 });
    // On each task thread, which then has what OpenSSL keeps of a thread.
    for (let i = 0; i < WARMING_RELOADS; ++i) actions.push({ kind: "reload", by: "request", touched: true, atMs: 500 * i });
  }
  fill(CLIENT_GAP_MS, () => ({ kind: "client", how: one(DRAWN), size: 1 + below(100) }));
  if (number > 0) fill(CONTROL_GAP_MS, () => control(one, below, interrupts));
  return { number, interrupts, actions: actions.sort((a, b) => a.atMs - b.atMs) };
}

function control(
  one: <T>(of: readonly T[]) => T,
  below: (n: number) => number,
  interrupts: Interrupts,
): Exclude<Act, { kind: "client" }> | undefined {
  const record = (what: RecordKind): Act => ({ kind: "record", what, value: one<number | string>(RECORDS[what].values) });
  const drawn = one([...CONTROLS, ...EVENTS]);
  switch (drawn) {
    case "reload":
      return { kind: "reload", by: below(8) ? "request" : "manager", touched: below(4) > 0 };
    case "level":
      // By message mostly: a record takes a while.
      if (!interrupts.level) return undefined;
      return below(3) ? { kind: "message", text: `arm ${below(3)}` } : (record("level") as Exclude<Act, { kind: "client" }>);
    case "heap":
      return interrupts.heap ? (record("heap") as Exclude<Act, { kind: "client" }>) : undefined;
    case "verify":
    case "sampling":
    case "output":
      return record(drawn) as Exclude<Act, { kind: "client" }>;
    case "message":
      return { kind: "message", text: one(MESSAGES) };
    case "nonsense":
      return { kind: "message", text: one(NONSENSE) };
    case "signal":
    case "signals":
      return { kind: "signal", count: drawn === "signal" ? 1 : 20 };
    case "rotation":
      return { kind: "rotation", of: one(["traffic.out", "output"]), how: one(["rename", "copy"]) };
  }
}
