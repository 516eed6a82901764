// SPDX-License-Identifier: Apache-2.0
//
// The sites that are searched, as the watch list says, and what is known of each. A site keeps its entry as long as it is on the list.

import {
  CLASS_OPENSSL,
  EPOCH_BITS,
  EPOCH_MASK,
  INPUT_SIZE,
  SEARCHED_MAX,
  WATCH_BYTES,
  WATCH_CLASS,
  WATCH_SITE,
  WATCH_SIZE,
} from "../abi";
import { input, SEARCHED_SIZE, searchedIndex, searchedSites } from "../base/memory";
import { recordAt, setValueAt, valueAt } from "../base/regions";
import { Site } from "../base/types";
import { BLOCK_NEAR, isTagOf, startOf } from "./tag";

/** Number of an entry. */
export type Slot = u32;
export const NO_SLOT: Slot = u32.MAX_VALUE;
/** The entry of a site that is not searched: its blocks are counted, as one of them holds a site that is (outside.ts). */
export const HOLDERS: Slot = SEARCHED_MAX;
/** A million starts are tried for a word that looks like the tag of a large block, and is none: half a millisecond. */
const REACH_MAX: u64 = 16 * 1024 * 1024;


@unmanaged
export class Searched {
  site: Site;
  key: u64;
  /** Bytes before a tag in which the start of its block is looked for. */
  reach: u64;
  /** Whether the entry is in use, and whether the present watch list has it. */
  used: bool;
  listed: bool;
  /** Its blocks hold one another: only a pass over all of them tells what holds them. */
  selfHeld: bool;
  /** A block that was called lost has been released since. */
  blind: bool;
  /** Blocks that this pass has found beside the sample, as far as they are kept. */
  found: u32;
  /** The offsets, as bits, by which many of its blocks are referred to. */
  shared: u64;
  /** One of these offsets. */
  offset: u64;
  /** What holds all of them, by outside.ts: VALUE_..., and the block and its site, or the root, that does. */
  wholeValue: u32;
  wholeBy: u64;
  wholeSite: Site;
  /** The references in blocks of that site. */
  wholeHolders: u32;
  wholeRoot: u32;
  /** Bytes of its chain (chain.ts), and the blocks of the sample that have it. */
  chainLength: u32;
  chained: u32;
  /** Complete passes. */
  passes: u32;
  /** Blocks of the sample, and of these in the last pass, by FINDING_... */
  watched: u32;
  old: u32;
  lost: u32;
  probably: u32;
  held: u32;
  unsure: u32;
  /** Live blocks of ended epochs: in this pass so far, in the last one. */
  counting: u64;
  blocks: u64;
  /** The same of those of earlier epochs than this one: the ripe cohort (cohort.ts). */
  countingRipe: u64;
  ripe: u64;
  ripeEpoch: u32;
  /** Lost blocks, at least, and as the sample has them (finding.ts). */
  estimate: u64;
  expected: u64;
  /** Epochs of lost blocks: a bit for each. */
  epochsLow: u64;
  epochsHigh: u64;
}

if (offsetof<Searched>() > SEARCHED_SIZE) ERROR("larger than memory.ts tells");

let key: u64 = 0;
let opensslKey: u64 = 0;
/** The present epoch: its blocks are not watched. */
export let epoch: u32 = 0;

/** Sets the keys of tags. Returns whether they have changed. */
export function setKeys(plain: u64, openssl: u64): bool {
  const changed = plain != key || openssl != opensslKey;
  key = plain;
  opensslKey = openssl;
  return changed;
}

export function setEpoch(now: u32): void {
  epoch = now & EPOCH_MASK;
}

export function plainKey(): u64 {
  return key;
}

/** The key of the tag that startWithKey() has found. */
export let keyFound: u64 = 0;

/** Start of the block whose tag is at `address`, with either key; 0 if it is no tag. See startOf(). */
export function startWithKey(address: u64, tag: u64, before: u64): u64 {
  const start = startOf(address, tag, before, key);
  keyFound = start ? key : opensslKey;
  return start ? start : startOf(address, tag, before, opensslKey);
}

/** Whether a word is the tag of the block that begins at `start`, with either key. */
export function isTagWithKey(start: u64, tag: u64, before: u64): bool {
  return isTagOf(start, tag, before, key) || isTagOf(start, tag, before, opensslKey);
}

export function searchedAt(slot: Slot): Searched {
  return recordAt<Searched>(searchedSites, slot, SEARCHED_SIZE);
}

