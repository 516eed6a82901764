// SPDX-License-Identifier: Apache-2.0
//
// A site as a whole: where its blocks hold one another, as the nodes of a list or the blocks of a ring do, a sample tells neither what holds
// them all nor that nothing does. So passes look at all blocks of such a site, one site at a time: each pass collects the starts of its
// blocks in bitmaps, and looks for references to those that the pass before collected. A reference from within one of these blocks is
// the site's own. Whether it is, the next tag tells, as places and tags of a piece are seen in the order of addresses. One from within a
// younger block is not: to link a block to an older one, somebody must have a reference to that.
//
// What is left are the references from outside. After the pass the host is asked about them (request.ts), until one is found that holds
// the site. If there are none, the site holds nothing but itself.

import { SEARCH_PIECE, SEARCHED_MAX } from "../abi";
import {
  CROSSER_SIZE,
  crossers,
  CROSSERS_COUNT,
  OUTSIDE_COUNT,
  OUTSIDE_SIZE,
  outsides,
  PART_BITS_SIZE,
  PART_SIZE,
  PARTS_COUNT,
  pendings,
  wholeParts,
} from "../base/memory";
import { PHI, slotOfHash } from "../base/hash";
import { recordAt } from "../base/regions";
import { Block, blockAt, NO_BLOCK, VALUE_HELD, VALUE_NONE } from "./block";
import { ADDRESS_MASK, watchedWith } from "./filter";
import { countReference } from "./reference";
import { NO_SLOT, searchedAt, Slot, slotOf } from "./searched";

/** A reference to a block of the site: where it is, and what it refers to. */
@unmanaged
export class Outside {
  location: u64;
  target: u64;
}

/** A block of the site that crosses a boundary of pieces: its part behind the boundary tells where it starts. */
@unmanaged
class Crosser {
  boundary: u64;
  start: u64;
}

if (offsetof<Outside>() != OUTSIDE_SIZE || offsetof<Crosser>() != CROSSER_SIZE) ERROR("not the sizes that memory.ts tells");

/** A part of memory that blocks begin in. Its entry has its number, plus 1; as many entries as are left free keep searches short. */
const PART_SHIFT: u64 = 16;
const PART_MASK: u32 = PARTS_COUNT - 1;
const PARTS_BITS: u32 = 14;
const PARTS_USED_MAX: u32 = (PARTS_COUNT / 8) * 7;
const MAP_SIZE: u32 = PARTS_COUNT * (PART_SIZE + PART_BITS_SIZE);
const NO_BITS: usize = 0;

if (PARTS_COUNT != 1 << PARTS_BITS) ERROR("not the number that memory.ts tells");

/** The lowest bits of a pointer can be flags. */
const START_MASK: u64 = 7;
/** Passes that test a site before it is another's turn. */
const TURNS: u32 = 24;
/** A pass that finds what holds it counts as so many. */
const HELD_TURNS: u32 = 8;

/** The site that is looked at as a whole, and the number of passes that did so; NO_SLOT if none is. */
export let whole: Slot = NO_SLOT;
let turns: u32 = 0;
/** Whether this pass looks for references to what the pass before collected. */
export let isTesting: bool = false;
let collected: bool = false;

/** The map that this pass tests, and the one that it fills; the range of the blocks in each, and the parts of the latter. */
let tested: usize = 0;
let filled: usize = 0;
export let testedLow: u64 = 0;
export let testedHigh: u64 = 0;
let filledLow: u64 = 0;
let filledHigh: u64 = 0;
let filledParts: u32 = 0;

/** The offset in a block, besides its start, that references are to. */
let offset: u64 = 0;

let pending: u32 = 0;
export let outsideCount: u32 = 0;
let overflowed: bool = false;

export function forgetWhole(): void {
  whole = NO_SLOT;
  isTesting = collected = false;
}

