// SPDX-License-Identifier: Apache-2.0
//
// The record of a site in a shard: its key, and counts of the allocations and releases by this shard's thread.
//
//    0            8                16           24           32           40           48
//    ┌────────────┬────────────────┬────────────┬────────────┬────────────┬────────────┐
//    │ address    │ attributes     │ allocs     │ allocBytes │ frees      │ freeBytes  │
//    └────────────┴────────────────┴────────────┴────────────┴────────────┴────────────┘
//
// The address is a host address: of the location's text, or of the call. It serves as a name and is never followed. The attributes
// hold the class, the line (if the address identifies only a file), and the owner whose code was running. In one shard, allocations
// minus releases may be negative (allocated here, released elsewhere); in the sums over all shards they are not. Counters, sums and
// differences wrap at 2^64, so events are counted correctly for any length of time.

import {
  ATTRIBUTES_CLASS_SHIFT,
  ATTRIBUTES_LINE_MASK,
  ATTRIBUTES_OWNER_SHIFT,
  CLASS_COUNT,
  CLASS_IOBUFFER,
  FREELISTS_MAX,
  PAIR_SIZE,
  RECORD_ALLOCS,
  RECORD_FREES,
  RECORD_SIZE,
  SITE_FIRST,
  SITE_FREELIST,
  SITE_OTHER,
  SITE_PRE_ARMING,
} from "../abi";
import { records } from "../base/memory";
import { recordAt } from "../base/regions";
import { OwnerKey, Site } from "../base/types";


@unmanaged
export class SiteRecord {
  address: u64;
  attributes: u64;
  allocs: u64;
  allocBytes: u64;
  frees: u64;
  freeBytes: u64;
}

/** A count and a number of bytes. A record has two pairs. */
@unmanaged
export class Pair {
  count: u64;
  bytes: u64;
}

if (offsetof<SiteRecord>() != RECORD_SIZE || offsetof<Pair>() != PAIR_SIZE) ERROR("not the sizes that abi.ts tells");
if (offsetof<SiteRecord>("allocs") != RECORD_ALLOCS || offsetof<SiteRecord>("frees") != RECORD_FREES) {
  ERROR("not the pairs that abi.ts tells");
}
// The number before those of the freelists belongs to no class: the registry builds names there.
if (SITE_OTHER + CLASS_COUNT > SITE_PRE_ARMING || SITE_PRE_ARMING + CLASS_COUNT >= SITE_FREELIST) {
  ERROR("more classes than numbers of sites that are theirs");
}
if (SITE_FREELIST + FREELISTS_MAX != SITE_FIRST) ERROR("not the numbers between the classes and the registered sites");

export function classOf(attributes: u64): u32 {
  return (<u32>attributes) >>> ATTRIBUTES_CLASS_SHIFT;
}

/** Owner whose code was running. */
export function ownerOfAttributes(attributes: u64): OwnerKey {
  return <u32>(attributes >>> ATTRIBUTES_OWNER_SHIFT);
}

/** Whether a refused site is charged to a row (other) of its class and owner. IOBuffers have no owner. */
export function hasOther(attributes: u64): bool {
  const cls = classOf(attributes);
  return cls != CLASS_IOBUFFER && cls < CLASS_COUNT && ownerOfAttributes(attributes) != 0;
}

/** Attributes of such a row: class and owner. Its address is OTHER_ADDRESS. */
export function attributesOfOther(attributes: u64): u64 {
  return attributes & ~(<u64>ATTRIBUTES_LINE_MASK);
}

// @ts-ignore: decorator
@inline
export function siteAt(site: Site): SiteRecord {
  return recordAt<SiteRecord>(records, site);
}

// @ts-ignore: decorator
@inline
export function hasKey(at: SiteRecord, address: u64, attributes: u64): bool {
  return at.address == address && at.attributes == attributes;
}

export function setKey(at: SiteRecord, address: u64, attributes: u64): void {
  at.address = address;
  at.attributes = attributes;
}

// @ts-ignore: decorator
@inline
export function addAlloc(at: SiteRecord, size: u64): void {
  addToPair(pairAt(at, RECORD_ALLOCS), size);
}

// @ts-ignore: decorator
@inline
export function addFree(at: SiteRecord, size: u64): void {
  addToPair(pairAt(at, RECORD_FREES), size);
}

/** Adds an allocation or a release according to the sign of the size. Without a branch: the sign has no predictable pattern. */
// @ts-ignore: decorator
@inline
export function addSigned(at: SiteRecord, size: i64): void {
  const sign = size >> 63; // 0 or -1
  addToPair(pairAt(at, RECORD_ALLOCS + ((<u32>sign) & (RECORD_FREES - RECORD_ALLOCS))), <u64>((size ^ sign) - sign));
}

// @ts-ignore: decorator
@inline
function pairAt(at: SiteRecord, offset: usize): Pair {
  return changetype<Pair>(changetype<usize>(at) + offset);
}

// @ts-ignore: decorator
@inline
function addToPair(pair: Pair, size: u64): void {
  pair.count = pair.count + 1;
  pair.bytes = pair.bytes + size;
}

/**
 * Whether this shard has counted anything for the site. Most sites are used by other threads alone. A thread that has only resized
 * has counted bytes, and no event.
 */
// @ts-ignore: decorator
@inline
export function hasCounted(at: SiteRecord): bool {
  return (at.allocs | at.frees | at.allocBytes | at.freeBytes) != 0;
}

/** Blocks allocated minus blocks released by this shard, modular. */
// @ts-ignore: decorator
@inline
export function aliveOf(at: SiteRecord): u32 {
  return <u32>(at.allocs - at.frees);
}

// @ts-ignore: decorator
@inline
export function inUseOf(at: SiteRecord): u64 {
  return at.allocBytes - at.freeBytes;
}

/** Adds counts from another accountant. */
export function addCounts(at: SiteRecord, allocs: u64, allocBytes: u64, frees: u64, freeBytes: u64): void {
  at.allocs = at.allocs + allocs;
  at.allocBytes = at.allocBytes + allocBytes;
  at.frees = at.frees + frees;
  at.freeBytes = at.freeBytes + freeBytes;
}
