// SPDX-License-Identifier: Apache-2.0
//
// The parts of the process's resident memory, now and at each baseline. They add up:
//
//   resident = rows of each class, around their blocks, RAM cache + idle in freelists + idle in the allocator + files
//              + allocated before tracking + not accounted - not resident
//
// No part is negative. What the parts exceed resident memory by is tracked memory whose pages are not resident; of the two last terms one
// is 0, because only their difference is known. The RAM cache consists of the server's IOBuffers, so its size is subtracted from theirs.
//
// A block takes more than was requested: the tag of memtrack, the allocator's header, what it rounds up. This is estimated from the number
// of blocks of a row and their average size; it is exact if all blocks of a row have one size.
//
// While the server's own heap is tracked, its rows are a part of their own. What the allocator had given out when that began, and is in no
// row, was allocated before; of it is left at most what the allocator has given out now, and is in no row. It is a part of the remainder,
// because its memory becomes idle when it is released.
//
// The remainder is the part with a history (series.ts): what is not accounted, and what is idle in the allocator. The allocator would
// take its locks to tell how much is idle in it, so it is asked at dumps and baselines only; the remainder must be the same quantity at a
// sample and at a dump. For the same reason it contains what is idle in the server's freelists where samples do not know it.
//
// A record, for the present and for each baseline:
//
//    0        8
//    ┌────────┬────────────────────────────────────┐
//    │ time   │ PART_COUNT values, i64             │   time: 0 if the record is empty, otherwise seconds plus 1
//    └────────┴────────────────────────────────────┘

import {
  BASELINES,
  CLASS_COUNT,
  CLASS_HEAP,
  CLASS_IOBUFFER,
  CLASS_MAPPED,
  MEASURE_ALLOCATED,
  MEASURE_BLOCK_HEADER,
  MEASURE_FREELISTS,
  MEASURE_RAM_CACHE,
  MEASURE_RSS,
  MEASURE_RSS_FILES,
  MEASURE_SLACK,
  OWNER_CORE,
} from "../abi";
import { PARTS_SIZE, parts } from "../base/memory";
import { percent } from "../base/muldiv";
import { addToValueAt, setValueAt, valueAt } from "../base/regions";
import { Row } from "../base/types";
import { CLASS_PARTS, CLASS_TAGGED, RESIDENT_CHANGE_MIN } from "../format";
import { measured, measureOf } from "../model/environment";
import { isArmed, isRow, knownSites, siteClass, switches } from "../model/model";
import { alive, inUse } from "../model/sums";
import { ownerOfSite } from "../registry/name";

export const PART_RESIDENT: u32 = 0;
/** The first class's part: live bytes in its rows. */
export const PART_CLASSES: u32 = 1;
/** Of the heap's rows those of the server; the heap's own part has the others. */
export const PART_SERVER_HEAP: u32 = PART_CLASSES + CLASS_COUNT;
/** What the blocks of these rows take beyond their requested bytes. */
export const PART_OVERHEAD: u32 = PART_SERVER_HEAP + 1;
export const PART_RAM_CACHE: u32 = PART_OVERHEAD + 1;
export const PART_FREELISTS: u32 = PART_RAM_CACHE + 1;
export const PART_SLACK: u32 = PART_FREELISTS + 1;
export const PART_FILES: u32 = PART_SLACK + 1;
export const PART_OLDER: u32 = PART_FILES + 1;
export const PART_UNACCOUNTED: u32 = PART_OLDER + 1;
export const PART_NOT_RESIDENT: u32 = PART_UNACCOUNTED + 1;
/** Live bytes of all classes. Not a term of the sum, like the following. */
export const PART_ROWS: u32 = PART_NOT_RESIDENT + 1;
export const PART_REMAINDER: u32 = PART_ROWS + 1;
const PART_COUNT: u32 = PART_REMAINDER + 1;

/** Value of a part that is not known. */
export const UNKNOWN: i64 = i64.MIN_VALUE;

const VALUES: usize = sizeof<u64>();
if (VALUES + PART_COUNT * sizeof<i64>() != PARTS_SIZE) ERROR("not the size that memory.ts tells");

/** Record of the present; those of the baselines are numbered as the baselines. */
const NOW: u32 = BASELINES + 1;
const ARMING: u32 = BASELINES;

const NEVER: u32 = u32.MAX_VALUE;
/** Value of `switches` at the last sample; NEVER before the first one. */
let sampledSwitches: u32 = NEVER;
/** Whether samples know what is idle in the freelists. */
let sampledFreelists: bool = false;

/** What the allocator had given out when the server's own heap began to be tracked, and is in no row; UNKNOWN while it is not tracked. */
let olderMost: i64 = UNKNOWN;
/** Whether that has begun or ended since the last sample. */
let isHeapSwitched: bool = false;