/** Begins a pass. */
export function beginWhole(): void {
  const before = whole;
  chooseSite();
  isTesting = collected && whole != NO_SLOT && whole == before;
  collected = false;
  outsideCount = pending = 0;
  overflowed = isTesting && filledParts == PARTS_USED_MAX;
  if (whole == NO_SLOT) return;
  tested = filled;
  testedLow = isTesting ? filledLow : 0;
  testedHigh = isTesting ? filledHigh : 0;
  filled = filled == wholeParts ? wholeParts + MAP_SIZE : wholeParts;
  filledLow = u64.MAX_VALUE;
  filledHigh = 0;
  filledParts = 0;
  memory.fill(filled, 0, PARTS_COUNT * PART_SIZE);
  memory.fill(crossers, 0, CROSSERS_COUNT * CROSSER_SIZE);
  offset = searchedAt(whole).offset;
}

/** Ends a pass: what it collected can be tested if it was complete. */
export function endWhole(complete: bool): void {
  collected = complete && whole != NO_SLOT && filledHigh != 0;
  if (complete && isTesting) turns += searchedAt(whole).wholeValue == VALUE_HELD ? HELD_TURNS : 1;
}

/** The present site, until it has had its turn and another waits. */
function chooseSite(): void {
  const valid = whole != NO_SLOT && searchedAt(whole).used && searchedAt(whole).selfHeld;
  if (valid && turns < TURNS) return;
  const from = whole == NO_SLOT ? 0 : whole + 1;
  for (let i: u32 = 0; i < SEARCHED_MAX; ++i) {
    const slot = (from + i) % SEARCHED_MAX;
    if (!searchedAt(slot).used || !searchedAt(slot).selfHeld) continue;
    if (slot != whole) turns = 0;
    whole = slot;
    return;
  }
  whole = NO_SLOT;
}

/** A live block of the site. */
export function collectBlock(start: u64, end: u64): void {
  const isKnown = isTesting && isKnownStart(start);
  setBit(start);
  filledLow = min(filledLow, start);
  filledHigh = max(filledHigh, end);
  const boundary = (end - 1) & ~(<u64>(SEARCH_PIECE - 1));
  if (isKnown && start < boundary) addCrosser(boundary, start);
  if (isTesting) resolve(isKnown ? start : u64.MAX_VALUE);
}

/** Whether the pass before found a block of the site that begins there. */
export function isKnownStart(start: u64): bool {
  return isSet(tested, start);
}

/** Whether a word can refer to a block of the site that is tested. */
export function mayReferToWhole(target: u64): bool {
  const plain = target & ~START_MASK;
  return mayStart(plain) || (offset != 0 && mayStart(plain - offset));
}

/** A reference to a block of the site. One between two watched blocks of it counts as any; the others wait for the next tag. */
export function defer(location: u64, target: u64): void {
  if (isWatchedOne(location) && isWatchedOne(target)) return countReference(location, target);
  const at = recordAt<Outside>(pendings, pending++);
  at.location = location;
  at.target = target;
}

/** Whether an address lies in a watched block of the site. */
function isWatchedOne(address: u64): bool {
  const block = watchedWith(address);
  return block != NO_BLOCK && slotOf(blockAt(block).birth) == whole;
}

/** A known block begins at `start`, and ends where the scan is: the references that wait lie in it, or in no known block of the site. */
function resolve(start: u64): void {
  for (let i: u32 = 0; i < pending; ++i) {
    const at = recordAt<Outside>(pendings, i);
    if (at.location >= start) isOwn(at.location, at.target);
    else isOutside(at.location, at.target);
  }
  pending = 0;
}

/** The end of a piece: the references that wait may lie in a block that ends in the next. */
export function flushPending(): void {
  resolve(u64.MAX_VALUE);
}

function isOwn(location: u64, target: u64): void {
  const to = watchedWith(target);
  if (to == NO_BLOCK) return;
  const block = blockAt(to);
  if (slotOf(block.birth) != whole) return countReference(location, target);
  if (location < block.address || location >= block.end) block.own = true;
}

function isOutside(location: u64, target: u64): void {
  if (outsideCount == OUTSIDE_COUNT) {
    overflowed = true;
    return countReference(location, target);
  }
  const at = outsideAt(outsideCount++);
  at.location = location;
  at.target = target;
}

export function outsideAt(index: u32): Outside {
  return recordAt<Outside>(outsides, index);
}

/**
 * After the pass: leaves those references out that lie in a block of the site that crosses a boundary, and counts those from outside to
 * watched blocks.
 */
