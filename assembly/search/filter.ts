// SPDX-License-Identifier: Apache-2.0
//
// The filter: whether a word can be an address in a watched block. First by the range of their addresses, then by a bit for each part of
// memory (hashed) that one of them lies in. Parts are as small as the number of bits allows.

import { SEARCH_FILTER_SIZE, filter } from "../base/memory";
import { PHI, slotOfHash } from "../base/hash";
import { blockAt, orderedBlock, watchedCount } from "./block";

/** Pointers have 47 bits; some programs keep tags in those above. */
export const ADDRESS_MASK: u64 = (1 << 47) - 1;

/** 2^19 bits, of which at most a sixteenth is set. */
const BITS: u32 = 19;
const PARTS_MAX: u64 = 1 << (BITS - 4);
const SHIFT_MIN: u64 = 8;

if (SEARCH_FILTER_SIZE * 8 != 1 << BITS) ERROR("not the size that memory.ts tells");

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
      const bit = bitOf(part);
      const at = filter + (bit >> 3);
      store<u8>(at, load<u8>(at) | maskOf(bit));
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
  const bit = bitOf(address >> shift);
  return (load<u8>(filter + (bit >> 3)) & maskOf(bit)) != 0;
}

// @ts-ignore: decorator
@inline
function maskOf(bit: usize): u8 {
  return <u8>((<u32>1) << ((<u32>bit) & 7));
}

// @ts-ignore: decorator
@inline
function bitOf(part: u64): usize {
  return slotOfHash(part * PHI, BITS);
}