/** Whether a block of a birth is old enough to be watched: its epoch has ended, so a block allocated now has another tag. */
export function isOfEndedEpoch(birth: u32): bool {
  return (birth & EPOCH_MASK) < epoch;
}

/** The entry of a birth's site; NO_SLOT if it is not searched. */
// @ts-ignore: decorator
@inline
export function slotOf(birth: u32): Slot {
  return <u32>valueAt<u8>(searchedIndex, birth >> EPOCH_BITS) - 1;
}

export function forgetSearched(): void {
  memory.fill(searchedIndex, 0, 0x10000);
  memory.fill(searchedSites, 0, (SEARCHED_MAX + 1) * SEARCHED_SIZE);
}

/** The entry of the site whose blocks are counted as holders, and their number so far in this pass. */
export let holderSlot: Slot = NO_SLOT;
export let holderBlocks: u64 = 0;

export function beginHolders(): void {
  holderBlocks = 0;
}

export function addHolder(): void {
  ++holderBlocks;
}

/** Counts the blocks of a site from the next pass on. */
export function countHolders(site: Site, itsKey: u64): void {
  const slot = slotOf(site << EPOCH_BITS);
  if (slot != holderSlot) holderBlocks = 0; // of another site
  holderSlot = slot;
  if (slot != NO_SLOT) return;
  forgetHolders();
  holderSlot = HOLDERS;
  setValueAt<u8>(searchedIndex, site, <u8>(HOLDERS + 1));
  const at = searchedAt(HOLDERS);
  at.site = site;
  at.key = itsKey;
  at.reach = BLOCK_NEAR;
}

function forgetHolders(): void {
  const at = searchedAt(HOLDERS);
  if (at.site) setValueAt<u8>(searchedIndex, at.site, 0);
  memory.fill(changetype<usize>(at), 0, SEARCHED_SIZE);
  holderSlot = NO_SLOT;
  holderBlocks = 0;
}

/** Ends the search of all sites that are not in the watch list in the input region. */
export function dropUnlisted(length: u32): void {
  for (let slot: Slot = 0; slot < SEARCHED_MAX; ++slot) searchedAt(slot).listed = false;
  for (let at = input; at + WATCH_SIZE <= endOf(length); at += WATCH_SIZE) keep(at);
  for (let slot: Slot = 0; slot < SEARCHED_MAX; ++slot) if (!searchedAt(slot).listed) drop(slot);
}

/** Begins the search of all sites in that list that have no entry yet, as long as there are entries. */
export function enterListed(length: u32): void {
  for (let at = input; at + WATCH_SIZE <= endOf(length); at += WATCH_SIZE)
    enter(load<u32>(at, WATCH_SITE), load<u32>(at, WATCH_CLASS), reachOf(at));
}

function endOf(length: u32): usize {
  return input + min(length, INPUT_SIZE);
}

/** Blocks of a site differ in size. */
function reachOf(entry: usize): u64 {
  return max(BLOCK_NEAR, min(8 * <u64>load<u32>(entry, WATCH_BYTES), REACH_MAX));
}

function keep(entry: usize): void {
  const site = load<u32>(entry, WATCH_SITE);
  const slot = site <= u16.MAX_VALUE ? slotOf(site << EPOCH_BITS) : NO_SLOT;
  if (slot == NO_SLOT) return;
  searchedAt(slot).listed = true;
  searchedAt(slot).reach = reachOf(entry);
}

function drop(slot: Slot): void {
  const at = searchedAt(slot);
  if (at.used) setValueAt<u8>(searchedIndex, at.site, 0);
  if (slot == holderSlot) holderSlot = NO_SLOT;
  memory.fill(changetype<usize>(at), 0, SEARCHED_SIZE);
}

function enter(site: Site, cls: u32, reach: u64): void {
  if (site > u16.MAX_VALUE) return;
  if (slotOf(site << EPOCH_BITS) == HOLDERS) forgetHolders();
  if (slotOf(site << EPOCH_BITS) != NO_SLOT) return;
  for (let slot: Slot = 0; slot < SEARCHED_MAX; ++slot) {
    const at = searchedAt(slot);
    if (at.used) continue;
    at.used = at.listed = true;
    at.site = site;
    at.reach = reach;
    at.key = cls == CLASS_OPENSSL ? opensslKey : key;
    setValueAt<u8>(searchedIndex, site, <u8>(slot + 1));
    return;
  }
}
