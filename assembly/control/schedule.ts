// SPDX-License-Identifier: Apache-2.0
//
// What is due. The host asks each second.

/** Times that reclaimDue() is asked between two searches while no module is unloaded. */
const RECLAIM_POLLS: u32 = 10;

let polls: u32 = 0;
let unloadsSeen: u64 = 0;
let lastSample: u64 = 0;

export function scheduleReset(): void {
  polls = 0;
  unloadsSeen = 0;
  lastSample = 0;
}

/** 1 where numbers of sites are to be looked for that can be given again; `unloads` are those of modules so far. */
export function reclaimDue(unloads: u64): u32 {
  if (unloads == unloadsSeen && (!unloads || ++polls % RECLAIM_POLLS)) return 0;
  unloadsSeen = unloads;
  return 1;
}

/** 1 where a sample is to be taken now, `interval` seconds after the last one; `now` is in monotonic seconds. */
export function sampleDue(now: u64, interval: u64): u32 {
  // The question comes each second, and a little late: what is due within it is due now.
  if (lastSample && now < lastSample + interval) return 0;
  lastSample = now;
  return 1;
}

/** The next sample is due at once. */
export function sampleAnew(): void {
  lastSample = 0;
}
