// SPDX-License-Identifier: Apache-2.0
//
// What the search asks of the host after a pass, in these steps:
//
//   giants     whether what looks like the header of a very large block is one
//   outsides   what holds the site that is looked at as a whole
//   links      whether the blocks that hold others still have their tags
//   turns      whether the blocks that are about to be called lost have them. Then all samples are judged
//   lookups    which blocks hold the blocks that are referred to from outside all watched blocks: they are watched from the next pass on
//   roots      what is at the addresses of references that lie in no block: at the first of a block, and if that is only somewhere in
//              the server's memory, at its others, of which one may have a name (telling.ts)
//
// The host calls nextRequest() until that returns REQUEST_NONE, and answers each request. The numbers of requests are bounded; lookups go on
// after the next pass where they ended.

import { EPOCH_BITS, LOOKUPS_MAX, REQUEST_NONE, REQUEST_PLACE, REQUEST_READ, SEARCHED_MAX, TAG_SIZE } from "../abi";
import { BLOCKS_COUNT, SAMPLED_COUNT, window } from "../base/memory";
import { Block, blockAt, clearBlock, placeOf, sortBlocks, NO_BLOCK, VALUE_NONE, Watched } from "./block";
import { composeChain } from "./chain";
import { answerGiant, GIANT_END, giantRoot, nextGiantEnd } from "./giant";
import { isAtTurn, judgeSite } from "./judge";
import {
  beginLookup,
  continueLookup,
  findObject,
  forgetLookups,
  foundSpent,
  holder,
  LOOKUP_BLOCK,
  LOOKUP_GOES_ON,
  LOOKUP_UNKNOWN,
  nextAddress,
  nextLength,
  siteOf,
  watchFound,
} from "./lookup";
import { markBlocks } from "./mark";
import { answerOutside, answerOutsideRoot, beginOutsides, nextOutside, outsidePlace } from "./outside";
import { isNamed, isVariable, rootNumber, rootOfSite } from "./root";
import { NO_SLOT, searchedAt, Slot, slotOf } from "./searched";
import { BLOCK_FAR } from "./tag";
import { markTellers } from "./telling";
import { isSiteUntested } from "./whole";

const STEP_NONE: u32 = 0;
const STEP_GIANTS: u32 = 1;
const STEP_OUTSIDES: u32 = 2;
const STEP_LINKS: u32 = 3;
const STEP_TURNS: u32 = 4;
const STEP_LOOKUPS: u32 = 5;
const STEP_ROOTS: u32 = 6;

/** Links of a chain beyond which nothing is looked up: what holds the last of them is not known. */
const DEPTH: u32 = 8;
/** Links of its own site from which on the whole site must be looked at. */
const OWN_DEPTH: u32 = 3;
/** A known root is looked up again in one of so many passes. */
const AGAIN: u32 = 8;
const ROOTS_ASKED: u32 = 128;

let step: u32 = STEP_NONE;
let thorough: bool = false;
/** The block that the last request is about, and the number of its reference; of a root its place, and whether the root was asked for. */
let current: Watched = 0;
let reference: u32 = 0;
let place: u64 = 0;
let isRootAsked: bool = false;
/** Blocks looked at, and lookups or places asked for, in this step. */
let visited: u32 = 0;
let asked: u32 = 0;
/** The block at which the lookups of the next pass begin, and the number of passes. */
let first: Watched = 0;
/** The first block whose lookup has not ended, because enough was read: the next pass begins with it. */
let starved: Watched = NO_BLOCK;
let turn: u32 = 0;

/** The last lookup needs more memory. */
let goesOn: bool = false;

let address: u64 = 0;
let length: u32 = 0;

export function forgetRequests(): void {
  step = STEP_NONE;
}

/** Begins the requests after a complete pass. */
export function beginRequests(isThorough: bool): void {
  thorough = isThorough;
  ++turn;
  starved = NO_BLOCK;
  forgetLookups();
  beginOutsides();
  enter(STEP_GIANTS);
}

function enter(next: u32): void {
  step = next;
  visited = asked = 0;
  reference = 0;
  isRootAsked = goesOn = false;
  current = next == STEP_LINKS ? SAMPLED_COUNT : next == STEP_LOOKUPS ? first : 0;
}

