// SPDX-License-Identifier: Apache-2.0
//
// Owners whose history is kept: the first FOLLOWED_MAX - 1 that have rows, and one entry for the sum of all others. An entry is given
// to another owner when its own is gone for good (its slot is free, or somebody else's). An entry, and behind all of them the entry's
// number of each owner's slot:
//
//    0        8        16       24       32       40    44    48       56
//    ┌────────┬────────┬────────┬────────┬────────┬─────┬─────┬────────┐
//    │ allocs │ bytes  │ frees  │ in-use │ leaking│ key │ slot│ used   │
//    └────────┴────────┴────────┴────────┴────────┴─────┴─────┴────────┘

import { CLASS_OBJECT, FOLLOWED_MAX, OWNERS_MAX, OWNER_CORE, VERDICT_LEAK } from "../abi";
import { followed, FOLLOWED_SIZE, slots } from "../base/memory";
import { ascii, copy } from "../base/writer";
import { historyForget, storedVerdict } from "../model/history";
import { isRow, knownSites, siteClass } from "../model/model";
import { allocBytes, allocs, frees, inUse } from "../model/sums";
import { ownerOfSite } from "../registry/name";
import { isOwner, ownerKey, ownerLength, ownerText } from "../registry/owner";

const ALLOCS: usize = 0;
const ALLOC_BYTES: usize = 8;
const FREES: usize = 16;
const IN_USE: usize = 24;
const SUMS_SIZE: usize = 32;
const LEAKING: usize = 32;
const KEY: usize = 40;
const SLOT: usize = 44;
const USED: usize = 48;

const OTHERS: u32 = FOLLOWED_MAX - 1;
const NOBODY: u32 = 0xff;

/** Adds up the rows of every owner, after settle(). */
export function sumFollowed(): void {
  memory.fill(entryOfSlot(0), <u8>NOBODY, OWNERS_MAX);
  for (let entry: u32 = 0; entry < FOLLOWED_MAX; ++entry) {
    memory.fill(at(entry), 0, SUMS_SIZE);
    if (!isUsed(entry) || entry == OTHERS) continue;
    const slot = slotOf(entry);
    if (isOwner(slot) && ownerKey(slot) == load<u32>(at(entry), KEY)) store<u8>(entryOfSlot(slot), <u8>entry);
    else forget(entry);
  }
  for (let row: u32 = 0; row < knownSites(); ++row) {
    if (!isRow(row) || (!allocs(row) && !frees(row))) continue;
    const to = at(follow(ownerOfSite(row)));
    if (siteClass(row) == CLASS_OBJECT) continue; // they have no size
    store<u64>(to, load<u64>(to, ALLOCS) + allocs(row), ALLOCS);
    store<u64>(to, load<u64>(to, ALLOC_BYTES) + allocBytes(row), ALLOC_BYTES);
    store<u64>(to, load<u64>(to, FREES) + frees(row), FREES);
    store<i64>(to, load<i64>(to, IN_USE) + inUse(row), IN_USE);
  }
}

/** Counts the rows of every owner that are suspects, once they have been judged. After sumFollowed(). */
export function countLeaking(): void {
  for (let entry: u32 = 0; entry < FOLLOWED_MAX; ++entry) store<u64>(at(entry), 0, LEAKING);
  for (let row: u32 = 0; row < knownSites(); ++row) {
    if (storedVerdict(row) != VERDICT_LEAK || !isRow(row) || (!allocs(row) && !frees(row))) continue;
    const to = at(follow(ownerOfSite(row)));
    store<u64>(to, load<u64>(to, LEAKING) + 1, LEAKING);
  }
}

/** Whether an entry stands for an owner now. */
export function isFollowed(entry: u32): bool {
  return entry < FOLLOWED_MAX && isUsed(entry);
}

/** Whether it is the server's own. */
export function isCoreEntry(entry: u32): bool {
  return isUsed(entry) && entry != OTHERS && slotOf(entry) == OWNER_CORE;
}

export function entryAllocs(entry: u32): u64 {
  return load<u64>(at(entry), ALLOCS);
}
export function entryAllocBytes(entry: u32): u64 {
  return load<u64>(at(entry), ALLOC_BYTES);
}
export function entryFrees(entry: u32): u64 {
  return load<u64>(at(entry), FREES);
}
export function entryInUse(entry: u32): i64 {
  return load<i64>(at(entry), IN_USE);
}
/** Whether an entry has bytes of a row in use. */
export function holds(entry: u32, row: u32): bool {
  return isRow(row) && siteClass(row) != CLASS_OBJECT && inUse(row) > 0 && load<u8>(entryOfSlot(ownerOfSite(row))) == entry;
}
/** Rows of it that are suspects. */
export function entryLeaking(entry: u32): u64 {
  return load<u64>(at(entry), LEAKING);
}

export function writeEntry(entry: u32): void {
  if (entry == OTHERS) ascii("(other owners)");
  else copy(ownerText(slotOf(entry)), ownerLength(slotOf(entry)));
}

function follow(slot: u32): u32 {
  const known = load<u8>(entryOfSlot(slot));
  if (known != NOBODY) return known;
  let entry: u32 = 0;
  while (entry < OTHERS && isUsed(entry)) ++entry;
  store<u32>(at(entry), ownerKey(slot), KEY);
  store<u32>(at(entry), slot, SLOT);
  store<u64>(at(entry), 1, USED);
  store<u8>(entryOfSlot(slot), <u8>entry);
  return entry;
}

function forget(entry: u32): void {
  store<u64>(at(entry), 0, USED);
  historyForget(slots + entry);
}

function isUsed(entry: u32): bool {
  return load<u64>(at(entry), USED) != 0;
}

function slotOf(entry: u32): u32 {
  return load<u32>(at(entry), SLOT);
}

function entryOfSlot(slot: u32): usize {
  return followed + FOLLOWED_MAX * FOLLOWED_SIZE + slot;
}

function at(entry: u32): usize {
  return followed + <usize>entry * FOLLOWED_SIZE;
}
