// SPDX-License-Identifier: Apache-2.0
//
// The scan of a piece of memory, in two steps. The first notes the places of words that lie in the range of watched blocks or can be tags,
// without branches: it sees every word of the process. The second looks closer at those few: by the filter, then by the table.

import { EPOCH_BITS, PIECE_BUFFER, PIECE_UNALIGNED, SEARCH_MARGIN, SEARCH_PIECE, TAG_BIRTH_SHIFT } from "../abi";
import { suspicious, window } from "../base/memory";
import { countTag } from "./census";
import { ADDRESS_MASK, lowest, mayBeWatched, span } from "./filter";
import { countReference } from "./reference";
import { NO_SLOT, slotOf } from "./searched";
import { birthOf, births, canBeTag } from "./tag";
import { defer, flushPending, isTesting, mayReferToWhole } from "./whole";

const WORD: u32 = sizeof<u64>();
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
  scan(address, <u32>window, <u32>window + (words & ~(WORD - 1)), kind != PIECE_BUFFER);
  if (kind != PIECE_UNALIGNED) return;
  for (let offset: u32 = 1; offset < WORD; ++offset) {
    const from = <u32>window + offset;
    const last = min(from + (words & ~(WORD - 1)), end);
    if (last > from) scan(address + offset, from, from + ((last - from) & ~(WORD - 1)), false);
  }
}

function scan(address: u64, from: u32, to: u32, tagsToo: bool): void {
  const found = note(from, to, lowest, span, tagsToo ? births << TAG_BIRTH_SHIFT : 0);
  for (let at = <u32>suspicious; at < found; at += sizeof<u32>()) {
    const place = load<u32>(at);
    const word = load<u64>(place);
    const target = word & ADDRESS_MASK;
    if (target - lowest < span) {
      if (tagsToo && isTesting && mayReferToWhole(target)) defer(address + (place - from), target);
      else if (mayBeWatched(target)) countReference(address + (place - from), target);
    }
    if (tagsToo && canBeTag(word) && slotOf(birthOf(word)) != NO_SLOT) countTag(address + (place - from), word, place);
  }
  if (isTesting) flushPending();
}

/** Notes the places of words that deserve a closer look. Returns the end of the list. */
function note(from: u32, to: u32, low: u64, width: u64, bound: u64): u32 {
  let out = <u32>suspicious;
  for (let at = from; at < to; at += WORD) {
    const word = load<u64>(at);
    store<u32>(out, at);
    const inRange: u32 = (word & ADDRESS_MASK) - low < width ? 1 : 0;
    const isTag: u32 = word - FIRST_TAG < bound ? 1 : 0;
    out += (inRange | isTag) << 2;
  }
  return out;
}
