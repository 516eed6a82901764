// SPDX-License-Identifier: Apache-2.0
//
// The hash of sites: key (place, detail) -> site number, linear probing over u16 slots. The index is at most half full
// (memory.ts), so a probe always meets an empty slot: lookup is total without a probe limit, and never depends on the order of
// insertion. That matters: a site found by one shard and not by another would have its releases charged elsewhere.
//
// Multiplicative (Fibonacci) hashing, Knuth, TAOCP 3, section 6.4: the high bits of key * 2^64/phi.

import { hasKey, setKey, siteAt } from "./site";
import { index, indexBits } from "./memory";

const PHI: u64 = 0x9e3779b97f4a7c15;
/** Spreads the line over the whole word, so that neighbouring lines of one file do not fall together. */
const SPREAD: u64 = 0xbf58476d1ce4e5b9;

/** @returns the site's number, or 0 where the key is not in the table */
export function find(place: u64, detail: u32): u32 {
  const mask = (1 << indexBits) - 1;
  let at = slotOf(place, detail);
  let site = <u32>load<u16>(index + (at << 1));
  while (site && !hasKey(siteAt(site), place, detail)) {
    at = (at + 1) & mask;
    site = load<u16>(index + (at << 1));
  }
  return site;
}

/** Enters a key that is not in the table yet. */
export function insert(site: u32, place: u64, detail: u32): void {
  setKey(siteAt(site), place, detail);
  let at = slotOf(place, detail);
  const mask = (1 << indexBits) - 1;
  while (load<u16>(index + (at << 1))) at = (at + 1) & mask;
  store<u16>(index + (at << 1), <u16>site);
}

function slotOf(place: u64, detail: u32): usize {
  const hash = (place ^ (<u64>detail * SPREAD)) * PHI;
  return <usize>(hash >>> (64 - indexBits));
}
