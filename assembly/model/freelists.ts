// SPDX-License-Identifier: Apache-2.0
//
// The server's freelists as rows. The server keeps each type of its objects in a list, and counts how many of them are in use; it tells
// no event. So the host has the server print its table of them before each sample and each dump, and passes the lines in here:
//
//        Allocated      |        In-Use      | Type Size  |   Free List Name
//   --------------------|--------------------|------------|----------------------------------
//                 67108 |              10008 |       2502 | memory/httpSMAllocator
//
// Columns are found by their heads: versions of the server have different ones. A row's allocations are the sum of all rises between
// two readings, its releases the sum of all falls, so their difference is what is in use, but neither is a number of events.
//
// A byte stands in one row. What the rows of plugins hold in a freelist is subtracted from its row (CLAIMED_LISTS), and the data of IOBuffers
// is in their rows, or in the RAM cache. A list's number is its row's; the last gauge is that of the row (other).
//
//    0         8         16        24       32           40      48          56
//    ┌─────────┬─────────┬─────────┬────────┬────────────┬───────┬───────────┐
//    │ objects │ bytes   │ claimed │ allocs │ allocBytes │ frees │ freeBytes │   as read, of this in other rows; the sums of the changes
//    └─────────┴─────────┴─────────┴────────┴────────────┴───────┴───────────┘

import {
  CLASS_FREELIST,
  CLASS_OBJECT,
  FREELISTS_MAX,
  INPUT_SIZE,
  KIND_CONT,
  KIND_IOBUFFER,
  KIND_MBUFFER,
  KIND_MUTEX,
  SITE_FREELIST,
  SITE_OTHER,
} from "../abi";
import { columnOf, NO_COLUMN, numberAt, toCell } from "../base/cells";
import { GAUGE_SIZE, gauges, input } from "../base/memory";
import * as reader from "../base/reader";
import { recordAt } from "../base/regions";
import { Row } from "../base/types";
import { kindOf, lengthOf, textOf } from "../registry/name";
import { isRow, knownSites, siteClass } from "./model";
import { inUse, sumsAt } from "./sums";


@unmanaged
class Gauge {
  objects: u64;
  bytes: u64;
  claimed: u64;
  allocs: u64;
  allocBytes: u64;
  frees: u64;
  freeBytes: u64;
}

if (offsetof<Gauge>() != GAUGE_SIZE) ERROR("not the size that memory.ts tells");

/** Beginning of the names in the server's table, and of its last line behind the numbers. */
const NAMES: string = "memory/";
const TOTAL: string = "| TOTAL";
/** Beginning of the lists of the data of IOBuffers. */
const BUFFERS: string = "ioBufAllocator[";

/**
 * The lists in which the objects of plugins are, and their kinds, which follow one another. Objects that are in several lists (a
 * TSMBuffer has heaps for its headers and for their texts) are subtracted from the first as far as it goes, then from the next.
 */
const CLAIMED_LISTS: StaticArray<string> = [
  "INKContAllocator",
  "INKVConnAllocator",
  "mutexAllocator",
  "ioAllocator",
  "hdrHeap",
  "hdrStrHeap",
];
const CLAIMED_BY: StaticArray<u32> = [KIND_CONT, KIND_CONT, KIND_MUTEX, KIND_IOBUFFER, KIND_MBUFFER, KIND_MBUFFER];
/** The lists that grow with the RAM cache: its entries, and the descriptions of the data in it. */
const CACHE_LISTS: StaticArray<string> = ["RamCacheCLFUSEntry", "RamCacheLRUEntry", "ioDataAllocator"];

/** The lists of which an open connection alone holds nothing: a transaction that is never let go keeps its connection open as well. */
const TRANSACTION_LISTS: StaticArray<string> = ["httpSMAllocator"];