/** At the start, and when all records are zero. */
export function partsReset(): void {
  sampledSwitches = NEVER;
  sampledFreelists = false;
  isHeapSwitched = false;
}

/** The server's own heap begins to be tracked, on settled sums and with the measures of a dump; or it is tracked no more. */
export function trackServerHeap(isTracked: bool): void {
  if (!isTracked && olderMost == UNKNOWN) return;
  olderMost = UNKNOWN;
  isHeapSwitched = true;
  if (!isTracked) return;
  olderMost = i64.MAX_VALUE;
  measureParts();
  olderMost = partNow(PART_OLDER);
}

/** Size of memtrack's tag (host/ats/core/tag.h), what a block's size is rounded up to, and the smallest size, by the C library. */
const TAG: u64 = 8;
const ROUNDING: u64 = 16;
const CHUNK_MIN: u64 = 32;

/** Computes the present parts, from the sums since arming and the host's measurements. */
export function measureParts(): void {
  const resident = measuredPart(MEASURE_RSS);
  const free = measuredPart(MEASURE_FREELISTS);
  let left = resident;
  let rows: i64 = 0;
  const overhead = sumClasses();
  for (let cls: u32 = 0; cls < CLASS_COUNT; ++cls) {
    const live = isTracked(cls) ? trackedSum(cls) : UNKNOWN;
    rows += known(live);
    const part = live == UNKNOWN ? live : live - partElsewhere(cls, live);
    set(PART_CLASSES + cls, part);
    left -= known(part);
  }
  set(PART_RESIDENT, resident);
  set(PART_ROWS, rows);
  set(PART_RAM_CACHE, measuredPart(MEASURE_RAM_CACHE));
  set(PART_FREELISTS, free);
  set(PART_SLACK, measuredPart(MEASURE_SLACK));
  set(PART_FILES, measuredPart(MEASURE_RSS_FILES));
  set(PART_OVERHEAD, overhead);
  const isServerKnown = isTracked(CLASS_HEAP) && (olderMost != UNKNOWN || serverHeap != 0);
  set(PART_SERVER_HEAP, isServerKnown ? partElsewhere(CLASS_HEAP, trackedSum(CLASS_HEAP)) : UNKNOWN);
  set(PART_OLDER, olderPart(rows - known(partNow(PART_CLASSES + CLASS_MAPPED)) + overhead + known(free)));
  left -=
    known(partNow(PART_OVERHEAD)) + known(partNow(PART_RAM_CACHE)) + known(partNow(PART_FILES)) + known(partNow(PART_SERVER_HEAP));
  const rest = left - known(free) - known(partNow(PART_SLACK)) - known(partNow(PART_OLDER));
  const isKnown = resident != UNKNOWN;
  set(PART_UNACCOUNTED, isKnown ? max<i64>(rest, 0) : UNKNOWN);
  set(PART_NOT_RESIDENT, isKnown ? max<i64>(-rest, 0) : UNKNOWN);
  set(PART_REMAINDER, isKnown ? max<i64>(left - (sampledFreelists ? known(free) : 0), 0) : UNKNOWN);
}

/** Live bytes of a class that another part has: buffers in the RAM cache, the server's own heap. */
function partElsewhere(cls: u32, live: i64): i64 {
  if (cls == CLASS_IOBUFFER) return min<i64>(live, <i64>measureOf(MEASURE_RAM_CACHE));
  return cls == CLASS_HEAP ? min<i64>(live, max<i64>(serverHeap, 0)) : 0;
}

function trackedSum(cls: u32): i64 {
  return max<i64>(valueAt<i64>(classSums, cls), 0);
}

/** What is left of the memory that was allocated before tracking; `seen` is what the allocator has given out for other parts. */
function olderPart(seen: i64): i64 {
  if (olderMost == UNKNOWN || !measured(MEASURE_ALLOCATED)) return UNKNOWN;
  return min<i64>(olderMost, max<i64>(<i64>measureOf(MEASURE_ALLOCATED) - seen, 0));
}

/**
 * Measures at a sample. Returns whether the remainder begins anew, because other memory is tracked than before: then the parts at the
 * baselines are of no use either.
 */
export function sampleParts(now: u64): bool {
  const first = sampledSwitches == NEVER;
  const anew = first || isHeapSwitched || sampledSwitches != switches || sampledFreelists != measured(MEASURE_FREELISTS);
  isHeapSwitched = false;
  sampledSwitches = switches;
  sampledFreelists = measured(MEASURE_FREELISTS);
  measureParts();
  if (anew && !first) for (let slot: u32 = 0; slot <= ARMING; ++slot) memory.fill(at(slot), 0, PARTS_SIZE);
  if (anew && !partsTime(ARMING)) keepParts(ARMING, now);
  return anew;
}

