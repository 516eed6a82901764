// SPDX-License-Identifier: Apache-2.0
//
// What holds a site that is looked at as a whole (whole.ts): the references from outside are looked at one by one. First whether it refers to
// a live block of the site at all, as the bitmap is hashed; then which block it lies in, or else what is there. A variable of a module holds
// the site; a word in a stack or in the server's heap may be what is left of an earlier one, and leaves it unsure; a block with a tag holds it
// if it is held itself (mark.ts), and is not one of many of its site of which no other does. A very large block (giant.ts) is not watched: one
// that is live counts as held.

import { EPOCH_BITS, REQUEST_NONE, REQUEST_PLACE, REQUEST_READ } from "../abi";
import { VALUE_HELD, VALUE_UNSURE } from "./block";
import { giantRoot } from "./giant";
import { beginLookup, foundKey, foundSpent, holder, LOOKUP_BLOCK, LOOKUP_UNKNOWN, watchFound } from "./lookup";
import { countHolders, holderBlocks, Searched, searchedAt } from "./searched";
import {
  areOutsidesMissing,
  isKnownStart,
  isTargetOf,
  isTesting,
  Outside,
  outsideAt,
  outsideCount,
  settleOutsides,
  whole,
} from "./whole";

/** References that are looked at after a pass. */
const LOOKED_AT: u32 = 256;

/** So many blocks of a site to one of them that holds another site as a whole. */
const RARE: u32 = 8;

const TARGET: u32 = 0;
const LOCATION: u32 = 1;
const PLACE: u32 = 2;

let index: u32 = 0;
let phase: u32 = TARGET;
let isRootFound: bool = false;

/** Begins after a complete pass. */
export function beginOutsides(): void {
  index = 0;
  phase = TARGET;
  isRootFound = false;
  if (!isTesting) return;
  settleOutsides();
  if (areOutsidesMissing() || outsideCount > LOOKED_AT) raise(VALUE_UNSURE);
}

/** Begins the next request: REQUEST_READ for a lookup (lookup.ts), REQUEST_PLACE for the address of outsidePlace(). */
export function nextOutside(): u32 {
  const root = isAnyLeft() && phase == LOCATION ? giantRoot(present().location) : 0;
  if (root) answerOutsideRoot(root, true);
  if (!isAnyLeft()) return REQUEST_NONE;
  if (phase == PLACE) return REQUEST_PLACE;
  beginLookup(phase == TARGET ? present().target : present().location);
  return REQUEST_READ;
}

function isAnyLeft(): bool {
  return isTesting && index < min(outsideCount, LOOKED_AT) && !isRootFound;
}

export function outsidePlace(): u64 {
  return present().location;
}

/** The lookup has ended. */
export function answerOutside(found: u32): void {
  if (found == LOOKUP_UNKNOWN) {
    raise(VALUE_UNSURE);
    return next();
  }
  const isBlock = found == LOOKUP_BLOCK;
  const isOwn = isBlock && !foundSpent && holder.birth >> EPOCH_BITS == site().site;
  if (phase == TARGET) {
    if (isOwn && isTargetOf(holder.address, present().target)) phase = LOCATION;
    else next();
  } else if (!isBlock) phase = PLACE;
  else {
    if (foundSpent) raise(VALUE_UNSURE);
    else if (!isOwn) takeHolder();
    else if (!isKnownStart(holder.address)) raise(VALUE_HELD); // a younger block
    next();
  }
}

/** What is at the place: a root; none if it is not known yet. */
export function answerOutsideRoot(root: u32, isSure: bool): void {
  if (isSure) site().wholeRoot = root;
  isRootFound = isSure;
  raise(isSure ? VALUE_HELD : VALUE_UNSURE);
  next();
}

/** A block with a tag holds the site. It is watched from the next pass on; the first one alone, those of other sites leave it unsure. */
function takeHolder(): void {
  const itsSite = holder.birth >> EPOCH_BITS;
  if (!site().wholeBy) {
    watchFound(1);
    countHolders(itsSite, foundKey);
    site().wholeBy = holder.address;
    site().wholeSite = itsSite;
  }
  if (itsSite == site().wholeSite) site().wholeHolders = site().wholeHolders + 1;
  else raise(VALUE_UNSURE);
}

/**
 * Whether the blocks that hold the site are few among those of their site: then a word in one of them is rather what an earlier block has
 * left there. That is not known yet in the first pass that finds them.
 */
export function areHoldersRare(): bool {
  return !holderBlocks || holderBlocks > <u64>site().wholeHolders * RARE;
}

function raise(value: u32): void {
  site().wholeValue = max(site().wholeValue, value);
}

function next(): void {
  ++index;
  phase = TARGET;
}

function present(): Outside {
  return outsideAt(index);
}

function site(): Searched {
  return searchedAt(whole);
}
