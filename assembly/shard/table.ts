// SPDX-License-Identifier: Apache-2.0
//
// The hash of sites: key (address, attributes) -> site number, linear probing over u16 slots. The index is never full (at most half
// of its slots are keys in use), so a probe always meets an empty slot: lookup is total without a probe limit, and never depends on
// the order of insertion. That matters: a site found by one shard and not by another would have its releases charged elsewhere.
//
// Hashing is multiplicative (hash.ts). Addresses of literals lie at regular distances, and a plain product of such keys lies in
// regular distances again, often in runs: 4,096 keys 32 bytes apart were 3,240 probes away from their slots, together, where random
// keys are 690. Folding the key first makes that 158 (48 bytes apart: 5,699 and 1,119; literals of mixed lengths: 755 and 466), for
// two instructions.

import { SITE_FIRST, SITE_UNKNOWN } from "../abi";
import { PHI } from "../base/hash";
import { index, indexMask, indexShift, slots } from "../base/memory";
import { setValueAt, valueAt } from "../base/regions";
import { Site } from "../base/types";
import { hasKey, setKey, siteAt } from "./site";

const FOLD: u64 = 15;
/** Spreads line and owner over the whole word, so that neighbouring lines of one file do not fall together. */
const SPREAD: u64 = 0xbf58476d1ce4e5b9;

/** Of no class, and so of no key that is ever asked for. */
const NO_ATTRIBUTES: u64 = u64.MAX_VALUE;

/** Slots of the index that lead anywhere. */
let taken: usize = 0;

/**
 * The first slot of a probe: where nearly every key is. Short, without a loop or a call, and so inlined into the hot path.
 * An empty slot needs no test: it leads to site 0, whose key is that of no location at all.
 * @returns the site's number, or SITE_UNKNOWN where this slot does not tell
 */
// @ts-ignore: decorator
@inline
export function findFirst(address: u64, attributes: u64): Site {
  const site = <u32>valueAt<u16>(index, slotOf(address, attributes));
  return hasKey(siteAt(site), address, attributes) ? site : SITE_UNKNOWN;
}

/**
 * The first two slots, for a class with thousands of keys: with 4,000 of them one in eight is not in the first slot. The slot
 * behind the last one is empty or the beginning of site 0's record, which is zero too: the probe's own first slot is not looked for
 * there.
 * @returns the site's number, or SITE_UNKNOWN where these slots do not tell
 */
// @ts-ignore: decorator
@inline
export function findNear(address: u64, attributes: u64): Site {
  const first = index + slotOf(address, attributes) * sizeof<u16>();
  const site = <u32>valueAt<u16>(first, 0);
  if (hasKey(siteAt(site), address, attributes)) return site;
  const next = <u32>valueAt<u16>(first, 1);
  return hasKey(siteAt(next), address, attributes) ? next : SITE_UNKNOWN;
}

/** @returns the site's number, or 0 where the key is not in the table */
export function find(address: u64, attributes: u64): Site {
  let at = slotOf(address, attributes);
  let site = <u32>valueAt<u16>(index, at);
  while (site && !hasKey(siteAt(site), address, attributes)) {
    at = (at + 1) & indexMask;
    site = valueAt<u16>(index, at);
  }
  return site;
}

/**
 * Enters a key that is not in the table yet. Where the site had another, that one's slot stays and leads to a key that is not its
 * own: a probe goes past it. So that such slots do not fill the index, it is made anew when it is three quarters full.
 */
export function insert(site: Site, address: u64, attributes: u64): void {
  setKey(siteAt(site), address, attributes);
  if (++taken > ((indexMask + 1) / 4) * 3) rebuild();
  else enter(site, slotOf(address, attributes));
}

/** Takes a site's key away; its slot leads to one that is no location's. */
export function forget(site: Site): void {
  setKey(siteAt(site), 0, NO_ATTRIBUTES);
}

export function reset(): void {
  taken = 0;
}

function enter(site: Site, at: usize): void {
  while (valueAt<u16>(index, at)) at = (at + 1) & indexMask;
  setValueAt<u16>(index, at, <u16>site);
}

function rebuild(): void {
  memory.fill(index, 0, (indexMask + 1) * sizeof<u16>());
  taken = 0;
  for (let site = SITE_FIRST; site < slots; ++site) {
    const at = siteAt(site);
    if (!at.address && (!at.attributes || at.attributes == NO_ATTRIBUTES)) continue;
    ++taken;
    enter(site, slotOf(at.address, at.attributes));
  }
}

// @ts-ignore: decorator
@inline
function slotOf(address: u64, attributes: u64): usize {
  const key = address ^ (attributes * SPREAD);
  const hash = (key ^ (key >>> FOLD)) * PHI;
  return <usize>(hash >>> indexShift);
}