/** Stores the present parts for a baseline. */
export function keepParts(slot: u32, now: u64): void {
  memory.copy(at(slot), at(NOW), PARTS_SIZE);
  store<u64>(at(slot), now + 1);
}

/** When the parts of a baseline were stored, in the host's seconds plus 1; 0 if they are not known. */
export function partsTime(slot: u32): u64 {
  return load<u64>(at(slot));
}

export function partNow(which: u32): i64 {
  return valueAt<i64>(at(NOW) + VALUES, which);
}

/** Change of a part since a baseline, or UNKNOWN. */
export function partChange(which: u32, slot: u32): i64 {
  if (!partsTime(slot)) return UNKNOWN;
  const then = valueAt<i64>(at(slot) + VALUES, which);
  const now = partNow(which);
  return then == UNKNOWN || now == UNKNOWN ? UNKNOWN : now - then;
}

/** Bytes of the remainder; 0 if resident memory is not known. */
export function remainderBytes(): u64 {
  return isRemainderKnown() ? <u64>partNow(PART_REMAINDER) : 0;
}

export function isRemainderKnown(): bool {
  return partNow(PART_REMAINDER) != UNKNOWN;
}

/**
 * Percentage of the change of resident memory since a baseline that the rows explain: their own change with that of the memory around
 * their blocks, from 0 to 100. UNKNOWN while that change is below RESIDENT_CHANGE_MIN.
 */
export function coverage(slot: u32): i64 {
  const grown = partChange(PART_RESIDENT, slot);
  const rows = partChange(PART_ROWS, slot);
  if (grown < <i64>RESIDENT_CHANGE_MIN || rows == UNKNOWN) return UNKNOWN;
  const seen = rows + known(partChange(PART_OVERHEAD, slot));
  return seen <= 0 ? 0 : <i64>percent(<u64>min<i64>(seen, grown), <u64>grown);
}

/** The part in no row that has grown most since a baseline: the remainder, files, or idle freelists if these are not in the remainder. */
export function largestUnseen(slot: u32): u32 {
  let largest = partChange(PART_FILES, slot) > partChange(PART_REMAINDER, slot) ? PART_FILES : PART_REMAINDER;
  if (sampledFreelists && partChange(PART_FREELISTS, slot) > partChange(largest, slot)) largest = PART_FREELISTS;
  return largest;
}

/** Whether a class has a part, and its rows are counted. */
function isTracked(cls: u32): bool {
  return unchecked(CLASS_PARTS[cls]).length != 0 && isArmed(cls);
}

/** Live bytes of a class. */
export function trackedBytes(cls: u32): i64 {
  let sum: i64 = 0;
  for (let row: Row = 0; row < knownSites(); ++row) if (isRow(row) && siteClass(row) == cls) sum += inUse(row);
  return sum;
}

/** Live bytes by class: i64 each. And of the heap's those in rows of the server. */
const classSums = memory.data(CLASS_COUNT * 8, 8);
let serverHeap: i64 = 0;

/** Sums the live bytes of all rows by class. Returns the bytes around their blocks. One pass, because it is part of each sample. */
function sumClasses(): i64 {
  let overhead: i64 = 0;
  memory.fill(classSums, 0, CLASS_COUNT * 8);
  serverHeap = 0;
  for (let row: Row = 0; row < knownSites(); ++row) {
    if (!isRow(row)) continue;
    const cls = siteClass(row);
    const bytes = inUse(row);
    addToValueAt<i64>(classSums, cls, bytes);
    if (cls == CLASS_HEAP && ownerOfSite(row) == OWNER_CORE) serverHeap += bytes;
    if (!unchecked(CLASS_TAGGED[cls]) || bytes <= 0) continue;
    const blocks = alive(row);
    if (blocks > 0) overhead += blocks * <i64>around(<u64>bytes / <u64>blocks, <u64>bytes % <u64>blocks != 0);
  }
  return overhead;
}

/** Bytes around a block of this size. Of blocks of various sizes, the allocator rounds up half of ROUNDING on average. */
function around(size: u64, various: bool): u64 {
  if (!measured(MEASURE_BLOCK_HEADER)) return TAG;
  const asked = size + TAG + measureOf(MEASURE_BLOCK_HEADER);
  if (asked < CHUNK_MIN) return CHUNK_MIN - size;
  return (various ? asked + ROUNDING / 2 : (asked + ROUNDING - 1) & ~(ROUNDING - 1)) - size;
}

function measuredPart(which: u32): i64 {
  return measured(which) ? <i64>measureOf(which) : UNKNOWN;
}

function known(part: i64): i64 {
  return part == UNKNOWN ? 0 : part;
}

function set(which: u32, value: i64): void {
  setValueAt<i64>(at(NOW) + VALUES, which, value);
}

function at(record: u32): usize {
  return parts + <usize>record * PARTS_SIZE;
}
