// SPDX-License-Identifier: Apache-2.0
//
// Decides what is due. The host asks every second.

/** After the first unload, reclaimDue() returns 1 at every RECLAIM_POLLS-th call, besides the calls after an unload. */
const RECLAIM_POLLS: u32 = 10;

let polls: u32 = 0;
let unloadsSeen: u64 = 0;
let lastSample: u64 = 0;

export function scheduleReset(): void {
  polls = 0;
  unloadsSeen = 0;
  lastSample = 0;
}

/** 1 if the host must search for numbers of sites to reclaim; `unloads` is the number of unloaded modules so far. */
export function reclaimDue(unloads: u64): u32 {
  if (unloads == unloadsSeen && (!unloads || ++polls % RECLAIM_POLLS)) return 0;
  unloadsSeen = unloads;
  return 1;
}

/** 1 if a sample is due, `interval` seconds after the last one; `now` is in monotonic seconds. */
export function sampleDue(now: u64, interval: u64): u32 {
  // The host asks every second, and slightly late: a sample due before the next question is due now.
  if (lastSample && now < lastSample + interval) return 0;
  lastSample = now;
  return 1;
}

/** Makes the next sample due at once. */
export function sampleAnew(): void {
  lastSample = 0;
}
