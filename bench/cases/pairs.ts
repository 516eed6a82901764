// SPDX-License-Identifier: Apache-2.0
//
// Cost of an allocation and its release through the hooks of OpenSSL, TSmalloc and operator new, by size, compared with the bare
// allocator and with the alternatives: gperftools' heap profiler and heaptrack, in the same loop.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { figure, paired, type Figure } from "../figure.ts";
import { commandOf, orderOf, output, Rounds, run, wordsOf, type Run } from "../native.ts";

const SIZES = [16, 64, 256, 1024, 16384];
/** memtrack's sets of functions (bench/native/pairs.c), by group of figures. */
const SETS = { openssl: "o", tsapi: "t", heap: "n" };
const MODES = { pair: "pair", realloc: "realloc", cross: "pair across threads" };
// Largest size that has a budget across threads: above it, the bare allocator's release takes microseconds, and varies between runs.
const CROSS_JUDGED = 256;

/** Runs the same program under a profiler, whose files go to a folder that is removed. */
const PROFILERS: Record<string, (command: string[], folder: string) => Promise<string>> = {
  gperftools: (command, folder) =>
    output(command, { env: { LD_PRELOAD: "libtcmalloc.so.4", HEAPPROFILE: join(folder, "gperftools") } }),
  heaptrack: (command, folder) => output(["heaptrack", "-r", "-o", join(folder, "heaptrack"), ...command]),
};

export async function pairs({ quick, rounds, progress, leaveOut }: Run): Promise<Figure[]> {
  const measured = new Rounds();
  const folder = mkdtempSync(join(tmpdir(), "memtrack-bench-"));
  try {
    const profilers = await usableProfilers(folder, leaveOut);
    for (let round = 0; round < rounds; ++round) {
      progress(`pairs: round ${round + 1} of ${rounds}`);
      for (const size of SIZES) {
        for (const mode of Object.keys(MODES)) {
          const sets = orderOf(["b", ...Object.values(SETS)], round).join("");
          for (const [set, ns] of await run("pairs", { sets, mode, size, ms: 10 })) measured.add(`${set} ${mode} ${size}`, ns);
        }
        if (quick && size !== 64) continue;
        for (const profiler of profilers) measured.add(`${profiler} pair ${size}`, await bareUnder(profiler, size, folder));
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return Object.keys(SETS).flatMap((group) =>
    Object.keys(MODES).flatMap((mode) =>
      SIZES.flatMap((size) => figuresOf(measured, group as keyof typeof SETS, mode as keyof typeof MODES, size)),
    ),
  );
}

/** The profilers that are installed. */
async function usableProfilers(folder: string, leaveOut: Run["leaveOut"]): Promise<string[]> {
  const usable: string[] = [];
  for (const profiler of Object.keys(PROFILERS)) {
    try {
      await bareUnder(profiler, SIZES[0]!, folder);
      usable.push(profiler);
    } catch (error) {
      leaveOut(profiler, (error as Error).message);
    }
  }
  return usable;
}

/** Nanoseconds per pair of the bare allocator under a profiler. */
async function bareUnder(profiler: string, size: number, folder: string): Promise<string | undefined> {
  const said = await PROFILERS[profiler]!(commandOf("pairs", { sets: "b", mode: "pair", size, ms: 10 }), folder);
  return wordsOf(said).find((words) => words[0] === "b" && words.length === 2)?.[1];
}

function figuresOf(measured: Rounds, group: keyof typeof SETS, mode: keyof typeof MODES, size: number): Figure[] {
  const about = { group, name: `${MODES[mode]}, ${size} bytes`, unit: "ns" };
  const [bare, ours] = [measured.of(`b ${mode} ${size}`), measured.of(`${SETS[group]} ${mode} ${size}`)];
  const budget = mode !== "cross" || size <= CROSS_JUDGED ? ("pair" as const) : undefined;
  const others = Object.keys(PROFILERS).filter((profiler) => group === "openssl" && measured.has(`${profiler} ${mode} ${size}`));
  return [
    figure({ ...about, what: "bare" }, bare),
    figure({ ...about, what: "ours" }, ours),
    ...others.map((profiler) => figure({ ...about, what: profiler }, measured.of(`${profiler} ${mode} ${size}`))),
    paired({ ...about, what: "ours - bare", budget }, ours, bare, (x, y) => x - y),
    paired({ ...about, what: "ours / bare", unit: "x" }, ours, bare),
    ...others.map((profiler) =>
      paired({ ...about, what: `${profiler} / bare`, unit: "x" }, measured.of(`${profiler} ${mode} ${size}`), bare),
    ),
  ];
}
