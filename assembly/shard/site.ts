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

const PLACE: usize = 0;
const DETAIL: usize = 8;
const BYTES: u32 = PAIR_SIZE / 2;

export function classOf(detail: u64): u32 {
  return (<u32>detail) >>> DETAIL_CLASS_SHIFT;
}

/** The owner whose code was running: its key. */
export function ownerOfDetail(detail: u64): u32 {
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
export function siteAt(site: u32): usize {
  return records + <usize>site * RECORD_SIZE;
}

// @ts-ignore: decorator
@inline
export function hasKey(at: usize, place: u64, detail: u64): bool {
  return load<u64>(at, PLACE) == place && load<u64>(at, DETAIL) == detail;
}

export function getPlace(at: usize): u64 {
  return load<u64>(at, PLACE);
}

export function getDetail(at: usize): u64 {
  return load<u64>(at, DETAIL);
}

export function setKey(at: usize, place: u64, detail: u64): void {
  store<u64>(at, place, PLACE);
  store<u64>(at, detail, DETAIL);
}

// @ts-ignore: decorator
@inline
export function addAlloc(at: usize, size: u64): void {
  addToPair(at + RECORD_ALLOCS, size);
}

// @ts-ignore: decorator
@inline
export function addFree(at: usize, size: u64): void {
  addToPair(at + RECORD_FREES, size);
}

/** One or the other, by the sign of the size and without a branch: which it is follows no pattern that could be predicted. */
// @ts-ignore: decorator
@inline
export function addSigned(at: usize, size: i64): void {
  const sign = size >> 63; // 0 or -1
  addToPair(at + RECORD_ALLOCS + ((<usize>sign) & (RECORD_FREES - RECORD_ALLOCS)), <u64>((size ^ sign) - sign));
}

// @ts-ignore: decorator
@inline
function addToPair(pair: usize, size: u64): void {
  store<u64>(pair, load<u64>(pair) + 1);
  store<u64>(pair, load<u64>(pair, BYTES) + size, BYTES);
}

/** Whether anything was ever counted: most sites of a shard are others' alone. */
// @ts-ignore: decorator
@inline
export function hasCounted(at: usize): bool {
  return (load<u64>(at, RECORD_ALLOCS) | load<u64>(at, RECORD_FREES)) != 0;
}

/** What this shard allocated and did not release, modular. */
// @ts-ignore: decorator
@inline
export function liveOf(at: usize): u32 {
  return <u32>(load<u64>(at, RECORD_ALLOCS) - load<u64>(at, RECORD_FREES));
}

// @ts-ignore: decorator
@inline
export function liveBytesOf(at: usize): u64 {
  return load<u64>(at, RECORD_ALLOCS + BYTES) - load<u64>(at, RECORD_FREES + BYTES);
}

/** Adds whole counts at once: what another accountant has counted before. */
export function addCounts(at: usize, allocs: u64, allocBytes: u64, frees: u64, freeBytes: u64): void {
  store<u64>(at, load<u64>(at, RECORD_ALLOCS) + allocs, RECORD_ALLOCS);
  store<u64>(at, load<u64>(at, RECORD_ALLOCS + BYTES) + allocBytes, RECORD_ALLOCS + BYTES);
  store<u64>(at, load<u64>(at, RECORD_FREES) + frees, RECORD_FREES);
  store<u64>(at, load<u64>(at, RECORD_FREES + BYTES) + freeBytes, RECORD_FREES + BYTES);
}