export function settleOutsides(): void {
  let kept: u32 = 0;
  for (let i: u32 = 0; i < outsideCount; ++i) {
    const location = outsideAt(i).location;
    const target = outsideAt(i).target & ADDRESS_MASK;
    if (liesInCrosser(location)) {
      isOwn(location, target);
      continue;
    }
    countReference(location, target);
    outsideAt(kept).location = location;
    outsideAt(kept++).target = target;
  }
  outsideCount = kept;
  const site = searchedAt(whole);
  site.wholeValue = VALUE_NONE;
  site.wholeSite = 0; // a root is kept until another is found: one pass may miss it, while the list's head moves
  site.wholeBy = 0;
  site.wholeHolders = 0;
}

/** Whether there were more references from outside than are kept, or more parts of memory with blocks of the site. */
export function areOutsidesMissing(): bool {
  return overflowed;
}

/** Whether a target is the start of a block of the site, or the offset that references are to, if the block begins at `start`. */
export function isTargetOf(start: u64, target: u64): bool {
  const plain = target & ~START_MASK;
  return plain == start || (offset != 0 && plain - offset == start);
}

/** Whether what a pass found of a block tells nothing, because its site must be looked at as a whole, and was not. */
export function isUntested(block: Block): bool {
  return isSiteUntested(slotOf(block.birth));
}

export function isSiteUntested(slot: Slot): bool {
  return slot != NO_SLOT && searchedAt(slot).selfHeld && !(isTesting && slot == whole);
}

function addCrosser(boundary: u64, start: u64): void {
  const at = crosserAt(boundary);
  at.boundary = boundary;
  at.start = start;
}

function liesInCrosser(location: u64): bool {
  const boundary = (location | (SEARCH_PIECE - 1)) + 1;
  const at = crosserAt(boundary);
  return at.boundary == boundary && location >= at.start;
}

/** A later boundary displaces an earlier one with the same hash: its references are looked up instead. */
function crosserAt(boundary: u64): Crosser {
  return recordAt<Crosser>(crossers, <u32>((boundary / SEARCH_PIECE) % CROSSERS_COUNT));
}

/** Whether a block of the site may begin there, by the last pass, or by this one as far as it has come. */
function mayStart(start: u64): bool {
  return isSet(tested, start) || isSet(filled, start);
}

function isSet(map: usize, start: u64): bool {
  const bits = bitsOf(map, start >> PART_SHIFT);
  return bits != NO_BITS && (load<u8>(bits + byteOf(start)) & maskOf(start)) != 0;
}

function setBit(start: u64): void {
  const part = start >> PART_SHIFT;
  let bits = bitsOf(filled, part);
  if (bits == NO_BITS) {
    if (filledParts == PARTS_USED_MAX) {
      overflowed = true;
      return;
    }
    ++filledParts;
    const entry = entryOf(filled, part);
    store<u32>(filled + entry * PART_SIZE, <u32>part + 1);
    bits = bitsAt(filled, entry);
    memory.fill(bits, 0, PART_BITS_SIZE);
  }
  const at = bits + byteOf(start);
  store<u8>(at, load<u8>(at) | maskOf(start));
}

/** The bits of a part; NO_BITS if no block begins in it. */
function bitsOf(map: usize, part: u64): usize {
  const entry = entryOf(map, part);
  return load<u32>(map + entry * PART_SIZE) ? bitsAt(map, entry) : NO_BITS;
}

/** The entry of a part, or a free one. */
function entryOf(map: usize, part: u64): u32 {
  let entry = <u32>slotOfHash(part * PHI, PARTS_BITS);
  let found = load<u32>(map + entry * PART_SIZE);
  while (found && found != <u32>part + 1) {
    entry = (entry + 1) & PART_MASK;
    found = load<u32>(map + entry * PART_SIZE);
  }
  return entry;
}

function bitsAt(map: usize, entry: u32): usize {
  return map + PARTS_COUNT * PART_SIZE + entry * PART_BITS_SIZE;
}

function byteOf(start: u64): usize {
  return <usize>((start >> 7) & (PART_BITS_SIZE - 1));
}

function maskOf(start: u64): u8 {
  return <u8>((<u32>1) << ((<u32>(start >> 4)) & 7));
}
