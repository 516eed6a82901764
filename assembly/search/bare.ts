// SPDX-License-Identifier: Apache-2.0
//
// Memory in which lookups have found no tag: further lookups there go on behind it, for some passes, as a tag may come to be there. A few
// ranges, of which a new one replaces the oldest if it touches none.

import { BARE_COUNT, BARE_SIZE, bares } from "../base/memory";
import { recordAt } from "../base/regions";


@unmanaged
class Bare {
  from: u64;
  to: u64;
  /** The number of the pass in which its first part was read. */
  since: u64;
}

if (offsetof<Bare>() != BARE_SIZE) ERROR("not the size that memory.ts tells");

/** Passes for which a range is remembered. */
const PASSES: u64 = 16;

let oldest: u32 = 0;
let pass: u64 = 0;

export function forgetAllBare(): void {
  memory.fill(bares, 0, BARE_COUNT * BARE_SIZE);
}

/** Begins a pass: forgets what is too old. */
export function forgetOldBare(): void {
  ++pass;
  for (let i: u32 = 0; i < BARE_COUNT; ++i) if (pass - bareAt(i).since > PASSES) bareAt(i).from = bareAt(i).to = 0;
}

/** No tag is in this memory. */
export function noteBare(from: u64, to: u64): void {
  for (let i: u32 = 0; i < BARE_COUNT; ++i) {
    const bare = bareAt(i);
    if (!bare.to || from > bare.to || bare.from > to) continue;
    bare.from = min(bare.from, from);
    bare.to = max(bare.to, to);
    return;
  }
  const bare = bareAt(oldest);
  bare.from = from;
  bare.to = to;
  bare.since = pass;
  oldest = (oldest + 1) % BARE_COUNT;
}

/** The end of such memory that an address lies in; the address itself if it lies in none. */
export function behindBare(address: u64): u64 {
  for (let i: u32 = 0; i < BARE_COUNT; ++i) if (address >= bareAt(i).from && address < bareAt(i).to) return bareAt(i).to;
  return address;
}

function bareAt(index: u32): Bare {
  return recordAt<Bare>(bares, index, BARE_SIZE);
}