/** The lists of what describes an IOBuffer's block: one object of each for a block, which has a row of its own. */
const BLOCK_LISTS: StaticArray<string> = ["ioBlockAllocator", "ioDataAllocator"];

/** Length of the beginning of a row's name. */
const PREFIX: u32 = "memory/freelist/".length;
/** The gauge of the lists without a row of their own. */
const OTHERS: u32 = FREELISTS_MAX;

/** Columns of the table. */
let allocatedAt: u32 = NO_COLUMN;
let usedAt: u32 = NO_COLUMN;
let sizeAt: u32 = NO_COLUMN;
let nameAt: u32 = NO_COLUMN;

/** Lists read so far, their bytes that are not in use, and whether the table's last line has been read. */
let lists: u32 = 0;
let idle: u64 = 0;
let complete: bool = false;
let nameLength: u32 = 0;
/** The list after the last that was found: the server prints its lists in the same order each time. */
let expected: u32 = 0;

export function freelistsReset(): void {
  usedAt = sizeAt = allocatedAt = nameAt = NO_COLUMN;
  lists = 0;
  idle = 0;
  complete = false;
  expected = 0;
}

/** Forgets all readings: the class is armed. */
export function freelistsForget(): void {
  memory.fill(gauges, 0, (FREELISTS_MAX + 1) * GAUGE_SIZE);
}

/** Begins a reading, which replaces the one before. */
export function beginFreelists(): void {
  freelistsReset();
  for (let list: u32 = 0; list <= OTHERS; ++list) {
    gaugeAt(list).objects = 0;
    gaugeAt(list).bytes = 0;
  }
}

/**
 * Reads a line of the server's table, in the input region.
 * @param isLast 1 if a list without a row is to be counted in the row (other)
 * @returns 1 if the list has something in use but no row, so it is not counted; its name is then in the input region, in
 * freelistNameLength() bytes
 */
export function readFreelist(length: u64, isLast: u32): u32 {
  const bytes = length < INPUT_SIZE ? <u32>length : INPUT_SIZE;
  if (nameAt == NO_COLUMN) readHeads(bytes);
  if (reader.holds(input, bytes, TOTAL)) complete = lists != 0;
  const allocated = numberAt(input, bytes, allocatedAt);
  const used = numberAt(input, bytes, usedAt);
  const size = numberAt(input, bytes, sizeAt);
  if (allocated < 0 || used < 0 || size <= 0 || !toCell(input, bytes, nameAt) || !reader.takeText(NAMES)) return 0;
  reader.dropBlanksAtEnd();
  const name = reader.position();
  nameLength = reader.left();
  ++lists;
  if (allocated > used) idle += <u64>(allocated - used);
  if (!used || !nameLength || reader.begins(name, nameLength, BUFFERS)) return 0;
  const list = find(name, nameLength);
  if (list == OTHERS && !isLast) {
    memory.copy(input, name, nameLength);
    return 1;
  }
  const at = gaugeAt(list);
  at.objects = at.objects + <u64>(used / size);
  at.bytes = at.bytes + <u64>used;
  return 0;
}

export function freelistNameLength(): u32 {
  return nameLength;
}

/** 1 if the lines since beginFreelists() were a whole table: its heads, a list at least, its last line. */
export function areFreelistsRead(): u32 {
  return complete ? 1 : 0;
}

/** Bytes of all lists read that are not in use. */
export function freelistsIdle(): u64 {
  return idle;
}

/** Adds the lists to the sums of their rows. Once after applyBaseline(). */
export function settleFreelists(): void {
  claim();
  for (let list: u32 = 0; list <= OTHERS; ++list) settle(list);
}

/** Whether a row is that of a freelist that grows with the RAM cache. */
export function isOfRamCache(row: Row): bool {
  return isAmong(row, CACHE_LISTS);
}

/** Whether a row is that of a freelist that does not grow with connections on which nothing happens. */
export function isOfTransactions(row: Row): bool {
  return isAmong(row, TRANSACTION_LISTS);
}

