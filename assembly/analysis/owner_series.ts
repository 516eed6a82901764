// SPDX-License-Identifier: Apache-2.0
//
// Owners with a history: the first OWNER_SERIES_MAX - 1 owners with rows, and an entry for the sum of all others. An entry is
// reassigned when its owner is gone (its slot is free, or reassigned). Layout of an entry; behind all entries follows, for each
// owner slot, the number of its entry:
//
//    0        8        16       24       32       40    44    48       56
//    ┌────────┬────────┬────────┬────────┬────────┬─────┬─────┬────────┐
//    │ allocs │ bytes  │ frees  │ in-use │ leaking│ key │ slot│ used   │
//    └────────┴────────┴────────┴────────┴────────┴─────┴─────┴────────┘

import { CLASS_OBJECT, OWNER_CORE, OWNER_SERIES_MAX, OWNERS_MAX, VERDICT_LEAK } from "../abi";
import { OWNER_ENTRY_SIZE, ownerEntries, slots } from "../base/memory";
import { recordAt, setValueAt, valueAt } from "../base/regions";
import { OwnerKey, OwnerSlot, Row } from "../base/types";
import { ascii, copy } from "../base/writer";
import { historyForget, stateOf } from "../model/history";
import { isRow, knownSites, siteClass } from "../model/model";
import { allocBytes, allocs, frees, inUse } from "../model/sums";
import { ownerOfSite } from "../registry/name";
import { isOwner, ownerKey, ownerLength, ownerText } from "../registry/owner";


@unmanaged
class Entry {
  allocs: u64;
  allocBytes: u64;
  frees: u64;
  inUse: i64;
  leaking: u64;
  key: OwnerKey;
  slot: OwnerSlot;
  used: u64;
}

if (offsetof<Entry>() != OWNER_ENTRY_SIZE) ERROR("not the size that memory.ts tells");

const OTHERS: u32 = OWNER_SERIES_MAX - 1;
const NOBODY: u32 = 0xff;

/** Sums the rows of every owner, after applyBaseline(). */
export function sumOwnerSeries(): void {
  memory.fill(entries(), <u8>NOBODY, OWNERS_MAX);
  for (let entry: u32 = 0; entry < OWNER_SERIES_MAX; ++entry) {
    memory.fill(changetype<usize>(at(entry)), 0, offsetof<Entry>("leaking"));
    if (!isUsed(entry) || entry == OTHERS) continue;
    const slot = slotOf(entry);
    if (isOwner(slot) && ownerKey(slot) == at(entry).key) setValueAt<u8>(entries(), slot, <u8>entry);
    else forget(entry);
  }
  for (let row: Row = 0; row < knownSites(); ++row) {
    if (!isRow(row) || (!allocs(row) && !frees(row))) continue;
    const to = at(follow(ownerOfSite(row)));
    if (siteClass(row) == CLASS_OBJECT && !allocBytes(row)) continue; // objects whose bytes are not known
    to.allocs = to.allocs + allocs(row);
    to.allocBytes = to.allocBytes + allocBytes(row);
    to.frees = to.frees + frees(row);
    to.inUse = to.inUse + inUse(row);
  }
}

/** Counts the suspect rows of every owner after they have been judged. After sumOwnerSeries(). */
export function countLeaking(): void {
  for (let entry: u32 = 0; entry < OWNER_SERIES_MAX; ++entry) at(entry).leaking = 0;
  for (let row: Row = 0; row < knownSites(); ++row) {
    if (stateOf(row).verdict != VERDICT_LEAK || !isRow(row) || (!allocs(row) && !frees(row))) continue;
    const to = at(follow(ownerOfSite(row)));
    to.leaking = to.leaking + 1;
  }
}

/** Whether an entry represents an owner at present. */
export function isUsedEntry(entry: u32): bool {
  return entry < OWNER_SERIES_MAX && isUsed(entry);
}

/** Whether the entry is the server's. */
export function isCoreEntry(entry: u32): bool {
  return isUsed(entry) && entry != OTHERS && slotOf(entry) == OWNER_CORE;
}

export function entryAllocs(entry: u32): u64 {
  return at(entry).allocs;
}
export function entryAllocBytes(entry: u32): u64 {
  return at(entry).allocBytes;
}
export function entryFrees(entry: u32): u64 {
  return at(entry).frees;
}
export function entryInUse(entry: u32): i64 {
  return at(entry).inUse;
}
/** Whether a row with memory in use belongs to an entry. */
export function entryHolds(entry: u32, row: Row): bool {
  return isRow(row) && inUse(row) > 0 && valueAt<u8>(entries(), ownerOfSite(row)) == entry;
}
/** Number of suspect rows of an entry. */
export function entryLeaking(entry: u32): u64 {
  return at(entry).leaking;
}

export function writeEntry(entry: u32): void {
  if (entry == OTHERS) ascii("(other owners)");
  else copy(ownerText(slotOf(entry)), ownerLength(slotOf(entry)));
}

function follow(slot: OwnerSlot): u32 {
  const known = valueAt<u8>(entries(), slot);
  if (known != NOBODY) return known;
  let entry: u32 = 0;
  while (entry < OTHERS && isUsed(entry)) ++entry;
  at(entry).key = ownerKey(slot);
  at(entry).slot = slot;
  at(entry).used = 1;
  setValueAt<u8>(entries(), slot, <u8>entry);
  return entry;
}

function forget(entry: u32): void {
  at(entry).used = 0;
  historyForget(slots + entry);
}

function isUsed(entry: u32): bool {
  return at(entry).used != 0;
}

function slotOf(entry: u32): OwnerSlot {
  return at(entry).slot;
}

/** Numbers of entries, by owner slot. */
function entries(): usize {
  return ownerEntries + OWNER_SERIES_MAX * OWNER_ENTRY_SIZE;
}

function at(entry: u32): Entry {
  return recordAt<Entry>(ownerEntries, entry);
}
