// SPDX-License-Identifier: Apache-2.0
//
// Watched blocks: of each searched site a sample, and the blocks that hold these, which are links of chains (lookup.ts). The entries of a
// site's sample follow one another, so the number of an entry tells its site; the links follow after the samples. In a pass they are found
// by address.

import { addresses, BLOCK_SIZE, BLOCKS_COUNT, byAddress, FOUND_SIZE, SAMPLED_COUNT, watchedBlocks } from "../base/memory";
import { recordAt, setValueAt, valueAt } from "../base/regions";
import { WATCHED_MAX } from "../abi";

/** Number of a watched block. */
export type Watched = u32;
export const NO_BLOCK: Watched = u32.MAX_VALUE;
/** Places of references from outside that are kept of a block. */
export const PLACES_KEPT: u32 = 4;

/** What a pass found of a block. */
export const VALUE_NONE: u32 = 0; // nothing refers to it
export const VALUE_UNSURE: u32 = 1; // only words to its middle, which may be of an earlier block
export const VALUE_HELD: u32 = 2;

/** A block as it was found. */
@unmanaged
export class Found {
  /** 0: the entry is free. */
  address: u64;
  end: u64;
  /** End of what its user asked for: behind it are addresses that only the allocator has, as those of free chunks. */
  userEnd: u64;
  /** 0 for an object, which has none. */
  tag: u64;
  /** A number at random, which stays the same: by it blocks are chosen for the sample. */
  rank: u64;
  birth: u32;
  /** The first pass of its site whose cohort it counts for, of those that matter (sample.ts). */
  since: u32;
  order: u32;
}


@unmanaged
export class Block extends Found {
  /** Complete passes that watched it, the last of them that found nothing, and whether one of these was thorough. */
  passes: u32;
  clean: u32;
  thorough: bool;
  /** The last thorough pass found a reference that others do not: what it is in, only thorough passes read. */
  apart: bool;
  /** It was called lost. */
  wasLost: bool;
  /** The census of this pass has seen it. */
  seen: bool;
  /** References in this pass from outside watched blocks: whether one is to the start, and the offsets of those to the middle, hashed to bits. */
  starts: u32;
  middles: u64;
  /** The offsets of all references to the middle, also from watched blocks. */
  offsets: u64;
  value: u32;
  /** The value of the last pass that told something. */
  judged: u32;
  /** One of its own site's blocks refers to it, by whole.ts. */
  own: bool;
  /** What holds it is known: not only blocks of a site that must be looked at as a whole, and was not in this pass. */
  firm: bool;
  /** Places of the first of these references from outside, those to the start first, and their number. */
  places: u32;
  place0: u64;
  place1: u64;
  place2: u64;
  place3: u64;
  /** Address of the block that holds it, by mark.ts; 0 if that is none. */
  by: u64;
  /** Address of one whose chain ends at a named root (telling.ts); 0 if there is none. */
  teller: u64;
  /** An address outside all blocks that has a reference to it, and what is there (root.ts); 0: none is known. */
  root: u64;
  rootText: u32;
  /** The places that lie in no block, as bits, by the lookups of this pass. */
  outsides: u32;
  /** Of a link: whether the block was released, its distance from the sample, and whether it holds a watched block in this pass. */
  spent: bool;
  depth: u32;
  used: bool;
}

if (offsetof<Block>() > BLOCK_SIZE || offsetof<Found>() > FOUND_SIZE) ERROR("larger than memory.ts tells");

/** Number of blocks in the order of addresses. */
let count: u32 = 0;

export function blockAt(block: Watched): Block {
  return recordAt<Block>(watchedBlocks, block, BLOCK_SIZE);
}

/** A place of a reference to a block. */
export function placeOf(block: Watched, index: u32): u64 {
  return load<u64>(changetype<usize>(blockAt(block)) + offsetof<Block>("place0") + index * sizeof<u64>());
}

export function setPlace(block: Block, index: u32, place: u64): void {
  store<u64>(changetype<usize>(block) + offsetof<Block>("place0") + index * sizeof<u64>(), place);
}

export function isLink(block: Watched): bool {
  return block >= SAMPLED_COUNT;
}

/** The first block of a site's sample; WATCHED_MAX follow one another. */
export function firstOf(slot: u32): Watched {
  return slot * WATCHED_MAX;
}

export function forgetBlocks(): void {
  memory.fill(watchedBlocks, 0, BLOCKS_COUNT * BLOCK_SIZE);
  count = 0;
}

export function clearBlock(block: Watched): void {
  memory.fill(changetype<usize>(blockAt(block)), 0, BLOCK_SIZE);
}

/** Watches a block in an entry, and forgets what was there. */
export function setBlock(block: Watched, found: Found): void {
  clearBlock(block);
  memory.copy(changetype<usize>(blockAt(block)), changetype<usize>(found), FOUND_SIZE);
}

export function watchedCount(): u32 {
  return count;
}

/** The block at a position of the order of addresses. */
export function orderedBlock(position: u32): Watched {
  return valueAt<u16>(byAddress, position);
}

/** Sorts the blocks by address. Heapsort: in place, no recursion. */
export function sortBlocks(): void {
  count = 0;
  for (let block: Watched = 0; block < BLOCKS_COUNT; ++block) {
    if (blockAt(block).address) setValueAt<u16>(byAddress, count++, <u16>block);
  }
  for (let i = count >>> 1; i > 0; --i) sift(i - 1, count);
  for (let end = count; end > 1;) {
    const last = orderedBlock(--end);
    setValueAt<u16>(byAddress, end, <u16>orderedBlock(0));
    setValueAt<u16>(byAddress, 0, <u16>last);
    sift(0, end);
  }
  for (let i: u32 = 0; i < count; ++i) {
    setValueAt<u64>(addresses, 2 * i, blockAt(orderedBlock(i)).address);
    setValueAt<u64>(addresses, 2 * i + 1, blockAt(orderedBlock(i)).end);
  }
}

function sift(root: u32, end: u32): void {
  const moved = orderedBlock(root);
  const address = blockAt(moved).address;
  for (let child: u32 = 2 * root + 1; child < end; child = 2 * root + 1) {
    if (child + 1 < end && blockAt(orderedBlock(child)).address < blockAt(orderedBlock(child + 1)).address) ++child;
    if (address >= blockAt(orderedBlock(child)).address) break;
    setValueAt<u16>(byAddress, root, <u16>orderedBlock(child));
    root = child;
  }
  setValueAt<u16>(byAddress, root, <u16>moved);
}

/** The block that an address lies in, of those that were sorted, or NO_BLOCK. */
export function blockWith(address: u64): Watched {
  let low: u32 = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (startAt(middle) <= address) low = middle + 1;
    else high = middle;
  }
  return low ? blockIf(low - 1, address) : NO_BLOCK;
}

/** The block at a position of the order, if an address behind its start lies in it. */
export function blockIf(position: u32, address: u64): Watched {
  if (address >= endAt(position)) return NO_BLOCK;
  const block = orderedBlock(position);
  return address < blockAt(block).end ? block : NO_BLOCK; // it may have been cleared since
}

/** The address of the block at a position of the order, and its end. */
export function startAt(position: u32): u64 {
  return valueAt<u64>(addresses, 2 * position);
}
export function endAt(position: u32): u64 {
  return valueAt<u64>(addresses, 2 * position + 1);
}
