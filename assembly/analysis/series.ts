// SPDX-License-Identifier: Apache-2.0
//
// A series of the analysis: a row, by its number, or an owner with an entry (owner_series.ts), numbered after all rows. It counts
// bytes; for objects, which have no size, their number.

import { CLASS_IOBUFFER, CLASS_OBJECT, OWNER_CORE } from "../abi";
import { slots } from "../base/memory";
import { Series } from "../base/types";
import { ascii } from "../base/writer";
import { isRow, knownSites, siteClass } from "../model/model";
import * as row from "../model/sums";
import { ownerOfSite, show } from "../registry/name";
import { isRetired } from "../registry/owner";
import { entryAllocBytes, entryAllocs, entryFrees, entryInUse, isCoreEntry, isUsedEntry, writeEntry } from "./owner_series";

export function seriesOfEntry(entry: u32): Series {
  return slots + entry;
}

export function isOwnerSeries(series: Series): bool {
  return series >= slots;
}

/** The server: the sum of hundreds of rows. */
export function isCore(series: Series): bool {
  return isOwnerSeries(series) && isCoreEntry(series - slots);
}

/** Whether the series counts objects instead of bytes. */
export function isObjects(series: Series): bool {
  return !isOwnerSeries(series) && siteClass(series) == CLASS_OBJECT;
}

/** Whether anything has ever been counted. */
export function isActive(series: Series): bool {
  if (isOwnerSeries(series)) return isUsedEntry(series - slots) && entryAllocs(series - slots) != 0;
  return series < knownSites() && isRow(series) && (row.allocs(series) != 0 || row.frees(series) != 0);
}

export function allocs(series: Series): u64 {
  return isOwnerSeries(series) ? entryAllocs(series - slots) : row.allocs(series);
}

export function allocBytes(series: Series): u64 {
  if (isOwnerSeries(series)) return entryAllocBytes(series - slots);
  return isObjects(series) ? row.allocs(series) : row.allocBytes(series);
}

export function frees(series: Series): u64 {
  return isOwnerSeries(series) ? entryFrees(series - slots) : row.frees(series);
}

/** Never negative: an IOBuffer row may be, until the model knows which of its buffers are older than the arming (model.ts). */
export function inUse(series: Series): u64 {
  const bytes = isOwnerSeries(series) ? entryInUse(series - slots) : isObjects(series) ? row.alive(series) : row.inUse(series);
  return bytes > 0 ? <u64>bytes : 0;
}

/** Average bytes of an allocation; at least 1. */
export function averageSize(series: Series): u64 {
  const n = allocs(series);
  const size = n ? allocBytes(series) / n : 0;
  return size ? size : 1;
}

/** Whether its memory may belong to the server's RAM cache: only the server's own IOBuffers. */
export function canBeRamCache(series: Series): bool {
  if (isOwnerSeries(series)) return isCore(series);
  return siteClass(series) == CLASS_IOBUFFER && ownerOfSite(series) == OWNER_CORE;
}

export function writeSeries(series: Series): void {
  if (isOwnerSeries(series)) return writeEntry(series - slots);
  show(series);
  if (isRetired(ownerOfSite(series))) ascii(" [retired]");
}

export function writeSeriesInSentence(series: Series): void {
  if (isOwnerSeries(series)) ascii("all of ");
  writeSeries(series);
}
