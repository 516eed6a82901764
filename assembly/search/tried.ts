// SPDX-License-Identifier: Apache-2.0
//
// Words that look like tags, and of which starts were tried in vain. That takes milliseconds each, and such a word stays where it is: so it
// is remembered over passes. A later word with the same hash displaces it.

import { PHI, slotOfHash } from "../base/hash";
import { TRIED_BITS, TRIED_COUNT, TRIED_SIZE, triedWords } from "../base/memory";
import { recordAt } from "../base/regions";


@unmanaged
class Tried {
  address: u64;
  tag: u64;
  key: u64;
  /** No block with this tag starts there, or before it. */
  from: u64;
}

if (offsetof<Tried>() != TRIED_SIZE || TRIED_COUNT != 1 << TRIED_BITS) ERROR("not what memory.ts tells");

export function forgetTried(): void {
  memory.fill(triedWords, 0, TRIED_COUNT * TRIED_SIZE);
}

/** The address up to which no start is that of a block with this tag; 0 if none was tried. */
export function triedFrom(address: u64, tag: u64, key: u64): u64 {
  const at = triedAt(address);
  return at.address == address && at.tag == tag && at.key == key ? at.from : 0;
}

export function noteTried(address: u64, tag: u64, key: u64, from: u64): void {
  const at = triedAt(address);
  at.address = address;
  at.tag = tag;
  at.key = key;
  at.from = from;
}

function triedAt(address: u64): Tried {
  return recordAt<Tried>(triedWords, <u32>slotOfHash((address >> 3) * PHI, TRIED_BITS), TRIED_SIZE);
}
