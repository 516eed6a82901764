// SPDX-License-Identifier: Apache-2.0
//
// The scan of a piece of memory, in two steps. The first sees every word of the process: it notes those that may lie in the range of watched
// blocks, or may be tags, as bits and without branches (lanes.ts). The second looks closer at those few: by the filter, then by the table.

import { PIECE_BUFFER, PIECE_UNALIGNED, SEARCH_MARGIN, SEARCH_PIECE } from "../abi";
import { window } from "../base/memory";
import { blockWith, NO_BLOCK } from "./block";
import { countTag } from "./census";
import { ADDRESS_MASK, lowest, mayBeWatched, span } from "./filter";
import { leastLanes, mostLanes, NOTED, noteWords } from "./lanes";
import { refer } from "./reference";
import { NO_SLOT, slotOf } from "./searched";
import { endSlack, isInSlack } from "./slack";
import { birthOf, canBeTag, lastSite } from "./tag";
import { defer, flushPending, isTesting, mayReferToWhole } from "./whole";

const WORD: u32 = sizeof<u64>();
/** Words of one round of the first step: each has a bit, the first one the highest. */
const GROUP: u32 = 2 * NOTED;
const HIGHEST: u32 = 1 << 31;

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
  const least = leastLanes(tagsToo ? lastSite() : 0);
  const most = mostLanes(tagsToo ? lastSite() : 0);
  for (let at = from; at < to; at += GROUP * WORD) {
    let noted = (noteWords(at, least, most) << NOTED) | noteWords(at + NOTED * WORD, least, most);
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

/** The second step. */
// @ts-ignore: decorator
@inline
function lookAt(address: u64, place: u32, tagsToo: bool): void {
  const word = load<u64>(place);
  const target = word & ADDRESS_MASK;
  if (target - lowest < span) {
    if (tagsToo && isTesting && mayReferToWhole(target)) {
      if (!isInSlack(address, place)) defer(address, target);
    } else if (mayBeWatched(target)) {
      const to = blockWith(target);
      if (to != NO_BLOCK && !isInSlack(address, place)) refer(address, to, target);
    }
  }
  if (tagsToo && canBeTag(word) && slotOf(birthOf(word)) != NO_SLOT) countTag(address, word, place);
}
