// SPDX-License-Identifier: Apache-2.0
//
// Fuzzes a target in TypeScript, in a worker (tools/fuzz/text.ts): changes inputs, and keeps those that reach a branch that no input
// reached before, or that often. The present input is in memory that the main thread sees, because it saves the input of a target that
// does not return.

import { parentPort, workerData } from "node:worker_threads";
import { randomFrom } from "../../tests/support/random.ts";
import type { Target } from "../../tests/fuzz/target.ts";
import { COUNTERS, COUNTERS_MAX } from "./instrument.ts";
import { mutated } from "./mutate.ts";

export interface Task {
  seed: number;
  /** To run until then. */
  milliseconds: number;
  /** Inputs to begin with. */
  corpus: Uint8Array[];
  /** [0]: runs begun; [1]: length of the present input. */
  state: SharedArrayBuffer;
  input: SharedArrayBuffer;
}

export type Message =
  | { kind: "new"; input: Uint8Array }
  | { kind: "failed"; input: Uint8Array; error: string }
  | { kind: "done"; runs: number; branches: number; kept: number };

const counters = new Uint8Array(COUNTERS_MAX);
(globalThis as Record<string, unknown>)[COUNTERS] = counters;

/** Which numbers of times a branch was reached, a bit for each of 0, 1, 2, 3, 4 to 7, 8 to 15, ... */
const reached = new Uint8Array(COUNTERS_MAX);

function isNew(): boolean {
  let found = false;
  for (let i = 0; i < COUNTERS_MAX; ++i) {
    const n = counters[i]!;
    if (!n) continue;
    const bit = n < 4 ? 1 << (n - 1) : 1 << Math.min(7, 1 + Math.floor(Math.log2(n)));
    if (reached[i]! & bit) continue;
    reached[i]! |= bit;
    found = true;
  }
  return found;
}

export async function fuzz(target: Target): Promise<void> {
  const { seed, milliseconds, corpus, state, input: shared } = workerData as Task;
  const random = randomFrom(seed);
  const say = (message: Message): void => parentPort!.postMessage(message);
  const counts = new Int32Array(state);
  const present = Buffer.from(shared);
  const kept: Buffer[] = [];
  let runs = 0;

  async function attempt(input: Buffer): Promise<boolean> {
    input.copy(present);
    counts[1] = input.length;
    counts[0] = ++runs;
    counters.fill(0);
    try {
      await target.run(input);
    } catch (error) {
      say({ kind: "failed", input, error: (error as Error).stack ?? String(error) });
      return false;
    }
    if (isNew()) kept.push(input);
    return true;
  }

  for (const input of [...corpus.map((bytes) => Buffer.from(bytes)), Buffer.alloc(0)]) {
    if (!(await attempt(input))) return;
  }
  const end = performance.now() + milliseconds;
  while (performance.now() < end) {
    // The latest one half of the time: a new branch leads to others.
    const from = kept[random(2) ? kept.length - 1 - random(Math.min(8, kept.length)) : random(kept.length)]!;
    const before = kept.length;
    if (!(await attempt(mutated(from, kept[random(kept.length)]!, target.words, random)))) return;
    if (kept.length > before) say({ kind: "new", input: kept.at(-1)! });
  }
  say({ kind: "done", runs, branches: reached.reduce((sum, bits) => sum + Number(bits > 0), 0), kept: kept.length });
}
