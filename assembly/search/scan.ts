// SPDX-License-Identifier: Apache-2.0
//
// The scan of a piece of memory, in two steps. The first sees every word of the process: it notes those that lie in the range of watched
// blocks or can be tags as bits, without branches. The second looks closer at those few: by the filter, then by the table.

import { EPOCH_BITS, PIECE_BUFFER, PIECE_UNALIGNED, SEARCH_MARGIN, SEARCH_PIECE, TAG_BIRTH_SHIFT } from "../abi";
import { window } from "../base/memory";
import { countTag } from "./census";
import { ADDRESS_MASK, lowest, mayBeWatched, span } from "./filter";
import { countReference } from "./reference";
import { NO_SLOT, slotOf } from "./searched";
import { endSlack, isInSlack } from "./slack";
import { birthOf, births, canBeTag } from "./tag";
import { defer, flushPending, isTesting, mayReferToWhole } from "./whole";

const WORD: u32 = sizeof<u64>();
/** Words of one round of the first step: each has a bit, the first one the highest. */
const GROUP: u32 = 32;
const HIGHEST: u32 = 1 << 31;
/** The least tag: those of site 1, without the shift of canBeTag(). */
const FIRST_TAG: u64 = (<u64>1) << (EPOCH_BITS + TAG_BIRTH_SHIFT);

/**
 * Searches a piece of memory that the window holds.
 * @param address its address
 * @param length bytes; at most SEARCH_PIECE, and SEARCH_MARGIN bytes more in which no word begins that is looked at
 * @param kind PIECE_...
 */
export function scanPiece(address: u64, length: u32, kind: u32): void {
  const end = <u32>window + min(length, SEARCH_PIECE + SEARCH_MARGIN);
  const words = min(length, SEARCH_PIECE);
  endSlack(end);
  scan(address, <u32>window, <u32>window + (words & ~(WORD - 1)), kind != PIECE_BUFFER);
  if (kind != PIECE_UNALIGNED) return;
  for (let offset: u32 = 1; offset < WORD; ++offset) {
    const from = <u32>window + offset;
    const last = min(from + (words & ~(WORD - 1)), end);
    if (last > from) scan(address + offset, from, from + ((last - from) & ~(WORD - 1)), false);
  }
}

function scan(address: u64, from: u32, to: u32, tagsToo: bool): void {
  const low = lowest;
  const width = span;
  const bound = tagsToo ? births << TAG_BIRTH_SHIFT : 0;
  for (let at = from; at < to; at += GROUP * WORD) {
    let noted: u32 = 0;
    for (let eight: u32 = 0; eight < GROUP * WORD; eight += 8 * WORD) noted = noteEight(noted, at + eight, low, width, bound);
    const words = (to - at) / WORD;
    if (words < GROUP) noted &= ~(u32.MAX_VALUE >>> words); // behind the piece there is what an earlier one left
    while (noted) {
      const word = <u32>clz(noted);
      noted ^= HIGHEST >>> word;
      const place = at + word * WORD;
      lookAt(address + (place - from), place, tagsToo);
    }
  }
  if (isTesting) flushPending();
}

/** Appends a bit for each of eight words: whether it deserves a closer look. */
// @ts-ignore: decorator
@inline
function noteEight(noted: u32, at: u32, low: u64, width: u64, bound: u64): u32 {
  noted = note(noted, load<u64>(at), low, width, bound);
  noted = note(noted, load<u64>(at, 8), low, width, bound);
  noted = note(noted, load<u64>(at, 16), low, width, bound);
  noted = note(noted, load<u64>(at, 24), low, width, bound);
  noted = note(noted, load<u64>(at, 32), low, width, bound);
  noted = note(noted, load<u64>(at, 40), low, width, bound);
  noted = note(noted, load<u64>(at, 48), low, width, bound);
  return note(noted, load<u64>(at, 56), low, width, bound);
}

// @ts-ignore: decorator
@inline
function note(noted: u32, word: u64, low: u64, width: u64, bound: u64): u32 {
  const inRange = u32((word & ADDRESS_MASK) - low < width);
  const isTag = u32(word - FIRST_TAG < bound);
  return 2 * noted + (inRange | isTag);
}

/** The second step. */
// @ts-ignore: decorator
@inline
function lookAt(address: u64, place: u32, tagsToo: bool): void {
  const word = load<u64>(place);
  const target = word & ADDRESS_MASK;
  if (target - lowest < span) {
    const isOfWhole = tagsToo && isTesting && mayReferToWhole(target);
    if ((isOfWhole || mayBeWatched(target)) && !isInSlack(address, place)) {
      if (isOfWhole) defer(address, target);
      else countReference(address, target);
    }
  }
  if (tagsToo && canBeTag(word) && slotOf(birthOf(word)) != NO_SLOT) countTag(address, word, place);
}
