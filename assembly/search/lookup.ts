// SPDX-License-Identifier: Apache-2.0
//
// Which block holds an address: the tags in memory answer that, with any allocator. From the address forward, the first word that verifies
// as a tag is that of the block, unless the block starts behind the address: then the address lies in no block that has a tag. A tag that
// was inverted is that of a block that was released, and whose memory nobody has overwritten yet.
//
// The tag of a large table is far from most of its words. Such memory is read once a pass: what is known of it answers the further lookups.

import { EPOCH_BITS, SEARCH_PIECE } from "../abi";
import { BLOCKS_COUNT, foundHolder, newLinks, SAMPLED_COUNT, window } from "../base/memory";
import { Block, blockAt, blockWith, Found, isLink, NO_BLOCK, setBlock, Watched } from "./block";
import { setValueAt, valueAt } from "../base/regions";
import { behindBare, forgetOldBare, noteBare } from "./bare";
import { keyFound, plainKey, startWithKey } from "./searched";
import { birthOf, BLOCK_FAR, BLOCK_NEAR, canBeTag, startFar, userEndOf } from "./tag";
import { noteTried, TRIED_ALL, TRIED_NEAR, TRIED_NONE, triedOf } from "./tried";

const WORD: u32 = sizeof<u64>();
/** Memory is read to the end of a page first, as the next may be unmapped, then more and more. */
const PAGE: u32 = 4096;
/** Words that look like tags without being one, and were not tried before, until a lookup ends, and all of a pass: 20 us each. */
const FAILURES: u32 = 64;
const PASS_FAILURES: u32 = 2048;
/** Words after a pass, less than BLOCK_NEAR behind and farther, of which all starts are tried, if they were not before: milliseconds each. */
const NEAR_TRIES: u32 = 8;
const FAR_TRIES: u32 = 8;
/** Times that memory beyond BLOCK_NEAR is read after a pass, until no further lookup goes so far: 32 MiB. */
const FAR_READS: u32 = 512;

/** What a lookup has found. */
export const LOOKUP_GOES_ON: u32 = 0; // more memory is needed, from nextAddress on
export const LOOKUP_OUTSIDE: u32 = 1; // the address is in no block with a tag
export const LOOKUP_BLOCK: u32 = 2;
export const LOOKUP_UNKNOWN: u32 = 3; // this pass has read enough

let wanted: u64 = 0;
let failures: u32 = 0;
let passFailures: u32 = 0;
/** The address of the first word that looked like a tag, 0 for none, and whether not all starts of one were tried. */
let failedAt: u64 = 0;
let isUntried: bool = false;
/** The last word of the memory that was read before. */
let before: u64 = 0;
export let nextAddress: u64 = 0;
export let nextLength: u32 = 0;

/** The block that was found, the key of its tag, and whether it was released. */
export let holder: Found = changetype<Found>(0);
export let foundKey: u64 = 0;
export let foundSpent: bool = false;

let farReads: u32 = 0;
let goesFar: bool = false;
let nearTries: u32 = 0;
let farTries: u32 = 0;

/** The links that were found after this pass, and the first entry of a link that may be free. */
let newCount: u32 = 0;
let nextFree: Watched = SAMPLED_COUNT;

/** Begins the lookups after a pass: memory may have changed since the last. */
export function forgetLookups(): void {
  holder = changetype<Found>(foundHolder);
  holder.address = holder.end = 0;
  forgetOldBare();
  farReads = nearTries = farTries = passFailures = 0;
  newCount = 0;
  nextFree = SAMPLED_COUNT;
}

export function beginLookup(address: u64): void {
  wanted = address;
  failures = 0;
  failedAt = 0;
  isUntried = false;
  before = 0;
  goesFar = false;
  nextAddress = address & ~(<u64>(WORD - 1));
  nextLength = PAGE - ((<u32>nextAddress) & (PAGE - 1));
}

/** Goes on with the memory in the window: so many bytes of those that were asked for. */
export function continueLookup(bytes: u32): u32 {
  if (wanted >= holder.address && wanted < holder.end) return LOOKUP_BLOCK;
  for (let offset: u32 = 0; offset + WORD <= bytes; offset += WORD) {
    const word = load<u64>(window + offset);
    const verdict = look(nextAddress + offset, word);
    if (verdict != LOOKUP_GOES_ON) return verdict;
    before = word;
  }
  if (bytes < nextLength) return ends(LOOKUP_OUTSIDE, nextAddress + bytes);
  nextAddress += nextLength;
  nextLength = min(max(PAGE, 2 * (nextLength & ~(PAGE - 1))), SEARCH_PIECE);
  const behind = behindBare(nextAddress);
  if (behind != nextAddress) {
    nextAddress = behind - WORD; // the word before a tag may be a part of it
    nextLength = PAGE - ((<u32>nextAddress) & (PAGE - 1));
    before = 0;
  }
  if (nextAddress - wanted < BLOCK_NEAR) return LOOKUP_GOES_ON;
  if (nextAddress - wanted >= BLOCK_FAR) return ends(LOOKUP_OUTSIDE, nextAddress);
  if (!goesFar && farReads >= FAR_READS) return ends(LOOKUP_UNKNOWN, nextAddress);
  goesFar = true;
  ++farReads;
  return LOOKUP_GOES_ON;
}

