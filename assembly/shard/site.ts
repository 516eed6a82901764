// SPDX-License-Identifier: Apache-2.0
//
// A site in a shard: its key, and what this shard's thread allocated and released for it.
//
//    0            8                16           24           32           40           48
//    ┌────────────┬────────────────┬────────────┬────────────┬────────────┬────────────┐
//    │ address    │ attributes     │ allocs     │ allocBytes │ frees      │ freeBytes  │
//    └────────────┴────────────────┴────────────┴────────────┴────────────┴────────────┘
//
// The address is one of the host: of the location's text or of the call. It is a name and never followed. The attributes are the
// class, the line (where the address is only that of a file), and the owner whose code was running. The counters of one shard may
// run below zero (allocated here, released elsewhere); sums over all shards do not. They wrap at 2^64, and so do sums and
// differences: no event is too late to be counted.

import {
  ATTRIBUTES_CLASS_SHIFT,
  ATTRIBUTES_LINE_MASK,
  ATTRIBUTES_OWNER_SHIFT,
  CLASS_COUNT,
  CLASS_IOBUFFER,
  PAIR_SIZE,
  RECORD_ALLOCS,
  RECORD_FREES,
  RECORD_SIZE,
  SITE_FIRST,
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

/** A count and its bytes: a record has two. */
@unmanaged
export class Pair {
  count: u64;
  bytes: u64;
}

if (offsetof<SiteRecord>() != RECORD_SIZE || offsetof<Pair>() != PAIR_SIZE) ERROR("not the sizes that abi.ts tells");
if (offsetof<SiteRecord>("allocs") != RECORD_ALLOCS || offsetof<SiteRecord>("frees") != RECORD_FREES) {
  ERROR("not the pairs that abi.ts tells");
}
// The last fixed number is no class's: the registry builds a name there (registerName).
if (SITE_OTHER + CLASS_COUNT > SITE_PRE_ARMING || SITE_PRE_ARMING + CLASS_COUNT >= SITE_FIRST) {
  ERROR("more classes than numbers of sites that are theirs");
}

export function classOf(attributes: u64): u32 {
  return (<u32>attributes) >>> ATTRIBUTES_CLASS_SHIFT;
}

/** The owner whose code was running. */
export function ownerOfAttributes(attributes: u64): OwnerKey {
  return <u32>(attributes >>> ATTRIBUTES_OWNER_SHIFT);
}

/** Whether a site that finds no room is charged to a row (other) of its class and owner. IOBuffers come without an owner. */
export function hasOther(attributes: u64): bool {
  const cls = classOf(attributes);
  return cls != CLASS_IOBUFFER && cls < CLASS_COUNT && ownerOfAttributes(attributes) != 0;
}

/** The attributes of such a row, whose address is OTHER_ADDRESS: class and owner. */
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

/** One or the other, by the sign of the size and without a branch: which it is follows no pattern that could be predicted. */
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

/** Whether this shard ever counted anything for the site: most sites belong to other threads alone. */
// @ts-ignore: decorator
@inline
export function hasCounted(at: SiteRecord): bool {
  return (at.allocs | at.frees) != 0;
}

/** Blocks that this shard allocated and did not release, modular. */
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

/** Adds whole counts at once: what another accountant has counted before. */
export function addCounts(at: SiteRecord, allocs: u64, allocBytes: u64, frees: u64, freeBytes: u64): void {
  at.allocs = at.allocs + allocs;
  at.allocBytes = at.allocBytes + allocBytes;
  at.frees = at.frees + frees;
  at.freeBytes = at.freeBytes + freeBytes;
}
