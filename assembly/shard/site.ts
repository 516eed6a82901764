// SPDX-License-Identifier: Apache-2.0
//
// A site in a shard: its key, and what this shard's thread allocated and released for it.
//
//    0            8            16           24           32           40           48
//    ┌────────────┬────────────┬────────────┬────────────┬────────────┬────────────┐
//    │ place u64  │ detail u64 │ allocs     │ allocBytes │ frees      │ freeBytes  │
//    └────────────┴────────────┴────────────┴────────────┴────────────┴────────────┘
//
// The place is an address in the host, of the location's text or of the call: a name, never followed. Detail is the class, where the
// place is only a file the line, and the owner whose code was running. The counters of one shard may run below zero between them (allocated here, released elsewhere); sums
// over all shards do not. They wrap at 2^64, and so do sums and differences: no event is too late to be counted.

import {
  CLASS_COUNT,
  CLASS_IOBUFFER,
  DETAIL_CLASS_SHIFT,
  DETAIL_LINE_MASK,
  DETAIL_OWNER_SHIFT,
  PAIR_SIZE,
  RECORD_ALLOCS,
  RECORD_FREES,
  RECORD_SIZE,
} from "../abi";
import { records } from "../base/memory";
import { recordAt } from "../base/regions";
import { OwnerKey, Site } from "../base/types";


@unmanaged
export class SiteRecord {
  place: u64;
  detail: u64;
  allocs: u64;
  allocBytes: u64;
  frees: u64;
  freeBytes: u64;
}

/** How many there were, and their bytes: what a record has twice. */
@unmanaged
export class Pair {
  count: u64;
  bytes: u64;
}

if (offsetof<SiteRecord>() != RECORD_SIZE || offsetof<Pair>() != PAIR_SIZE) ERROR("not the sizes that abi.ts tells");
if (offsetof<SiteRecord>("allocs") != RECORD_ALLOCS || offsetof<SiteRecord>("frees") != RECORD_FREES) {
  ERROR("not the pairs that abi.ts tells");
}

export function classOf(detail: u64): u32 {
  return (<u32>detail) >>> DETAIL_CLASS_SHIFT;
}

/** The owner whose code was running. */
export function ownerOfDetail(detail: u64): OwnerKey {
  return <u32>(detail >>> DETAIL_OWNER_SHIFT);
}

/** Whether what finds no room is charged to a row (other) of its class and owner. IOBuffers come without an owner. */
export function hasOther(detail: u64): bool {
  const cls = classOf(detail);
  return cls != CLASS_IOBUFFER && cls < CLASS_COUNT && ownerOfDetail(detail) != 0;
}

/** What such a row is found by, beside OTHER_PLACE: class and owner. */
export function detailOfOther(detail: u64): u64 {
  return detail & ~(<u64>DETAIL_LINE_MASK);
}

// @ts-ignore: decorator
@inline
export function siteAt(site: Site): SiteRecord {
  return recordAt<SiteRecord>(records, site);
}

// @ts-ignore: decorator
@inline
export function hasKey(at: SiteRecord, place: u64, detail: u64): bool {
  return at.place == place && at.detail == detail;
}

export function setKey(at: SiteRecord, place: u64, detail: u64): void {
  at.place = place;
  at.detail = detail;
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

/** Whether anything was ever counted: most sites of a shard are others' alone. */
// @ts-ignore: decorator
@inline
export function hasCounted(at: SiteRecord): bool {
  return (at.allocs | at.frees) != 0;
}

/** What this shard allocated and did not release, modular. */
// @ts-ignore: decorator
@inline
export function liveOf(at: SiteRecord): u32 {
  return <u32>(at.allocs - at.frees);
}

// @ts-ignore: decorator
@inline
export function liveBytesOf(at: SiteRecord): u64 {
  return at.allocBytes - at.freeBytes;
}

/** Adds whole counts at once: what another accountant has counted before. */
export function addCounts(at: SiteRecord, allocs: u64, allocBytes: u64, frees: u64, freeBytes: u64): void {
  at.allocs = at.allocs + allocs;
  at.allocBytes = at.allocBytes + allocBytes;
  at.frees = at.frees + frees;
  at.freeBytes = at.freeBytes + freeBytes;
}
