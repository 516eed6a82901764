// SPDX-License-Identifier: Apache-2.0
//
// Chains: from a block over the blocks that hold it to a root. Those of a sample are aggregated: that which most blocks have in common is
// told, as retention paths of managed heaps are. Neighbors of one site, as the nodes of a list, are one link of a chain.

import { CHAIN_SITE, WATCHED_MAX } from "../abi";
import { CHAIN_SIZE, chains } from "../base/memory";
import { Block, blockAt, blockWith, firstOf, NO_BLOCK, VALUE_HELD, Watched } from "./block";
import { siteOf } from "./lookup";
import { CHAIN_SITE_SIZE, rootLength, rootText } from "./root";
import { isHeld } from "./rules";
import { searchedAt, Slot, slotOf } from "./searched";
import { hasName, tellerOf } from "./telling";
import { isUntested } from "./whole";

/** Most blocks of a chain. */
const LENGTH: u32 = 16;
const NO_SITE: u32 = u32.MAX_VALUE;
const SEPARATOR: string = " <- ";

/** Hash of the chain of each block of the sample; 0: nothing is known. */
const hashes: usize = memory.data(64 * 8, 8);

/** The chain that is written, and its end; 0: it is only hashed. */
let start: usize = 0;
let end: usize = 0;
let hash: u64 = 0;

export function chainOf(slot: Slot): usize {
  return chains + slot * CHAIN_SIZE;
}

/** Composes the chain that most held blocks of a sample have. */
export function composeChain(slot: Slot): void {
  const site = searchedAt(slot);
  let best: u32 = 0;
  end = 0;
  site.chained = 0;
  for (let i: u32 = 0; i < WATCHED_MAX; ++i) store<u64>(hashes + i * 8, hashOf(firstOf(slot) + i));
  for (let i: u32 = 0; i < WATCHED_MAX; ++i) {
    const count = alike(i);
    if (count <= site.chained) continue;
    site.chained = count;
    best = i;
  }
  start = end = chainOf(slot);
  if (site.chained) follow(firstOf(slot) + best);
  site.chainLength = <u32>(end - start);
}

function alike(position: u32): u32 {
  const own = load<u64>(hashes + position * 8);
  let count: u32 = 0;
  if (own) for (let i: u32 = 0; i < WATCHED_MAX; ++i) if (load<u64>(hashes + i * 8) == own) ++count;
  return count;
}

function hashOf(block: Watched): u64 {
  hash = 0;
  if (blockAt(block).address && blockAt(block).value == VALUE_HELD && isHeld(blockAt(block))) follow(block);
  return hash;
}

/** Follows a chain to its end. */
function follow(from: Watched): void {
  let block = from;
  let last = NO_SITE;
  for (let i: u32 = 0; i < LENGTH; ++i) {
    if (hasName(blockAt(block))) return text(blockAt(block).rootText);
    let holder = tellerOf(blockAt(block));
    if (holder == NO_BLOCK && blockAt(block).by) holder = blockWith(blockAt(block).by);
    if (holder == NO_BLOCK) {
      const root = blockAt(block).rootText;
      if (root) text(root);
      if (root || !isOfWhole(blockAt(block))) return;
      holder = followWhole(blockAt(block), last);
      if (holder == NO_BLOCK) return;
      last = siteOf(block);
    }
    if (siteOf(holder) != last) link(siteOf(holder));
    last = siteOf(holder);
    block = holder;
  }
}

/** Whether what holds a block is what holds its site as a whole. */
function isOfWhole(block: Block): bool {
  return block.own || isUntested(block);
}

/** What holds a block of a site that is looked at as a whole: other blocks of it, and what holds them. Returns the block that does. */
function followWhole(block: Block, last: u32): Watched {
  const site = searchedAt(slotOf(block.birth));
  if (site.site != last) link(site.site);
  if (site.wholeRoot) text(site.wholeRoot);
  if (site.wholeRoot || !site.wholeSite) return NO_BLOCK;
  const holder = blockWith(site.wholeBy);
  if (holder != NO_BLOCK && siteOf(holder) == site.wholeSite) return holder;
  link(site.wholeSite);
  return NO_BLOCK;
}

function link(site: u32): void {
  separate();
  hash = (hash ^ site) * 0x100000001b3 + 1;
  if (!end || end + CHAIN_SITE_SIZE > start + CHAIN_SIZE) return;
  store<u8>(end, <u8>CHAIN_SITE);
  store<u16>(end + 1, <u16>site);
  end += CHAIN_SITE_SIZE;
}

function text(root: u32): void {
  separate();
  hash = (hash ^ (0x10000 + root)) * 0x100000001b3 + 1;
  for (let i: u32 = 0; i < rootLength(root); ++i) put(load<u8>(rootText(root) + i));
}

function separate(): void {
  if (end && end > start) for (let i = 0; i < SEPARATOR.length; ++i) put(SEPARATOR.charCodeAt(i));
}

function put(byte: u32): void {
  if (end && end < start + CHAIN_SIZE) store<u8>(end++, <u8>byte);
}
