// SPDX-License-Identifier: Apache-2.0
//
// Hash table of sites: key (address, attributes) -> site number, linear probing over u16 slots. At most half of the index slots
// hold current keys, so the index is never full and a probe always meets an empty slot: lookup needs no probe limit and does not
// depend on the order of insertion. This is essential: if one shard found a site and another did not, releases would be charged to
// a different site than allocations.
//
// Hashing is multiplicative (hash.ts). Addresses of literals have regular distances, and so do their plain products, often in runs:
// 4,096 keys 32 bytes apart had a total distance of 3,240 probes from their slots; random keys have 690. Folding the key first
// reduces this to 158 (48 bytes apart: 5,699 to 1,119; literals of mixed lengths: 755 to 466), for two instructions.

import { ATTRIBUTES_SAMPLED, SITE_FIRST, SITE_UNKNOWN } from "../abi";
import { PHI } from "../base/hash";
import { index, indexMask, indexShift, slots } from "../base/memory";
import { setValueAt, valueAt } from "../base/regions";
import { Site } from "../base/types";
import { hasKey, setKey, siteAt } from "./site";

const FOLD: u64 = 15;
/** Spreads line and owner over the whole word, so that neighboring lines of a file do not collide. */
const SPREAD: u64 = 0xbf58476d1ce4e5b9;

/** Belongs to no class, so no lookup uses it. */
const NO_ATTRIBUTES: u64 = u64.MAX_VALUE;

/**
 * A bit that no key has, in the attributes of a sampled site's record. findFirst() and findNear() therefore do not find the site, and the
 * host takes its slow path, where it looks whether to sample; for all other sites nothing changes.
 */
const SAMPLED: u64 = ATTRIBUTES_SAMPLED;

/** Occupied slots, outdated ones included. */
let taken: usize = 0;

/**
 * Reads the first slot of a probe, which holds nearly every key. Without a loop or a call, to be inlined into the hot path. An
 * empty slot needs no test: it refers to site 0, whose key no location has.
 * @returns the site's number, or SITE_UNKNOWN if this slot does not hold the key
 */
// @ts-ignore: decorator
@inline
export function findFirst(address: u64, attributes: u64): Site {
  const site = <u32>valueAt<u16>(index, slotOf(address, attributes));
  return hasKey(siteAt(site), address, attributes) ? site : SITE_UNKNOWN;
}

/**
 * Reads the first two slots, for a class with thousands of keys: with 4,000 keys an eighth are not in the first slot. Behind the
 * last slot is either an empty slot or the beginning of site 0's record, which is zero as well; the search does not wrap.
 * @returns the site's number, or SITE_UNKNOWN if neither slot holds the key
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

/** @returns the site's number, or 0 if the key is not in the table */
export function find(address: u64, attributes: u64): Site {
  let at = slotOf(address, attributes);
  let site = <u32>valueAt<u16>(index, at);
  while (site && !hasKey(siteAt(site), address, attributes) && !hasKey(siteAt(site), address, attributes | SAMPLED)) {
    at = (at + 1) & indexMask;
    site = valueAt<u16>(index, at);
  }
  return site;
}

/**
 * Inserts a key that is not in the table. If the site had another key, the slot of the old key remains and refers to a site with a
 * different key, so a probe passes it. The index is rebuilt when three quarters of it are occupied, so such slots cannot fill it.
 */
export function insert(site: Site, address: u64, attributes: u64): void {
  setKey(siteAt(site), address, attributes);
  if (++taken > ((indexMask + 1) / 4) * 3) rebuild();
  else enter(site, slotOf(address, attributes));
}

/** Removes a site's key. Its slot then refers to a key that no location has. */
export function forget(site: Site): void {
  setKey(siteAt(site), 0, NO_ATTRIBUTES);
}

/** Makes allocations of a site take the slow path, or no longer. Does nothing if the table does not have the site's key. */
export function setSampled(site: Site, on: bool): void {
  const at = siteAt(site);
  if (at.address) setKey(at, at.address, on ? at.attributes | SAMPLED : at.attributes & ~SAMPLED);
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
    enter(site, slotOf(at.address, at.attributes & ~SAMPLED));
  }
}

// @ts-ignore: decorator
@inline
function slotOf(address: u64, attributes: u64): usize {
  const key = address ^ (attributes * SPREAD);
  const hash = (key ^ (key >>> FOLD)) * PHI;
  return <usize>(hash >>> indexShift);
}
