// SPDX-License-Identifier: Apache-2.0
//
// What holds a block, after a pass: a reference from outside, or one from a watched block that is held itself. So a cycle of watched
// blocks, and what is referred to by lost blocks alone, is not held. As a garbage collector marks: from the roots along the edges.

import { SEARCHED_MAX, WATCHED_MAX } from "../abi";
import { blockAt, firstOf, VALUE_HELD, VALUE_NONE, VALUE_UNSURE, Watched } from "./block";
import { Edge, edgeAt, edgeCount } from "./reference";
import { searchedAt, Slot } from "./searched";

/** An offset is one of the site's own if so many blocks of the sample are referred to by it, and this share of them. */
const SHARED_MIN: u32 = 3;
const SHARED_PART: u32 = 4;

/** Sets the value of each watched block. */
export function markBlocks(): void {
  for (let slot: Slot = 0; slot < SEARCHED_MAX; ++slot) if (searchedAt(slot).used) markRoots(slot);
  let changed = true;
  while (changed) {
    changed = false;
    for (let i: u32 = 0; i < edgeCount; ++i) if (follow(edgeAt(i))) changed = true;
  }
}

function markRoots(slot: Slot): void {
  const shared = sharedOffsets(slot);
  searchedAt(slot).shared = shared;
  for (let i: u32 = 0; i < WATCHED_MAX; ++i) {
    const block = blockAt(firstOf(slot) + i);
    if (block.starts || (block.middles & shared) != 0) block.value = VALUE_HELD;
    else block.value = block.middles ? VALUE_UNSURE : VALUE_NONE;
  }
}

/** The offsets, as bits, by which many blocks of a site are referred to. */
function sharedOffsets(slot: Slot): u64 {
  let shared: u64 = 0;
  for (let bit: u64 = 0; bit < 64; ++bit) {
    let users: u32 = 0;
    let all: u32 = 0;
    for (let i: u32 = 0; i < WATCHED_MAX; ++i) {
      const block = blockAt(firstOf(slot) + i);
      if (!block.address) continue;
      ++all;
      if ((block.offsets >> bit) & 1) ++users;
    }
    if (users >= SHARED_MIN && users * SHARED_PART >= all) shared |= (<u64>1) << bit;
  }
  return shared;
}

/** Whether an edge raises the value of the block that it leads to. A block that has gone meanwhile counts as held. */
function follow(edge: Edge): bool {
  const from = blockAt(edge.from);
  const to = blockAt(edge.to);
  const value = min(from.seen ? from.value : VALUE_HELD, strengthOf(edge));
  if (value <= to.value) return false;
  to.value = value;
  return true;
}

function strengthOf(edge: Edge): u32 {
  if (!edge.middle) return VALUE_HELD;
  const shared = searchedAt(slotOfBlock(edge.to)).shared;
  return (shared >> (edge.middle - 1)) & 1 ? VALUE_HELD : VALUE_UNSURE;
}

function slotOfBlock(block: Watched): Slot {
  return block / WATCHED_MAX;
}
