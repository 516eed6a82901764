// SPDX-License-Identifier: Apache-2.0
//
// What a complete pass says about each watched block.
//
// A block is lost if the last LOST_PASSES complete passes found no reference to it, one of them a thorough one. One pass can miss a pointer
// that moves while the pass reads; passes are independent, so their errors multiply. What is lost stays lost: if a block that was called so
// is released or handed out again, somebody had a reference that the search does not see, and the site is `blind`. If it is referred to again,
// that may be a word in memory that was handed out uninitialised: the block is not lost any more, and that is all.

import { LOST_PASSES, WATCHED_MAX } from "../abi";
import { Block, blockAt, clearBlock, firstOf, VALUE_NONE } from "./block";
import { sumUp } from "./finding";
import { isPending } from "./mark";
import { PROBABLY_PASSES } from "./rules";
import { takeSample } from "./sample";
import { searchedAt, Slot } from "./searched";
import { isUntested } from "./whole";

/** Whether a block is about to be called lost, or probably lost: then its tag is read once more. */
export function isAtTurn(block: Block): bool {
  if (!block.address || !block.tag || !block.seen || block.value != VALUE_NONE || isUntested(block)) return false;
  return block.clean + 1 == PROBABLY_PASSES || (block.clean + 1 >= LOST_PASSES && !block.wasLost);
}

/** Judges the sample of a site, and takes in what the census found. */
export function judgeSite(slot: Slot, thorough: bool): void {
  const site = searchedAt(slot);
  site.passes = site.passes + 1;
  site.blocks = site.counting;
  site.ripe = site.countingRipe;
  for (let i: u32 = 0; i < WATCHED_MAX; ++i) {
    const block = blockAt(firstOf(slot) + i);
    if (!block.address) continue;
    if (block.seen) {
      if (!isUntested(block) && !isPending(block)) judge(block, thorough);
    } else {
      if (block.wasLost) site.blind = true;
      clearBlock(firstOf(slot) + i);
    }
  }
  sumUp(slot);
  takeSample(slot);
}

function judge(block: Block, thorough: bool): void {
  block.passes = block.passes + 1;
  const isNone = block.value == VALUE_NONE;
  if (thorough || !isNone) block.apart = !isNone && thorough && block.clean != 0;
  if (!block.apart || thorough) block.judged = block.value;
  if (!isNone) {
    block.clean = 0;
    block.thorough = false;
    return;
  }
  block.clean = block.clean + 1;
  if (thorough) block.thorough = true;
  if (block.clean >= LOST_PASSES && block.thorough) block.wasLost = true;
}
