// SPDX-License-Identifier: Apache-2.0
//
// The census: every pass counts the live blocks of the searched sites by their tags, and keeps of each site those with the lowest ranks
// that are not in its sample. A block's rank is the check in its tag, a keyed hash of its address and birth: uniform, and the same while the
// block lives. Blocks of the present epoch are left out: one of them, released and allocated again, would look the same.

import { EPOCH_MASK, OBJECT_UNKNOWN, WATCHED_MAX } from "../abi";
import { candidates, FOUND_SIZE, window } from "../base/memory";
import { recordAt } from "../base/regions";
import { blockAt, Found, isLink, NO_BLOCK } from "./block";
import { ripeEpoch } from "./cohort";
import { watchedWith } from "./filter";
import { isRefuted, refute } from "./refuted";
import { addHolder, HOLDERS, holderSlot, isOfEndedEpoch, Searched, searchedAt, Slot, slotOf, NO_SLOT, plainKey } from "./searched";
import { birthOf, checkOf, hash, startOf, userEndOf } from "./tag";
import { collectBlock, whole } from "./whole";

const NO_PLACE: u32 = u32.MAX_VALUE;

/** Begins a census of a site. */
export function beginCensus(slot: Slot): void {
  const site = searchedAt(slot);
  site.counting = site.countingRipe = 0;
  site.found = 0;
  site.ripeEpoch = ripeEpoch(slot, site.passes + 1);
}

/** A word at an address, and at a place in the window, that can be the tag of a block of a searched site. */
export function countTag(address: u64, tag: u64, place: u32): void {
  const birth = birthOf(tag);
  const slot = slotOf(birth);
  const isOld = isOfEndedEpoch(birth);
  if (!isOld && slot != whole && slot != holderSlot) return;
  const before = place > <u32>window ? load<u64>(place - sizeof<u64>()) : 0;
  if (isRefuted(tag) && !isOfWatched(address, tag)) return;
  const start = startOf(address, tag, before, searchedAt(slot).key, searchedAt(slot).reach);
  if (!start) return refute(tag);
  if (slot == holderSlot) addHolder();
  if (slot == HOLDERS) return;
  if (slot == whole) collectBlock(start, address + sizeof<u64>());
  const end = address + sizeof<u64>();
  if (isOld) count(slot, start, end, userEndOf(start, end, tag, before), tag, birth, checkOf(tag));
}

/** Whether a word at an address was the tag of a block there. */
function isOfWatched(address: u64, tag: u64): bool {
  const known = watchedWith(address);
  return known != NO_BLOCK && blockAt(known).tag == tag;
}

/** A block that has no tag, but whose address the host knows. Call it between beginPass() and endPass(). A size of 0 is unknown. */
export function searchObject(birth: u32, address: u64, size: u64): void {
  if (!address) return;
  seeLink(birth, address);
  const slot = slotOf(birth);
  if (slot == NO_SLOT) return;
  if (slot == holderSlot) addHolder();
  if (slot == HOLDERS || !isOfEndedEpoch(birth)) return;
  const end = address + (size ? size : <u64>OBJECT_UNKNOWN);
  count(slot, address, end, end, 0, birth, hash(plainKey(), address, 0, birth));
}

/** A link without a tag is still there, if the host knows it. */
function seeLink(birth: u32, address: u64): void {
  const known = watchedWith(address);
  if (known == NO_BLOCK || !isLink(known)) return;
  const link = blockAt(known);
  if (!link.tag && link.address == address && link.birth == birth) link.seen = true;
}

function count(slot: Slot, start: u64, end: u64, userEnd: u64, tag: u64, birth: u32, rank: u64): void {
  const site = searchedAt(slot);
  site.counting = site.counting + 1;
  if ((birth & EPOCH_MASK) < site.ripeEpoch) site.countingRipe = site.countingRipe + 1;
  const known = watchedWith(start);
  if (known != NO_BLOCK) {
    const block = blockAt(known);
    if (block.address == start && block.birth == birth && block.tag == tag) {
      block.seen = true;
      if (!isLink(known)) return;
    }
  }
  const place = placeByRank(slot, site, rank);
  if (place == NO_PLACE) return;
  const candidate = candidateAt(slot, place);
  candidate.address = start;
  candidate.end = end;
  candidate.userEnd = userEnd;
  candidate.tag = tag;
  candidate.birth = birth;
  candidate.rank = rank;
}

/** Makes room for a block among those of the site with the lowest ranks, which are sorted. Returns NO_PLACE if it is none of them. */
function placeByRank(slot: Slot, site: Searched, rank: u64): u32 {
  if (site.found == WATCHED_MAX && rank >= candidateAt(slot, WATCHED_MAX - 1).rank) return NO_PLACE;
  let at = site.found < WATCHED_MAX ? site.found++ : WATCHED_MAX - 1;
  for (; at > 0 && candidateAt(slot, at - 1).rank > rank; --at) {
    memory.copy(changetype<usize>(candidateAt(slot, at)), changetype<usize>(candidateAt(slot, at - 1)), FOUND_SIZE);
  }
  return at;
}

/** A block that the census has found beside the sample; searchedAt(slot).found of them are sorted by rank. */
export function candidateAt(slot: Slot, position: u32): Found {
  return recordAt<Found>(candidates, slot * WATCHED_MAX + position, FOUND_SIZE);
}
