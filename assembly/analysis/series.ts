// SPDX-License-Identifier: Apache-2.0
//
// A series of the analysis: a row, by its number; an owner with an entry (owner_series.ts), numbered after all rows; or the remainder
// of resident memory, which is in no row (resident.ts) and has the last number. It counts bytes; for objects whose
// bytes are not known, their number. The remainder has no allocations and no releases.

import { CLASS_IOBUFFER, CLASS_OBJECT, KIND_HELD_SESSION, KIND_HELD_TRANSACTION, OWNER_CORE, OWNER_SERIES_MAX } from "../abi";
import { slots } from "../base/memory";
import { Series } from "../base/types";
import { ascii, position, takeBack } from "../base/writer";
import { REMAINDER_NAME } from "../format";
import { isOfBlocks, isOfRamCache, isOfTransactions } from "../model/freelists";
import { ageOf } from "../model/history";
import { isGauge, isRow, knownSites, siteClass } from "../model/model";
import * as row from "../model/sums";
import { kindOf, ownerOfSite, show } from "../registry/name";
import { isRetired } from "../registry/owner";
import { entryAllocBytes, entryAllocs, entryFrees, entryInUse, isCoreEntry, isUsedEntry, writeEntry } from "./owner_series";
import { isRemainderKnown, remainderBytes } from "./resident";

/** Bytes of the remainder that count as one object: about what an allocator takes from the kernel at once. */
const REMAINDER_UNIT: u64 = 1 << 16;

export function seriesOfEntry(entry: u32): Series {
  return slots + entry;
}

export function isOwnerSeries(series: Series): bool {
  return series >= slots && !isRemainder(series);
}

export function remainder(): Series {
  return slots + OWNER_SERIES_MAX;
}

export function isRemainder(series: Series): bool {
  return series == remainder();
}

export function isRowSeries(series: Series): bool {
  return series < slots;
}

/** The server: the sum of hundreds of rows. */
export function isCore(series: Series): bool {
  return isOwnerSeries(series) && isCoreEntry(series - slots);
}

/** Whether the series is of objects. */
export function areObjects(series: Series): bool {
  return isRowSeries(series) && siteClass(series) == CLASS_OBJECT;
}

/** Whether the series counts objects instead of bytes, because their bytes are not known. */
export function isObjects(series: Series): bool {
  return areObjects(series) && !row.allocBytes(series);
}

/** Whether the series is that of a freelist, of which neither events nor ages are known. */
export function isOfFreelist(series: Series): bool {
  return isRowSeries(series) && isGauge(series);
}

/** Whether other rows are judged in the series' place: an IOBuffer that leaks is one suspect, and not its descriptions as well. */
export function followsOthers(series: Series): bool {
  return isOfFreelist(series) && isOfBlocks(series);
}

/** Whether anything has ever been counted. */
export function isActive(series: Series): bool {
  if (isOwnerSeries(series)) return isUsedEntry(series - slots) && entryAllocs(series - slots) != 0;
  if (isRemainder(series)) return isRemainderKnown() && ageOf(series) != 0;
  return series < knownSites() && isRow(series) && (row.allocs(series) != 0 || row.frees(series) != 0);
}

export function allocs(series: Series): u64 {
  if (isRemainder(series)) return 0;
  return isOwnerSeries(series) ? entryAllocs(series - slots) : row.allocs(series);
}

export function allocBytes(series: Series): u64 {
  if (isRemainder(series)) return 0;
  if (isOwnerSeries(series)) return entryAllocBytes(series - slots);
  return isObjects(series) ? row.allocs(series) : row.allocBytes(series);
}

export function frees(series: Series): u64 {
  if (isRemainder(series)) return 0;
  return isOwnerSeries(series) ? entryFrees(series - slots) : row.frees(series);
}

/** Allocations that are not released: objects, blocks. Never negative. */
export function inObjects(series: Series): u64 {
  const made = allocs(series);
  const gone = frees(series);
  return made > gone ? made - gone : 0;
}

/** Never negative: an IOBuffer row may be, until the model knows which of its buffers are older than the arming (model.ts). */
export function inUse(series: Series): u64 {
  if (isRemainder(series)) return remainderBytes();
  const bytes = isOwnerSeries(series) ? entryInUse(series - slots) : isObjects(series) ? row.alive(series) : row.inUse(series);
  return bytes > 0 ? <u64>bytes : 0;
}

/** Average bytes of an allocation, and of a live object, which may hold more than at its creation; at least 1. */
export function averageSize(series: Series): u64 {
  if (isRemainder(series)) return REMAINDER_UNIT;
  if (areObjects(series) && row.alive(series) > 0) return max<u64>(inUse(series) / <u64>row.alive(series), 1);
  const n = allocs(series);
  const size = n ? allocBytes(series) / n : 0;
  return size ? size : 1;
}

/** Whether its memory may belong to the server's RAM cache: only the server's own IOBuffers, and what describes them. */
export function canBeRamCache(series: Series): bool {
  if (!isRowSeries(series)) return isCore(series);
  if (isGauge(series)) return isOfRamCache(series);
  return siteClass(series) == CLASS_IOBUFFER && ownerOfSite(series) == OWNER_CORE;
}

/** Whether the series counts transactions or sessions that a plugin holds. */
export function isHeld(series: Series): bool {
  return areObjects(series) && (kindOf(series) == KIND_HELD_TRANSACTION || kindOf(series) == KIND_HELD_SESSION);
}

/**
 * Whether open connections may hold its memory. They explain no transaction that is held: since version 10 the server keeps the connection
 * open as long as the transaction.
 */
export function canBeConnections(series: Series): bool {
  return !isHeld(series) && (!isOfFreelist(series) || !isOfTransactions(series));
}

export function writeSeries(series: Series): void {
  if (isRemainder(series)) return ascii(REMAINDER_NAME);
  if (isOwnerSeries(series)) return writeEntry(series - slots);
  show(series);
  if (isRetired(ownerOfSite(series))) ascii(" [retired]");
}

/** Whether the name of a series contains a text. The name is written behind the writer's text, and taken back. */
export function nameContains(series: Series, text: usize, length: u32): bool {
  const from = position();
  writeSeries(series);
  const end = position();
  takeBack(from);
  for (let at = from; at + length <= end; ++at) if (memory.compare(at, text, length) == 0) return true;
  return false;
}

export function writeSeriesInSentence(series: Series): void {
  if (isOwnerSeries(series)) ascii("all of ");
  writeSeries(series);
}
