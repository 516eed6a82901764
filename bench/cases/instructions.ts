// SPDX-License-Identifier: Apache-2.0
//
// Instructions per event and per pair, counted by callgrind: equal in every run, independent of other load. The driver's own share
// (an empty call, the bare allocator) is subtracted.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { figure, type Figure } from "../figure.ts";
import { commandOf, output, type Run } from "../native.ts";

const TURNS = 1000;
/** A turn of an event figure is a transaction of this many events (bench/native/support.h). */
const TRANSACTION_EVENTS = 8;

export interface Instructions {
  /** For an event: thread-local counter, hand-written table, built-in tracker, memtrack. */
  counter: number;
  byHand: number;
  builtin: number;
  event: number;
  /** For an event, with 4000 sites used in turn. */
  byHandManySites: number;
  eventManySites: number;
  /** For an OpenSSL pair and realloc: memtrack's cost beyond the bare allocator, and the allocator's. */
  pair: number;
  pairBare: number;
  realloc: number;
  reallocBare: number;
  /** For TSmalloc and TSfree, for operator new and delete, and for a release by the server of memory that no plugin allocated. */
  tsapi: number;
  heap: number;
  foreign: number;
  /** For malloc and free of the server with `heap` 2. */
  serverHeap: number;
}

export async function countInstructions(): Promise<Instructions> {
  const folder = mkdtempSync(join(tmpdir(), "memtrack-bench-"));
  try {
    const valgrind = ["valgrind", "--quiet", "--tool=callgrind", `--callgrind-out-file=${join(folder, "counts")}`];
    await output([...valgrind, ...commandOf("count", { turns: TURNS })]);
    const totals = new Map<string, number>();
    for (const name of readdirSync(folder)) {
      const text = readFileSync(join(folder, name), "utf8");
      const [, label] = /^desc: Trigger: Client Request: (.+)$/m.exec(text) ?? [];
      const [, total] = /^summary: (\d+)$/m.exec(text) ?? [];
      if (label) totals.set(label, Number(total));
    }
    const turn = (name: string) => {
      const [once, twice] = [totals.get(`${name} 1`), totals.get(`${name} 2`)];
      if (once === undefined || twice === undefined) throw new Error(`callgrind says nothing of ${name}`);
      return (twice - once) / TURNS;
    };
    const event = (name: string, sites = "event") => (turn(`${sites}-${name}`) - turn(`${sites}-nothing`)) / TRANSACTION_EVENTS;
    return {
      counter: event("counter"),
      byHand: event("by-hand"),
      builtin: event("builtin"),
      event: event("ours"),
      byHandManySites: event("by-hand", "many"),
      eventManySites: event("ours", "many"),
      pair: turn("pair-ours") - turn("pair-bare"),
      pairBare: turn("pair-bare"),
      realloc: turn("realloc-ours") - turn("realloc-bare"),
      reallocBare: turn("realloc-bare"),
      tsapi: turn("api-ours") - turn("pair-bare"),
      heap: turn("heap-ours") - turn("pair-bare"),
      foreign: turn("foreign-ours") - turn("pair-bare"),
      serverHeap: turn("server-ours") - turn("pair-bare"),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export async function instructions({ progress }: Run): Promise<Figure[]> {
  progress("instructions: callgrind");
  const counted = await countInstructions();
  const of = (name: string, what: string, count: number) => figure({ group: "instr", name, what, unit: "instructions" }, [count]);
  return [
    of("event", "counter", counted.counter),
    of("event", "by hand", counted.byHand),
    of("event", "ours", counted.event),
    of("event", "built-in", counted.builtin),
    of("event, 4000 sites", "by hand", counted.byHandManySites),
    of("event, 4000 sites", "ours", counted.eventManySites),
    of("OpenSSL pair", "bare", counted.pairBare),
    of("OpenSSL pair", "ours - bare", counted.pair),
    of("OpenSSL realloc", "bare", counted.reallocBare),
    of("OpenSSL realloc", "ours - bare", counted.realloc),
    of("TSmalloc pair", "ours - bare", counted.tsapi),
    of("operator new pair", "ours - bare", counted.heap),
    of("the server's own pair", "ours - bare", counted.foreign),
    of("the server's own pair, heap 2", "ours - bare", counted.serverHeap),
  ];
}
