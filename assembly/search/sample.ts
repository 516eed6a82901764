// SPDX-License-Identifier: Apache-2.0
//
// The sample of a site: up to WATCHED_MAX blocks, those with the lowest ranks of each cohort that is ripe or will be (cohort.ts).
//
// The order of a block is the number of blocks with a lower rank that count for all of its cohorts. It is among the k lowest ranks of its
// first cohort if its order is below k. So when there are too many, those of the highest orders leave. Where a row is at rest, all cohorts
// have the same blocks, and the sample those with the lowest ranks; where it grows, the cohorts share the room.

import { LOST_PASSES, WATCHED_MAX } from "../abi";
import { blockAt, blockWith, clearBlock, firstOf, Found, isLink, NO_BLOCK, setBlock, Watched } from "./block";
import { candidateAt } from "./census";
import { beginCohort, lowerBounds } from "./cohort";
import { epoch, Searched, searchedAt, Slot } from "./searched";

/** After a pass was judged: takes what its census found into the sample, and lets go what there is no room for. */
export function takeSample(slot: Slot): void {
  const site = searchedAt(slot);
  for (let i: u32 = 0; i < site.found; ++i) candidateAt(slot, i).since = site.passes;
  beginCohort(slot, epoch, boundOf(slot, site));
  let count = countMembers(slot, site);
  if (count > WATCHED_MAX) setOrders(slot, site);
  for (; count > WATCHED_MAX; --count) letGo(slot, last(slot, site));
  let free = firstOf(slot);
  for (let i: u32 = 0; i < site.found; ++i) {
    if (!candidateAt(slot, i).address) continue;
    while (blockAt(free).address) ++free;
    take(free, candidateAt(slot, i));
  }
  site.found = 0;
}

/** The census may have seen further blocks, with higher ranks than those that it keeps. */
function boundOf(slot: Slot, site: Searched): u64 {
  return site.found < WATCHED_MAX ? u64.MAX_VALUE : candidateAt(slot, WATCHED_MAX - 1).rank + 1;
}

/** Members are the entries of the sample, of which some may be free, and behind them the blocks that the census has found. */
function memberAt(slot: Slot, member: u32): Found {
  return member < WATCHED_MAX ? blockAt(firstOf(slot) + member) : candidateAt(slot, member - WATCHED_MAX);
}

function countMembers(slot: Slot, site: Searched): u32 {
  let count: u32 = 0;
  for (let i: u32 = 0; i < WATCHED_MAX + site.found; ++i) if (memberAt(slot, i).address) ++count;
  return count;
}

function setOrders(slot: Slot, site: Searched): void {
  for (let i: u32 = 0; i < WATCHED_MAX; ++i) leaveRipe(blockAt(firstOf(slot) + i), site.passes + 1);
  for (let i: u32 = 0; i < WATCHED_MAX + site.found; ++i) memberAt(slot, i).order = orderOf(slot, site, memberAt(slot, i));
}

/** Cohorts that are older than the one that will be ripe in a pass do not matter. */
function leaveRipe(member: Found, pass: u32): void {
  if (member.since + LOST_PASSES < pass) member.since = pass - LOST_PASSES;
}

function orderOf(slot: Slot, site: Searched, member: Found): u32 {
  let order: u32 = 0;
  for (let i: u32 = 0; i < WATCHED_MAX + site.found; ++i) {
    const other = memberAt(slot, i);
    if (other.address && other.rank < member.rank && other.since <= member.since) ++order;
  }
  return order;
}

/** The member with the highest order, and of several the highest rank. No other's order depends on it. */
function last(slot: Slot, site: Searched): u32 {
  let found: u32 = 0;
  for (let i: u32 = 1; i < WATCHED_MAX + site.found; ++i) if (isAfter(memberAt(slot, i), memberAt(slot, found))) found = i;
  return found;
}

function isAfter(member: Found, other: Found): bool {
  if (!member.address || !other.address) return member.address != 0;
  return member.order > other.order || (member.order == other.order && member.rank > other.rank);
}

function letGo(slot: Slot, member: u32): void {
  lowerBounds(slot, memberAt(slot, member).since, memberAt(slot, member).rank);
  if (member < WATCHED_MAX) clearBlock(firstOf(slot) + member);
  else memberAt(slot, member).address = 0;
}

function take(entry: Watched, candidate: Found): void {
  setBlock(entry, candidate);
  dropLink(candidate.address);
}

/** A block of a sample is no link: references to it are found once. */
function dropLink(address: u64): void {
  const link = blockWith(address);
  if (link != NO_BLOCK && isLink(link) && blockAt(link).address == address) clearBlock(link);
}
