// SPDX-License-Identifier: Apache-2.0
//
// What holds a block, after a pass: a reference from outside, or one from a watched block that is held itself. So a cycle of watched
// blocks, and what is referred to by lost blocks alone, is not held. As a garbage collector marks: from the roots along the edges.
//
// A block that was released holds nothing. But another may have its memory, one without a tag that has not yet overwritten the old one: so
// a word in it to the start leaves the block that it refers to unsure.
//
// Blocks of a site that must be looked at as a whole, and was not in this pass, seem to be held by one another. So what is held by them alone
// is not firm: the pass tells nothing of it.

import { BLOCKS_COUNT } from "../base/memory";
import { SEARCHED_MAX, WATCHED_MAX } from "../abi";
import { Block, blockAt, blockWith, firstOf, isLink, NO_BLOCK, VALUE_HELD, VALUE_NONE, VALUE_UNSURE, Watched } from "./block";
import { areHoldersRare } from "./outside";
import { Edge, edgeAt, edgeCount } from "./reference";
import { NO_SLOT, searchedAt, Slot, slotOf } from "./searched";
import { isTesting, isUntested, whole } from "./whole";

/** An offset is one of the site's own if so many blocks of the sample are referred to by it, and this share of them. */
const SHARED_MIN: u32 = 3;
const SHARED_PART: u32 = 4;

/** Sets the value of each watched block. */
export function markBlocks(): void {
  for (let slot: Slot = 0; slot < SEARCHED_MAX; ++slot) if (searchedAt(slot).used) searchedAt(slot).shared = sharedOffsets(slot);
  for (let block: Watched = 0; block < BLOCKS_COUNT; ++block) if (blockAt(block).address) markRoot(block);
  let changed = true;
  while (changed) {
    changed = false;
    for (let i: u32 = 0; i < edgeCount; ++i) if (follow(edgeAt(i))) changed = true;
    if (isTesting && followWhole()) changed = true;
  }
  markFirm();
}

/** Finds what is held otherwise than by blocks of sites that were to be looked at as a whole. */
function markFirm(): void {
  let changed = true;
  for (let block: Watched = 0; block < BLOCKS_COUNT; ++block) {
    if (blockAt(block).address) blockAt(block).firm = isFirmRoot(block);
  }
  while (changed) {
    changed = false;
    for (let i: u32 = 0; i < edgeCount; ++i) if (followFirm(edgeAt(i))) changed = true;
  }
}

/** One of a site that this pass looks at as a whole is what that has found. */
function isFirmRoot(number: Watched): bool {
  const block = blockAt(number);
  if (block.value != VALUE_HELD || isUntested(block)) return false;
  return block.own || isRootHeld(number);
}

function followFirm(edge: Edge): bool {
  const from = blockAt(edge.from);
  const to = blockAt(edge.to);
  if (to.firm || to.value != VALUE_HELD || isUntested(to) || strengthOf(edge) != VALUE_HELD || (from.seen && !from.firm))
    return false;
  to.firm = true;
  return true;
}

/** Whether a pass has found that a block is held, and not what holds it. */
export function isPending(block: Block): bool {
  return block.value == VALUE_HELD && !block.firm;
}

function markRoot(number: Watched): void {
  const block = blockAt(number);
  block.by = 0;
  if (block.spent) block.value = VALUE_NONE;
  else if (isRootHeld(number)) block.value = VALUE_HELD;
  else block.value = block.middles ? VALUE_UNSURE : VALUE_NONE;
  if (block.own) block.value = max(block.value, searchedAt(slotOf(block.birth)).wholeValue);
}

/** Whether a word outside all watched blocks holds it. */
function isRootHeld(number: Watched): bool {
  const block = blockAt(number);
  return block.starts != 0 || (block.middles & sharedOf(number)) != 0;
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

/** Of a link whose site is not searched nothing is known: every offset counts. */
function sharedOf(block: Watched): u64 {
  const slot = isLink(block) ? slotOf(blockAt(block).birth) : block / WATCHED_MAX;
  return slot == NO_SLOT ? u64.MAX_VALUE : searchedAt(slot).shared;
}

/** Whether an edge raises the value of the block that it leads to. */
function follow(edge: Edge): bool {
  const to = blockAt(edge.to);
  const value = valueOf(edge);
  if (value <= to.value || to.spent) return false;
  to.value = value;
  to.by = blockAt(edge.from).address;
  return true;
}

/** Whether the block that holds the site that is looked at as a whole raises the value of all its blocks. */
function followWhole(): bool {
  const site = searchedAt(whole);
  const holder = site.wholeBy ? blockWith(site.wholeBy) : NO_BLOCK;
  const itsValue = holder == NO_BLOCK ? (site.wholeBy ? VALUE_HELD : VALUE_NONE) : blockAt(holder).value;
  const value = min(itsValue, areHoldersRare() ? VALUE_UNSURE : VALUE_HELD);
  if (value <= site.wholeValue) return false;
  site.wholeValue = value;
  for (let block: Watched = 0; block < BLOCKS_COUNT; ++block) {
    const at = blockAt(block);
    if (at.address && at.own && at.value < value) at.value = value;
  }
  return true;
}

/** What an edge from a held block makes of the one that it leads to. */
export function strengthOf(edge: Edge): u32 {
  return !edge.middle || (sharedOf(edge.to) >> (edge.middle - 1)) & 1 ? VALUE_HELD : VALUE_UNSURE;
}

function valueOf(edge: Edge): u32 {
  const from = blockAt(edge.from);
  const strength = strengthOf(edge);
  if (!from.seen) return strength; // it has gone meanwhile: nobody knows what is there
  return from.spent ? strength - 1 : min(from.value, strength);
}