/** What the search needs next, REQUEST_... */
export function nextRequest(): u32 {
  if (step == STEP_GIANTS) {
    const end = nextGiantEnd();
    if (end) return read(end, GIANT_END);
    enter(STEP_OUTSIDES);
  }
  if (step == STEP_OUTSIDES) {
    const what = goesOn ? REQUEST_READ : nextOutside();
    if (what == REQUEST_READ) return read(nextAddress, nextLength);
    if (what == REQUEST_PLACE) return ask(outsidePlace());
    enter(STEP_LINKS);
  }
  if (step == STEP_LINKS) {
    for (; current < BLOCKS_COUNT; ++current) if (blockAt(current).tag) return readTag();
    markBlocks();
    markTellers();
    enter(STEP_TURNS);
  }
  if (step == STEP_TURNS) {
    for (; current < SAMPLED_COUNT; ++current) if (isAtTurn(blockAt(current))) return readTag();
    judge();
    sortBlocks(); // samples have changed: what was taken in is not to be a link as well
    enter(STEP_LOOKUPS);
  }
  if (step == STEP_LOOKUPS) {
    if (findLookup()) return read(nextAddress, nextLength);
    // One that starves in each pass must not keep the others from theirs.
    first = starved == NO_BLOCK ? current : starved == first ? (first + 1) % BLOCKS_COUNT : starved;
    sortBlocks();
    enter(STEP_ROOTS);
  }
  if (step == STEP_ROOTS && asked < ROOTS_ASKED) {
    for (; current < BLOCKS_COUNT; nextPlaces()) {
      while (findPlace(blockAt(current))) {
        const root = giantRoot(place);
        if (!root) return ask(place);
        takeRoot(blockAt(current), root);
      }
    }
  }
  if (step != STEP_NONE) composeChains();
  step = STEP_NONE;
  return REQUEST_NONE;
}

function composeChains(): void {
  for (let slot: Slot = 0; slot < SEARCHED_MAX; ++slot) {
    if (searchedAt(slot).used && !isSiteUntested(slot)) composeChain(slot);
  }
}

/** The address that the last request is about. */
export function requestAddress(): u64 {
  return address;
}

/** Bytes to read into the window. */
export function requestLength(): u32 {
  return length;
}

/** Answers REQUEST_READ: the window holds so many bytes, from the first on; fewer than were asked for where the memory behind cannot be read. */
export function answerRequest(bytes: u32): void {
  if (step == STEP_GIANTS) return answerGiant(bytes == length);
  if (step == STEP_OUTSIDES || step == STEP_LOOKUPS) return goOn(continueLookup(min(bytes, length)));
  const block = blockAt(current++);
  block.seen = bytes == length && load<u64>(window) == block.tag;
}

/** Answers REQUEST_PLACE: the text in the input region has so many bytes; none if nothing is known of the address yet. */
export function answerPlace(textLength: u32): void {
  const isSure = isVariable(textLength);
  answerRoot(textLength ? rootNumber(textLength) : 0, isSure);
}

/**
 * Answers REQUEST_PLACE: the address lies in an object, or in a mapped range, of this birth. From the next pass on that is a link of the
 * chain. A range that is larger than any block is a root, as somebody has reserved it.
 */
export function answerPlaceIn(birth: u32, start: u64, size: u64, isMapped: u32): void {
  const isLink = size <= BLOCK_FAR;
  if (isLink) findObject(birth, start, size);
  if (isLink && step == STEP_OUTSIDES) return answerOutside(LOOKUP_BLOCK);
  if (
    isLink &&
    step == STEP_ROOTS &&
    siteOf(current) != birth >> EPOCH_BITS &&
    watchFound(blockAt(current).depth + 1) != NO_BLOCK
  ) {
    blockAt(current).root = blockAt(current).rootText = 0;
    return;
  }
  answerRoot(rootOfSite(birth >> EPOCH_BITS), !isMapped);
}

function answerRoot(root: u32, isSure: bool): void {
  if (step == STEP_OUTSIDES) return answerOutsideRoot(root, isSure);
  if (step == STEP_ROOTS) takeRoot(blockAt(current), root);
}

function readTag(): u32 {
  return read(blockAt(current).end - TAG_SIZE, TAG_SIZE);
}

function read(from: u64, bytes: u32): u32 {
  address = from;
  length = bytes;
  return REQUEST_READ;
}

function ask(about: u64): u32 {
  address = about;
  length = 0;
  ++asked;
  return REQUEST_PLACE;
}