/** No tag was found up to an address. The first word that looked like one may be one yet. */
function ends(result: u32, to: u64): u32 {
  noteBare(wanted, failedAt ? min(failedAt, to) : to);
  return isUntried ? LOOKUP_UNKNOWN : result;
}

function look(address: u64, word: u64): u32 {
  const spent = canBeTag(~word);
  if (!spent && !canBeTag(word)) return LOOKUP_GOES_ON;
  if (word == before) return LOOKUP_GOES_ON; // a run of one value: tags differ
  const tag = spent ? ~word : word;
  const start = startOfTag(address, tag);
  if (!start) {
    if (!failedAt) failedAt = address;
    return failures < FAILURES && passFailures < PASS_FAILURES ? LOOKUP_GOES_ON : ends(LOOKUP_UNKNOWN, address);
  }
  if (start > wanted) return ends(LOOKUP_OUTSIDE, start);
  holder.address = start;
  holder.end = address + WORD;
  holder.userEnd = userEndOf(start, holder.end, tag, before);
  holder.tag = word;
  holder.birth = birthOf(tag);
  foundSpent = spent;
  return LOOKUP_BLOCK;
}

/** The host knows the object that an address lies in, or the mapping: it is what was found. */
export function findObject(birth: u32, start: u64, size: u64): void {
  holder.address = start;
  holder.end = holder.userEnd = start + size;
  holder.tag = 0;
  holder.birth = birth;
  foundKey = plainKey();
  foundSpent = false;
}

/** The start of the block whose tag a word is; 0 if it is none of a block that holds the address, as far as that was tried. */
function startOfTag(address: u64, tag: u64): u64 {
  const tried = triedOf(address, tag);
  if (tried == TRIED_NONE) {
    const start = startWithKey(address, tag, before);
    foundKey = keyFound;
    if (start) return start;
    noteTried(address, tag, TRIED_NEAR);
    ++failures;
    ++passFailures;
  }
  return tried == TRIED_ALL ? 0 : startAnywhere(address, tag);
}

/** The start of a large block that begins anywhere; 0 if there is none, or if this pass has tried enough. */
function startAnywhere(address: u64, tag: u64): u64 {
  foundKey = plainKey();
  if (address - wanted < BLOCK_NEAR ? nearTries++ >= NEAR_TRIES : farTries++ >= FAR_TRIES) {
    isUntried = true;
    return 0;
  }
  const start = startFar(address, tag, before, foundKey);
  if (!start) noteTried(address, tag, TRIED_ALL);
  return start;
}

/** Watches the block that was found from the next pass on. Returns its number; NO_BLOCK if there are too many. */
export function watchFound(depth: u32): Watched {
  let number = numberOf(holder.address);
  if (number != NO_BLOCK) {
    if (!isLink(number) || isFound(blockAt(number))) {
      blockAt(number).used = true;
      return number;
    }
  } else {
    number = freeLink();
    if (number == NO_BLOCK) return NO_BLOCK;
    setValueAt<u16>(newLinks, newCount++, <u16>number);
  }
  setBlock(number, holder);
  const link = blockAt(number);
  link.spent = foundSpent;
  link.depth = depth;
  link.used = true;
  link.seen = true;
  return number;
}

function isFound(link: Block): bool {
  return link.tag == holder.tag && link.birth == holder.birth;
}

/** The watched block that begins at an address: one that this pass watched, or a link that was found after it. */
function numberOf(address: u64): Watched {
  const known = blockWith(address);
  if (known != NO_BLOCK && blockAt(known).address == address) return known;
  for (let i: u32 = 0; i < newCount; ++i)
    if (blockAt(valueAt<u16>(newLinks, i)).address == address) return valueAt<u16>(newLinks, i);
  return NO_BLOCK;
}

function freeLink(): Watched {
  for (; nextFree < BLOCKS_COUNT; ++nextFree) if (!blockAt(nextFree).address) return nextFree;
  return NO_BLOCK;
}

/** Site of a block. */
export function siteOf(block: Watched): u32 {
  return blockAt(block).birth >> EPOCH_BITS;
}
