// SPDX-License-Identifier: Apache-2.0
//
// A pass over the memory of the process.

import { LOST_PASSES, PASS_SLACK, PASS_THOROUGH, SEARCHED_MAX, WATCHED_MAX } from "../abi";
import { BLOCKS_COUNT } from "../base/memory";
import { forgetAllBare } from "./bare";
import { Block, blockAt, clearBlock, firstOf, forgetBlocks, sortBlocks, VALUE_NONE, Watched } from "./block";
import { beginCensus } from "./census";
import { fillFilter } from "./filter";
import { forgetGiants } from "./giant";
import { forgetReferences } from "./reference";
import { forgetRefuted } from "./refuted";
import { beginRequests, forgetRequests } from "./request";
import { forgetRoots } from "./root";
import { beginHolders, dropUnlisted, enterListed, forgetSearched, searchedAt, setEpoch, setKeys, Slot } from "./searched";
import { useSlack } from "./slack";
import { setBirths } from "./tag";
import { forgetTried } from "./tried";
import { beginWhole, endWhole, forgetWhole, testedHigh, testedLow } from "./whole";

/** Passes between two thorough ones, at least. */
const THOROUGH_EVERY: u32 = 8;

let thorough: bool = false;
/** Passes since the last thorough one. */
let sinceThorough: u32 = THOROUGH_EVERY;

/** Starts over: the keys have changed, or all counts. */
export function searchBegin(): void {
  forgetSearched();
  forgetBlocks();
  forgetReferences();
  forgetRequests();
  forgetRoots();
  forgetTried();
  forgetAllBare();
  forgetWhole();
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
  useSlack((flags & PASS_SLACK) == 0);
  forgetRequests();
  forgetReferences();
  forgetGiants();
  beginWhole();
  beginHolders();
  forgetRefuted();
  sortBlocks();
  fillFilter(testedLow, testedHigh);
  for (let slot: Slot = 0; slot < SEARCHED_MAX; ++slot) {
    if (searchedAt(slot).used) beginCensus(slot);
  }
  for (let block: Watched = 0; block < BLOCKS_COUNT; ++block) if (blockAt(block).address) beginBlock(blockAt(block));
}

function beginBlock(block: Block): void {
  block.seen = block.used = block.own = false;
  block.starts = block.places = block.outsides = 0;
  block.middles = block.offsets = 0;
  block.value = VALUE_NONE;
}

/**
 * Ends a pass. `complete` is 0 if something stayed unread though it is mapped: such a pass proves nothing. After a complete pass the host
 * answers requests, until there are none: only then the blocks are judged.
 */
export function endPass(complete: u32): void {
  endWhole(complete != 0);
  if (!complete) return;
  sinceThorough = thorough ? 0 : sinceThorough + 1;
  beginRequests(thorough);
}