/** Judges all samples, and drops links that have gone or hold nothing. */
function judge(): void {
  for (let slot: Slot = 0; slot < SEARCHED_MAX; ++slot) if (searchedAt(slot).used) judgeSite(slot, thorough);
  for (let link = SAMPLED_COUNT; link < BLOCKS_COUNT; ++link) if (!blockAt(link).seen || !blockAt(link).used) clearBlock(link);
}

/** Finds the next reference whose holder is to be looked up, from the present one on, and begins that. */
function findLookup(): bool {
  if (goesOn) return true;
  while (visited < BLOCKS_COUNT && asked < LOOKUPS_MAX) {
    const block = blockAt(current);
    if (reference < block.places && (reference ? !isTold(block) : isLookedUp(block))) {
      if (!reference && !hasPlace(block, block.root)) block.root = 0;
      const at = placeOf(current, reference);
      const root = giantRoot(at);
      if (root) {
        takeGiant(block, at, root);
        continue;
      }
      beginLookup(at);
      ++asked;
      return true;
    }
    if (reference && !block.root) block.rootText = 0;
    nextBlock();
  }
  return false;
}

function nextBlock(): void {
  reference = 0;
  ++visited;
  current = (current + 1) % BLOCKS_COUNT;
}

/** Finds the next place of a block to ask for: that of its root, then others until one has a name. */
function findPlace(block: Block): bool {
  if (!block.address || !block.root) return false;
  place = block.root;
  if (!block.rootText && !isRootAsked) return (isRootAsked = true);
  while (reference < block.places && !isNamed(block.rootText)) {
    place = placeOf(current, reference);
    if ((block.outsides >> reference++) & 1 && place != block.root) return true;
  }
  return false;
}

function nextPlaces(): void {
  reference = 0;
  isRootAsked = false;
  ++current;
}

/** A name is better than none, and a variable whose name is not known yet has one. */
function takeRoot(block: Block, root: u32): void {
  if (place != block.root && root && !isNamed(root)) return;
  if (place != block.root && !root && !block.rootText) return;
  block.root = place;
  block.rootText = root;
}

/** Whether the references to a block are looked up after this pass. */
function isLookedUp(block: Block): bool {
  if (!block.address || block.spent || block.value == VALUE_NONE || block.depth >= DEPTH) return false;
  return !hasPlace(block, block.root) || (turn + current) % AGAIN == 0;
}

/** Whether one of the places that the lookups of this pass have found in no block has a name. */
function isTold(block: Block): bool {
  return block.root != 0 && block.outsides != 0 && isNamed(block.rootText);
}

function hasPlace(block: Block, place: u64): bool {
  for (let i: u32 = 0; i < block.places; ++i) if (placeOf(current, i) == place) return true;
  return false;
}

function goOn(found: u32): void {
  goesOn = found == LOOKUP_GOES_ON;
  if (goesOn) return;
  if (step == STEP_OUTSIDES) answerOutside(found);
  else answerLookup(found);
}

function answerLookup(found: u32): void {
  const block = blockAt(current);
  if (found == LOOKUP_UNKNOWN) {
    if (starved == NO_BLOCK && !block.outsides) starved = current;
    return nextBlock();
  }
  if (found == LOOKUP_BLOCK) takeHolder();
  else takeOutside(block, placeOf(current, reference));
  ++reference;
}

/** The first place in no block is the root, until another proves to have a name. */
function takeOutside(block: Block, at: u64): void {
  block.outsides |= 1 << reference;
  if (block.root) return;
  block.root = at;
  block.rootText = 0;
}

/** The present place is in a very large block, which is a root with a name. */
function takeGiant(block: Block, at: u64, root: u32): void {
  block.outsides |= 1 << reference++;
  block.root = at;
  block.rootText = root;
}

/**
 * Watches the block that holds the present one. In a chain of blocks of its own site that would never end, and it tells no more than what
 * else holds it.
 */
function takeHolder(): void {
  const block = blockAt(current);
  const isOwn = !foundSpent && holder.birth >> EPOCH_BITS == siteOf(current);
  if (placeOf(current, reference) == block.root) block.root = 0;
  if (isOwn && block.outsides) return;
  if (isOwn && block.depth >= OWN_DEPTH) {
    const slot = slotOf(block.birth);
    if (slot != NO_SLOT) searchedAt(slot).selfHeld = true;
    return;
  }
  watchFound(block.depth + 1);
}
