// SPDX-License-Identifier: Apache-2.0
//
// Tags in memory that is searched: which block a word at some address is the tag of. A tag tells neither the start of its block nor its
// usable size, but its check is a keyed hash of the start. So starts are tried, from the nearest downwards, until one verifies. The
// format is that of host/ats/core/tag.h.

import {
  EPOCH_BITS,
  TAG_BIRTH_BITS,
  TAG_BIRTH_SHIFT,
  TAG_CHECK_BITS,
  TAG_GUARDED,
  TAG_LEFT_SHIFT,
  TAG_SIZE,
  TAG_SLACK_LONG,
  TAG_SLACK_SHIFT,
} from "../abi";
import { PHI } from "../base/hash";

/** As in memtrack_tag_check_(). */
const FINISHER: u64 = 0xff51afd7ed558ccd;
/** Every allocator aligns blocks of 16 bytes or more so. */
const ALIGNMENT: u64 = 16;
/** Of larger blocks only starts near the beginning of a page are tried, where allocators place most of them. */
export const BLOCK_NEAR: u64 = 128 * 1024;
/** Larger blocks are not found. */
export const BLOCK_FAR: u64 = 64 * 1024 * 1024;
const PAGE: u64 = 4096;

const CHECK_MASK: u64 = (1 << TAG_CHECK_BITS) - 1;
const COPY_MASK: u64 = (1 << TAG_LEFT_SHIFT) - 1;

/** Upper bound of existing births, counted from site 1. */
export let births: u64 = 0;

export function setBirths(bound: u32): void {
  births = bound;
}

/** The last site that was assigned: the upper 16 bits of a tag are at most that. */
export function lastSite(): u64 {
  return births ? (births - 1 + (1 << EPOCH_BITS)) >> EPOCH_BITS : 0;
}

/** Whether a word can be a tag: its site was assigned. */
// @ts-ignore: decorator
@inline
export function canBeTag(word: u64): bool {
  return (word >> TAG_BIRTH_SHIFT) - (1 << EPOCH_BITS) < births;
}

export function birthOf(tag: u64): u32 {
  return <u32>(tag >> TAG_BIRTH_SHIFT);
}

/** The check: a uniform hash of the block's address, its birth and its slack, for whoever knows no key. */
export function checkOf(tag: u64): u64 {
  return tag & CHECK_MASK;
}

export function hash(key: u64, block: u64, slack: u64, birth: u64): u64 {
  const x = (block ^ key) + ((slack << TAG_BIRTH_BITS) | birth) * PHI;
  return ((x ^ (x >> 33)) * FINISHER) >> (64 - TAG_CHECK_BITS);
}

/**
 * Start of the block whose tag is `tag`, at `address`; 0 if it is no tag of this key.
 * @param before the word before the tag, which has the slack if that is long
 * @param reach bytes in which it is looked for wherever it may be
 */
export function startOf(address: u64, tag: u64, before: u64, key: u64, reach: u64 = BLOCK_NEAR): u64 {
  const end = address + TAG_SIZE;
  const slack = slackOf(tag, before);
  if (((tag >> TAG_SLACK_SHIFT) & TAG_SLACK_LONG) != TAG_SLACK_LONG) return startWithin(end, slack, tag, key, reach);
  const differs = (before ^ tag) & COPY_MASK;
  if (slack < TAG_SLACK_LONG + TAG_SIZE || slack > BLOCK_FAR) return 0;
  if (differs && (differs != COPY_MASK || slack < TAG_GUARDED)) return 0; // the copy of a block with a guard is inverted
  const start = startWithin(end, slack, tag, key, reach);
  return start ? start : farStart(end, slack, tag, key);
}

/**
 * Start of a block of BLOCK_FAR bytes at most, wherever it may be; 0 if it is no tag of this key. It tries up to four million starts, which
 * takes some milliseconds.
 */
export function startFar(address: u64, tag: u64, before: u64, key: u64): u64 {
  const end = address + TAG_SIZE;
  return startWithin(end, slackOf(tag, before), tag, key, BLOCK_FAR);
}

/** Whether a word is the tag of the block that begins at `start`, of this key. */
export function isTagOf(start: u64, tag: u64, before: u64, key: u64): bool {
  return hash(key, start, slackOf(tag, before), tag >> TAG_BIRTH_SHIFT) == checkOf(tag);
}

/** Bytes of a block behind what its user asked for. */
export function slackOf(tag: u64, before: u64): u64 {
  const code = (tag >> TAG_SLACK_SHIFT) & TAG_SLACK_LONG;
  return code == TAG_SLACK_LONG ? before >> TAG_LEFT_SHIFT : code + TAG_SIZE;
}

/** End of the part of a block that its user asked for, if it ends at `end`; one byte at least. */
export function userEndOf(start: u64, end: u64, tag: u64, before: u64): u64 {
  return max(end - slackOf(tag, before), start + 1);
}

function startWithin(end: u64, slack: u64, tag: u64, key: u64, reach: u64): u64 {
  const birth = tag >> TAG_BIRTH_SHIFT;
  const check = checkOf(tag);
  if (end < slack) return 0;
  const least = end > reach ? end - reach : ALIGNMENT;
  for (let start = (end - slack) & ~(ALIGNMENT - 1); start >= least; start -= ALIGNMENT) {
    if (hash(key, start, slack, birth) == check) return start;
  }
  return 0;
}

function farStart(end: u64, slack: u64, tag: u64, key: u64): u64 {
  const birth = tag >> TAG_BIRTH_SHIFT;
  const check = checkOf(tag);
  const least = end > BLOCK_FAR ? end - BLOCK_FAR : PAGE;
  for (let page = (end - slack) & ~(PAGE - 1); page >= least; page -= PAGE) {
    if (hash(key, page, slack, birth) == check) return page;
    if (hash(key, page + ALIGNMENT, slack, birth) == check) return page + ALIGNMENT;
  }
  return 0;
}
