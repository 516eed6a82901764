// SPDX-License-Identifier: Apache-2.0
//
// The parts of memory that watched blocks lie in. All have one size, a power of two, as small as their number allows. An index with open
// addressing tells of each the position of its first block in the order of addresses: the others follow.
//
// It holds until the blocks are sorted again, after the judgments of a pass.

import { BLOCKS_COUNT, PARTS_INDEX_SIZE, partsIndex } from "../base/memory";
import { PHI, slotOfHash } from "../base/hash";
import { setValueAt, valueAt } from "../base/regions";
import { blockIf, blockWith, endAt, NO_BLOCK, startAt, Watched, watchedCount } from "./block";

export const PARTS_MAX: u64 = 1 << 15;
const SHIFT_MIN: u64 = 8;
/** Twice as many entries as parts keep the way to one short. */
const INDEX_BITS: u32 = 16;
const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;
/** Blocks of a part that are tried one after the other. */
const TRIED: u32 = 8;

// Once parts are as large as the largest block, each block lies in two at most: so beginParts() ends.
if (PARTS_MAX < 2 * BLOCKS_COUNT) ERROR("fewer parts than the blocks may lie in");
if (PARTS_INDEX_SIZE != sizeof<u16>() << INDEX_BITS) ERROR("not the size that memory.ts tells");

let shift: u64 = SHIFT_MIN;

/** The hash of the part that an address lies in: its number times PHI. */
// @ts-ignore: decorator
@inline
export function hashOfPart(address: u64): u64 {
  return (address >> shift) * PHI;
}

/** Chooses the size of parts for the blocks in the order of addresses, and empties the index. */
export function beginParts(): void {
  memory.fill(partsIndex, 0, PARTS_INDEX_SIZE);
  shift = SHIFT_MIN;
  while (count() > PARTS_MAX) ++shift;
}

/** The numbers of the first and of the last part of the block at a position of the order. */
export function firstPart(position: u32): u64 {
  return startAt(position) >> shift;
}
export function lastPart(position: u32): u64 {
  return (endAt(position) - 1) >> shift;
}

/** Adds a part of the block at a position of the order to the index. Blocks come in this order. */
export function indexPart(part: u64, position: u32): void {
  let slot = <u32>slotOfHash(part * PHI, INDEX_BITS);
  for (let entry: u32 = valueAt<u16>(partsIndex, slot); entry; entry = valueAt<u16>(partsIndex, slot)) {
    if (isIn(part, entry - 1)) return;
    slot = (slot + 1) & INDEX_MASK;
  }
  setValueAt<u16>(partsIndex, slot, <u16>(position + 1));
}

/** The block that an address lies in, or NO_BLOCK. */
export function blockInPart(address: u64): Watched {
  const part = address >> shift;
  let slot = <u32>slotOfHash(hashOfPart(address), INDEX_BITS);
  let entry: u32 = valueAt<u16>(partsIndex, slot);
  while (entry && !isIn(part, entry - 1)) {
    slot = (slot + 1) & INDEX_MASK;
    entry = valueAt<u16>(partsIndex, slot);
  }
  if (!entry || startAt(entry - 1) > address) return NO_BLOCK;
  const most = min(watchedCount(), entry + TRIED);
  for (; entry < most; ++entry) if (startAt(entry) > address) return blockIf(entry - 1, address);
  return blockWith(address);
}

function isIn(part: u64, position: u32): bool {
  return part >= firstPart(position) && part <= lastPart(position);
}

/** Parts of all blocks, those of two counted twice. */
function count(): u64 {
  let sum: u64 = 0;
  for (let i: u32 = 0; i < watchedCount(); ++i) sum += lastPart(i) - firstPart(i) + 1;
  return sum;
}
