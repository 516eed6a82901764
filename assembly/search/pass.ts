// SPDX-License-Identifier: Apache-2.0
//
// A pass over the memory of the process, and what it says about each watched block.
//
// A block is lost if the last LOST_PASSES complete passes found no reference to it, one of them a thorough one. One pass can miss a pointer
// that moves while the pass reads; passes are independent, so their errors multiply. What is lost stays lost: if a block that was called so
// is released, or held again, somebody had a reference that the search does not see, and the site is `blind`.

import { PASS_THOROUGH, SEARCHED_MAX, WATCHED_MAX } from "../abi";
import { Block, blockAt, clearBlock, firstOf, forgetBlocks, sortBlocks, VALUE_HELD, VALUE_NONE } from "./block";
import { beginCensus, completeSample } from "./census";
import { fillFilter } from "./filter";
import { sumUp } from "./finding";
import { markBlocks } from "./mark";
import { forgetReferences } from "./reference";
import { LOST_PASSES } from "./rules";
import { dropUnlisted, enterListed, forgetSearched, Searched, searchedAt, setEpoch, setKeys, Slot } from "./searched";
import { setBirths } from "./tag";

/** Passes between two thorough ones, at least. */
const THOROUGH_EVERY: u32 = 8;
/** Passes in a row in which a block that was lost is held, until that is no accident. */
const RETURNED_PASSES: u32 = 2;

let thorough: bool = false;
/** Passes since the last thorough one. */
let sinceThorough: u32 = 0;

/** Starts over: the keys have changed, or all counts. */
export function searchBegin(): void {
  forgetSearched();
  forgetBlocks();
  forgetReferences();
  sinceThorough = THOROUGH_EVERY;
}

/** Before each pass: the keys of tags, the bound of births, and the present epoch, of which no block is watched. */
export function searchKeys(key: u64, opensslKey: u64, births: u32, epoch: u32): void {
  if (setKeys(key, opensslKey)) searchBegin();
  setBirths(births);
  setEpoch(epoch);
}

/** Flags that the next pass should have: PASS_THOROUGH if blocks are about to be called lost. */
export function wantedPass(): u32 {
  if (sinceThorough < THOROUGH_EVERY) return 0;
  for (let slot: Slot = 0; slot < SEARCHED_MAX; ++slot) {
    for (let i: u32 = 0; i < WATCHED_MAX; ++i) {
      const block = blockAt(firstOf(slot) + i);
      if (block.clean + 1 >= LOST_PASSES && !block.thorough) return PASS_THOROUGH;
    }
  }
  return 0;
}

/** Takes the watch list in the input region. What is known of the sites that stay on it is kept. */
export function searchWatch(length: u32): void {
  dropUnlisted(length);
  for (let slot: Slot = 0; slot < SEARCHED_MAX; ++slot) if (!searchedAt(slot).used) clearSample(slot);
  enterListed(length);
}

function clearSample(slot: Slot): void {
  for (let i: u32 = 0; i < WATCHED_MAX; ++i) clearBlock(firstOf(slot) + i);
}

export function beginPass(flags: u32): void {
  thorough = (flags & PASS_THOROUGH) != 0;
  forgetReferences();
  sortBlocks();
  fillFilter();
  for (let slot: Slot = 0; slot < SEARCHED_MAX; ++slot) {
    if (!searchedAt(slot).used) continue;
    beginCensus(slot);
    for (let i: u32 = 0; i < WATCHED_MAX; ++i) beginBlock(blockAt(firstOf(slot) + i));
  }
}

function beginBlock(block: Block): void {
  block.starts = 0;
  block.middles = block.offsets = 0;
  block.value = VALUE_NONE;
}

/** Ends a pass. `complete` is 0 if something stayed unread though it is mapped: such a pass proves nothing. */
export function endPass(complete: u32): void {
  if (!complete) return;
  sinceThorough = thorough ? 0 : sinceThorough + 1;
  markBlocks();
  for (let slot: Slot = 0; slot < SEARCHED_MAX; ++slot) if (searchedAt(slot).used) settle(slot);
}

function settle(slot: Slot): void {
  const site = searchedAt(slot);
  site.passes = site.passes + 1;
  site.blocks = site.counting;
  for (let i: u32 = 0; i < WATCHED_MAX; ++i) {
    const block = blockAt(firstOf(slot) + i);
    if (!block.address) continue;
    if (block.seen) judge(site, block);
    else {
      if (block.wasLost) site.blind = true;
      clearBlock(firstOf(slot) + i);
    }
  }
  completeSample(slot);
  sumUp(slot);
}

function judge(site: Searched, block: Block): void {
  block.passes = block.passes + 1;
  if (block.value != VALUE_NONE) {
    block.clean = 0;
    block.thorough = false;
    if (!block.wasLost || thorough) return;
    block.returned = block.value == VALUE_HELD ? block.returned + 1 : 0;
    if (block.returned >= RETURNED_PASSES) site.blind = true;
    return;
  }
  block.returned = 0;
  block.clean = block.clean + 1;
  if (thorough) block.thorough = true;
  if (block.clean >= LOST_PASSES && block.thorough) block.wasLost = true;
}
