// SPDX-License-Identifier: Apache-2.0
//
// Words that look like tags and are none. To try all starts takes up to milliseconds, and such a word stays where it is: so it is remembered
// over passes, until the keys change. A later word with the same hash displaces it.

import { PHI, slotOfHash } from "../base/hash";
import { TRIED_BITS, TRIED_COUNT, TRIED_SIZE, triedWords } from "../base/memory";
import { recordAt } from "../base/regions";

/** Which starts were tried in vain: none, those of blocks nearby, those of blocks of any size. */
export const TRIED_NONE: u64 = 0;
export const TRIED_NEAR: u64 = 1;
export const TRIED_ALL: u64 = 2;


@unmanaged
class Tried {
  address: u64;
  tag: u64;
  starts: u64;
}

if (offsetof<Tried>() != TRIED_SIZE) ERROR("not the size that memory.ts tells");

export function forgetTried(): void {
  memory.fill(triedWords, 0, TRIED_COUNT * TRIED_SIZE);
}

export function triedOf(address: u64, tag: u64): u64 {
  const at = triedAt(address);
  return at.address == address && at.tag == tag ? at.starts : TRIED_NONE;
}

export function noteTried(address: u64, tag: u64, starts: u64): void {
  const at = triedAt(address);
  at.address = address;
  at.tag = tag;
  at.starts = starts;
}

function triedAt(address: u64): Tried {
  return recordAt<Tried>(triedWords, <u32>slotOfHash((address >> 3) * PHI, TRIED_BITS), TRIED_SIZE);
}