/** Whether a row is that of a freelist that grows with the blocks of IOBuffers, whose own rows tell why. */
export function isOfBlocks(row: Row): bool {
  return isAmong(row, BLOCK_LISTS);
}

function isAmong(row: Row, names: StaticArray<string>): bool {
  for (let i = 0; i < names.length; ++i) if (isNamed(row, unchecked(names[i]))) return true;
  return false;
}

/** Finds what plugins' rows hold of the lists. */
function claim(): void {
  for (let list: u32 = 0; list <= OTHERS; ++list) gaugeAt(list).claimed = 0;
  let left: u64 = 0;
  for (let i = 0; i < CLAIMED_LISTS.length; ++i) {
    const kind = unchecked(CLAIMED_BY[i]);
    if (!i || kind != unchecked(CLAIMED_BY[i - 1])) left = bytesOfKind(kind);
    const list = left ? listNamed(unchecked(CLAIMED_LISTS[i])) : OTHERS;
    if (list == OTHERS) continue;
    const part = min(left, gaugeAt(list).bytes);
    gaugeAt(list).claimed = part;
    left -= part;
  }
}

/** Live bytes in the rows of a kind of objects. */
function bytesOfKind(kind: u32): u64 {
  let sum: u64 = 0;
  for (let row: Row = 0; row < knownSites(); ++row) {
    if (!isRow(row) || siteClass(row) != CLASS_OBJECT || kindOf(row) != kind) continue;
    sum += <u64>max<i64>(inUse(row), 0);
  }
  return sum;
}

function settle(list: u32): void {
  const at = gaugeAt(list);
  const bytes = at.bytes - at.claimed;
  const size = at.objects ? at.bytes / at.objects : 1;
  const objects = (bytes + size / 2) / size;
  at.allocs = at.allocs + rise(objects, at.allocs - at.frees);
  at.frees = at.allocs - objects;
  at.allocBytes = at.allocBytes + rise(bytes, at.allocBytes - at.freeBytes);
  at.freeBytes = at.allocBytes - bytes;
  const to = sumsAt(list == OTHERS ? SITE_OTHER + CLASS_FREELIST : SITE_FREELIST + list);
  to.allocs = to.allocs + at.allocs;
  to.allocBytes = to.allocBytes + at.allocBytes;
  to.frees = to.frees + at.frees;
  to.freeBytes = to.freeBytes + at.freeBytes;
}

function rise(now: u64, before: u64): u64 {
  return now > before ? now - before : 0;
}

function readHeads(bytes: u32): void {
  allocatedAt = columnOf(input, bytes, "Allocated");
  usedAt = columnOf(input, bytes, "In-Use");
  sizeAt = columnOf(input, bytes, "Type Size");
  nameAt = max(max(allocatedAt, usedAt), sizeAt) != NO_COLUMN ? columnOf(input, bytes, "Free List Name") : NO_COLUMN;
}

/** The list with a name; OTHERS if none has it. */
function find(name: usize, length: u32): u32 {
  for (let i: u32 = 0; i < FREELISTS_MAX; ++i) {
    const list = (expected + i) % FREELISTS_MAX;
    const row = SITE_FREELIST + list;
    if (lengthOf(row) != PREFIX + length || memory.compare(textOf(row) + PREFIX, name, length)) continue;
    expected = list + 1;
    return list;
  }
  return OTHERS;
}

function listNamed(name: string): u32 {
  for (let list: u32 = 0; list < FREELISTS_MAX; ++list) if (isNamed(SITE_FREELIST + list, name)) return list;
  return OTHERS;
}

function isNamed(row: Row, name: string): bool {
  return lengthOf(row) == PREFIX + name.length && reader.same(textOf(row) + PREFIX, name.length, name);
}

function gaugeAt(list: u32): Gauge {
  return recordAt<Gauge>(gauges, list);
}
