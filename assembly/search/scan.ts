// SPDX-License-Identifier: Apache-2.0
//
// The scan of a piece of memory, in two steps. The first sees every word of the process: it notes those that may lie in the range of watched
// blocks, or may be tags, as bits and without branches (lanes.ts). The second looks closer at those few: by the filter (filter.ts), then at
// the blocks of the part of memory that they are in (parts.ts).

import { PIECE_BUFFER, PIECE_UNALIGNED, SEARCH_MARGIN, SEARCH_PIECE } from "../abi";
import { window } from "../base/memory";
import { NO_BLOCK } from "./block";
import { countTag } from "./census";
import { ADDRESS_MASK, lowest, mayBeWatched, span } from "./filter";
import { noteGiants } from "./giant";
import { leastLanes, mostLanes, NOTED, notedAddresses, notedTags, noteWords } from "./lanes";
import { blockInPart } from "./parts";
import { refer } from "./reference";
import { NO_SLOT, slotOf } from "./searched";
import { endSlack, isInSlack } from "./slack";
import { birthOf, canBeTag, lastSite } from "./tag";
import { defer, flushPending, isTesting, mayReferToWhole } from "./whole";

const WORD: u32 = sizeof<u64>();
/** Words of one round of the first step: each has a bit, the first one the lowest. */
const GROUP: u32 = 2 * NOTED;

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
  if (kind != PIECE_BUFFER) noteGiants(address, words);
  scan(address, <u32>window, <u32>window + (words & ~(WORD - 1)), kind != PIECE_BUFFER);
  if (kind != PIECE_UNALIGNED) return;
  for (let offset: u32 = 1; offset < WORD; ++offset) {
    const from = <u32>window + offset;
    const last = min(from + (words & ~(WORD - 1)), end);
    if (last > from) scan(address + offset, from, from + ((last - from) & ~(WORD - 1)), false);
  }
}

function scan(address: u64, from: u32, to: u32, tagsToo: bool): void {
  const inOrder = tagsToo && isTesting;
  const least = leastLanes(tagsToo ? lastSite() : 0);
  const most = mostLanes(tagsToo ? lastSite() : 0);
  for (let at = from; at < to; at += GROUP * WORD) {
    const first = noteWords(at, least, most);
    const second = noteWords(at + NOTED * WORD, least, most);
    // Behind the piece there is what an earlier one left.
    const words = (to - at) / WORD;
    const mask = words < GROUP ? ((<u64>1) << words) - 1 : u64.MAX_VALUE;
    const addresses = ((<u64>notedAddresses(first)) | ((<u64>notedAddresses(second)) << NOTED)) & mask;
    const tags = ((<u64>notedTags(first)) | ((<u64>notedTags(second)) << NOTED)) & mask;
    const location = address + (at - from);
    if (inOrder) lookInOrder(location, at, addresses, tags);
    else {
      lookForAddresses(location, at, addresses);
      if (tags) lookForTags(location, at, tags);
    }
  }
  if (isTesting) flushPending();
}

/** The second step: of words by their bits, which are at an address, and at a place in the window. */
// @ts-ignore: decorator
@inline
function lookForAddresses(address: u64, at: u32, bits: u64): void {
  for (; bits; bits &= bits - 1) {
    const offset = <u32>ctz(bits) * WORD;
    const target = load<u64>(at + offset) & ADDRESS_MASK;
    if (mayBeWatched(target)) lookAtAddress(address + offset, at + offset, target);
  }
}

function lookForTags(address: u64, at: u32, bits: u64): void {
  for (; bits; bits &= bits - 1) {
    const offset = <u32>ctz(bits) * WORD;
    lookAtTag(address + offset, at + offset);
  }
}

/** The same where references wait for the next tag (whole.ts). */
function lookInOrder(address: u64, at: u32, addresses: u64, tags: u64): void {
  for (let bits = addresses | tags; bits; bits &= bits - 1) {
    const offset = <u32>ctz(bits) * WORD;
    const target = load<u64>(at + offset) & ADDRESS_MASK;
    if (target - lowest < span && mayReferToWhole(target)) {
      if (!isInSlack(address + offset, at + offset)) defer(address + offset, target);
    } else if (mayBeWatched(target)) lookAtAddress(address + offset, at + offset, target);
    lookAtTag(address + offset, at + offset);
  }
}

/** A word that the filter lets pass. */
function lookAtAddress(address: u64, place: u32, target: u64): void {
  const to = blockInPart(target);
  if (to != NO_BLOCK && !isInSlack(address, place)) refer(address, to, target);
}

// @ts-ignore: decorator
@inline
function lookAtTag(address: u64, place: u32): void {
  const word = load<u64>(place);
  if (canBeTag(word) && slotOf(birthOf(word)) != NO_SLOT) countTag(address, word, place);
}
