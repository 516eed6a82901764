// SPDX-License-Identifier: Apache-2.0
//
// A first look at each word of the process's memory. Its upper 32 bits tell nearly as much as all of it: 15 bits of an address, and the 16 of a
// tag's site. So two words are looked at at once, in four lanes of 16 bits of one number:
//
//   48        32        16         0
//    ┌─────────┬─────────┬─────────┬─────────┐
//    │ site    │ address │ site    │ address │   of word 16 and word 0, then of word 17 and word 1, ...
//    └─────────┴─────────┴─────────┴─────────┘
//
// The answers for 32 words are the bits of one number, in the same four lanes, the first word the lowest bit of its lane.
//
// The highest bit of a lane is none of an address. It is cleared: then the one of `value + (TOP - least)` is set from `least` on, that of
// `(TOP + most) - value` is set up to `most`, and no lane carries into another. (Henry S. Warren, Hacker's Delight, 2nd ed., chapter 2.)

import { lowest, span } from "./filter";

/** Words that are looked at at once. */
export const NOTED: u32 = 32;
const WORD: u32 = sizeof<u64>();
/** Offset of a word's upper half. */
const UPPER: u32 = 4;
const TOP: u64 = 0x8000;
const TOPS: u64 = 0x8000_8000_8000_8000;

/** What is added to the lanes, for the range of watched blocks, and for sites up to the last; 0: no tags. */
export function leastLanes(lastSite: u64): u64 {
  // A site whose highest bit is set looks like any other without it.
  const site: u64 = !lastSite ? 0 : lastSite < TOP ? TOP - 1 : TOP;
  return inLanes(span ? TOP - (lowest >> 32) : 0, site);
}

/** What the lanes are subtracted from. */
export function mostLanes(lastSite: u64): u64 {
  return inLanes(TOP + (span ? (lowest + span - 1) >> 32 : 0), TOP + min(lastSite, TOP - 1));
}

function inLanes(address: u64, site: u64): u64 {
  return (address | (site << 16)) * 0x1_0000_0001;
}

/** What the lanes of NOTED words tell: notedAddresses() and notedTags() take it apart. */
// @ts-ignore: decorator
@inline
export function noteWords(at: u32, least: u64, most: u64): u64 {
  let noted: u64 = 0;
  // A loop, as the compilers move the loads of all turns to the front if it is unrolled, and run out of registers.
  for (const end = at + (NOTED / 2) * WORD; at < end; at += WORD) {
    noted = (noted >> 1) | tell(load<u32>(at, UPPER), load<u32>(at, UPPER + (NOTED / 2) * WORD), least, most);
  }
  return noted;
}

/** A bit for each of NOTED words, the first one the lowest: whether it may be in the range, by its lower 47 bits. */
// @ts-ignore: decorator
@inline
export function notedAddresses(noted: u64): u32 {
  return ((<u32>noted) & 0xffff) | ((<u32>(noted >> 16)) & 0xffff_0000);
}

/** The same: whether it may be a tag. */
// @ts-ignore: decorator
@inline
export function notedTags(noted: u64): u32 {
  return ((<u32>(noted >> 16)) & 0xffff) | ((<u32>(noted >> 32)) & 0xffff_0000);
}

/** The highest bits of the lanes of two words, of which these are the upper halves. */
// @ts-ignore: decorator
@inline
function tell(first: u32, second: u32, least: u64, most: u64): u64 {
  const value = ((<u64>first) | ((<u64>second) << 32)) & ~TOPS;
  return (value + least) & (most - value) & TOPS;
}
