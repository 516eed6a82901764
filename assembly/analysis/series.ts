// SPDX-License-Identifier: Apache-2.0
//
// A subject of the analysis: a row, by its number, or an owner that is followed, by its number behind those of all rows. What is
// counted of it: bytes, and of objects, which have no size, their number.

import { CLASS_IOBUFFER, CLASS_OBJECT, OWNER_CORE } from "../abi";
import { slots } from "../base/memory";
import { ascii, copy } from "../base/writer";
import { isRow, knownSites, siteClass } from "../model/model";
import { alive, allocBytes, allocs, frees, inUse } from "../model/sums";
import { lengthOf, ownerOfSite, textOf } from "../registry/name";
import { isRetired } from "../registry/owner";
import { entryAllocBytes, entryAllocs, entryFrees, entryInUse, isCoreEntry, isFollowed, writeEntry } from "./owner_series";

export function subjectOfEntry(entry: u32): u32 {
  return slots + entry;
}

export function isOwnerSubject(subject: u32): bool {
  return subject >= slots;
}

/** The server itself: the sum of hundreds of rows. */
export function isCore(subject: u32): bool {
  return isOwnerSubject(subject) && isCoreEntry(subject - slots);
}

/** Whether objects are counted of it, not bytes. */
export function isObjects(subject: u32): bool {
  return !isOwnerSubject(subject) && siteClass(subject) == CLASS_OBJECT;
}

/** Whether there is anything to be said of it. */
export function isSubject(subject: u32): bool {
  if (isOwnerSubject(subject)) return isFollowed(subject - slots) && entryAllocs(subject - slots) != 0;
  return subject < knownSites() && isRow(subject) && (allocs(subject) != 0 || frees(subject) != 0);
}

export function allocations(subject: u32): u64 {
  return isOwnerSubject(subject) ? entryAllocs(subject - slots) : allocs(subject);
}

export function allocatedBytes(subject: u32): u64 {
  if (isOwnerSubject(subject)) return entryAllocBytes(subject - slots);
  return isObjects(subject) ? allocs(subject) : allocBytes(subject);
}

export function releases(subject: u32): u64 {
  return isOwnerSubject(subject) ? entryFrees(subject - slots) : frees(subject);
}

/** Never below zero: an IOBuffer row can be, until it is known which of its buffers are older than the arming (model.ts). */
export function liveBytes(subject: u32): u64 {
  const bytes = isOwnerSubject(subject) ? entryInUse(subject - slots) : isObjects(subject) ? alive(subject) : inUse(subject);
  return bytes > 0 ? <u64>bytes : 0;
}

/** Bytes of an allocation, on average; at least 1. */
export function averageSize(subject: u32): u64 {
  const n = allocations(subject);
  const size = n ? allocatedBytes(subject) / n : 0;
  return size ? size : 1;
}

/** Whether it can hold what the server's RAM cache holds: IOBuffers of the server itself. */
export function canBeRamCache(subject: u32): bool {
  if (isOwnerSubject(subject)) return isCore(subject);
  return siteClass(subject) == CLASS_IOBUFFER && ownerOfSite(subject) == OWNER_CORE;
}

export function writeSubject(subject: u32): void {
  if (isOwnerSubject(subject)) return writeEntry(subject - slots);
  copy(textOf(subject), lengthOf(subject));
  if (isRetired(ownerOfSite(subject))) ascii(" [retired]");
}

/** In a sentence. */
export function writeInWords(subject: u32): void {
  if (isOwnerSubject(subject)) ascii("all of ");
  writeSubject(subject);
}
