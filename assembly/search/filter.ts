// SPDX-License-Identifier: Apache-2.0
//
// The filter: whether a word can be an address in a watched block. First by the range of their addresses, then by a Bloom
// filter of the parts of memory that one of them lies in. Parts are as small as its size allows.

import { SEARCH_FILTER_SIZE, filter } from "../base/memory";
import { PHI, slotOfHash } from "../base/hash";
import { blockAt, orderedBlock, watchedCount } from "./block";

/** Pointers have 47 bits; some programs keep tags in those above. */
export const ADDRESS_MASK: u64 = (1 << 47) - 1;

/** 2^13 words of 64 bits. A part has two bits of one of them, from other bits of its hash than those that tell the word. */
const WORDS: u32 = 13;
const FIRST_BIT: u64 = 45;
const SECOND_BIT: u64 = 39;
/** So many set an eighth of the bits: of other addresses one in 64 passes. */
const PARTS_MAX: u64 = 1 << (WORDS + 2);
const SHIFT_MIN: u64 = 8;

if (SEARCH_FILTER_SIZE != sizeof<u64>() << WORDS) ERROR("not the size that memory.ts tells");

/** The range of the blocks' addresses. */
export let lowest: u64 = 0;
export let span: u64 = 0;
let shift: u64 = SHIFT_MIN;

/** Makes the filter for the blocks in the order of addresses. The range includes `low` to `high` too, if they are not 0. */
export function fillFilter(low: u64, high: u64): void {
  memory.fill(filter, 0, SEARCH_FILTER_SIZE);
  const count = watchedCount();
  lowest = count ? blockAt(orderedBlock(0)).address : 0;
  let highest = lowest;
  for (let i: u32 = 0; i < count; ++i) highest = max(highest, blockAt(orderedBlock(i)).end);
  if (high) {
    lowest = count ? min(lowest, low) : low;
    highest = max(highest, high);
  }
  span = highest - lowest;
  shift = SHIFT_MIN;
  while (parts() > PARTS_MAX) ++shift;
  for (let i: u32 = 0; i < count; ++i) {
    const block = blockAt(orderedBlock(i));
    for (let part = block.address >> shift; part <= (block.end - 1) >> shift; ++part) {
      const hash = part * PHI;
      store<u64>(wordOf(hash), load<u64>(wordOf(hash)) | bitsOf(hash));
    }
  }
}

function parts(): u64 {
  let sum: u64 = 0;
  for (let i: u32 = 0; i < watchedCount(); ++i) {
    const block = blockAt(orderedBlock(i));
    sum += ((block.end - 1) >> shift) - (block.address >> shift) + 1;
  }
  return sum;
}

/** Whether an address in the range may lie in a watched block. */
// @ts-ignore: decorator
@inline
export function mayBeWatched(address: u64): bool {
  const hash = (address >> shift) * PHI;
  const bits = bitsOf(hash);
  return (load<u64>(wordOf(hash)) & bits) == bits;
}

/** Address of the word of the filter for a hash. */
// @ts-ignore: decorator
@inline
function wordOf(hash: u64): usize {
  return filter + slotOfHash(hash, WORDS) * sizeof<u64>();
}

// @ts-ignore: decorator
@inline
function bitsOf(hash: u64): u64 {
  return ((<u64>1) << ((hash >> FIRST_BIT) & 63)) | ((<u64>1) << ((hash >> SECOND_BIT) & 63));
}
