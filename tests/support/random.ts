// SPDX-License-Identifier: Apache-2.0
//
// Random numbers from a seed that the tests print: MEMTRACK_SEED=n repeats a run.

export const SEED = Number(process.env.MEMTRACK_SEED ?? Math.floor(Math.random() * 2 ** 32));

/** Numbers from 0 to n - 1 (mulberry32, Tommy Ettinger, public domain). */
export function randomFrom(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}
