// SPDX-License-Identifier: Apache-2.0
//
// Ages of live bytes: how many are older than a reported age, which is the same for all rows of a dump. It is the age of the bucket
// boundary (boundary.ts) nearest to half the time since the first sample.
//
// For blocks with a tag, and for objects, the result is exact: the buckets record their births. For IOBuffers, whose bytes the
// server reports, it is a lower bound, from the counters: bytes allocated in the last T are at most T old, so at least used -
// allocated(T) bytes are older. A row that allocates and releases much appears younger than it is, never older. Of a freelist neither is
// known, so none of it counts as old. An owner's result is the sum over its rows.

import { BUCKETS, HISTORY_LEVELS, HISTORY_SHIFT, MEASURE_NOW } from "../abi";
import { slots } from "../base/memory";
import { Row, Series } from "../base/types";
import { oldBuckets, olderThanBucket, secondsOfEpochs } from "../model/boundary";
import { measureOf } from "../model/environment";
import { allocatedWithin, stateOf } from "../model/history";
import { hasBirths, isGauge, knownSites } from "../model/model";
import { aliveOf, inUseOf } from "../model/sums";
import { elapsedSeconds, points, stale, timeAt } from "../model/timeline";
import { entryHolds } from "./owner_series";
import { allocBytes, inUse, isObjects, isOwnerSeries, isRemainder } from "./series";

/** Reported ages without a boundary, in seconds, log-spaced: a minute, 10 minutes, an hour, 6 hours, a day, 4 days. */
const AGES: u32 = 6;

function ageSeconds(which: u32): u32 {
  return which == 0 ? 60 : which == 1 ? 600 : which == 2 ? 3600 : which == 3 ? 21600 : which == 4 ? 86400 : 345600;
}

/** The age that a dump reports, in seconds. */
export function reportedAge(): u64 {
  const bucket = reportedBucket();
  if (bucket) return olderThanBucket(bucket, measureOf(MEASURE_NOW));
  // The largest age that history covers twice over; the smallest if it covers none.
  let which: u32 = 0;
  while (which + 1 < AGES && ageSeconds(which + 1) <= elapsedSeconds() / 2) ++which;
  return ageSeconds(which);
}

/** The youngest bucket older than the reported age; 0 if no sample has begun an epoch, as in a host that reads dumps. */
function reportedBucket(): u32 {
  const now = measureOf(MEASURE_NOW);
  const half = secondsOfEpochs(now) / 2;
  let best: u32 = 0;
  let least = u64.MAX_VALUE;
  for (let bucket: u32 = 1; bucket <= oldBuckets(); ++bucket) {
    const age = olderThanBucket(bucket, now);
    const distance = age < half ? half - age : age - half;
    if (distance < least) best = bucket;
    if (distance < least) least = distance;
  }
  return best;
}

/** Live bytes of a series that are older than reportedAge(); with isLowerBound(), at least this many. Of the remainder none are known. */
export function oldBytes(series: Series): u64 {
  if (isRemainder(series)) return 0;
  return isOwnerSeries(series) ? oldBytesOfEntry(series - slots) : oldBytesOfRow(series);
}

/** Whether more bytes than oldBytes() may be old. */
export function isLowerBound(series: Series): bool {
  if (isRemainder(series)) return true;
  return isOwnerSeries(series) ? isLowerBoundOfEntry(series - slots) : isLowerBoundOfRow(series);
}

/** Old bytes of an owner's rows. Computed on request: for a dump, and for a warning. */
function oldBytesOfEntry(entry: u32): u64 {
  let sum: u64 = 0;
  for (let row: Row = 0; row < knownSites(); ++row) if (entryHolds(entry, row)) sum += oldBytesOfRow(row);
  return sum;
}
/** Whether oldBytes() is a lower bound for any of an owner's rows. */
function isLowerBoundOfEntry(entry: u32): bool {
  for (let row: Row = 0; row < knownSites(); ++row) if (entryHolds(entry, row) && isLowerBoundOfRow(row)) return true;
  return false;
}
/** Old bytes of a row. */
export function oldBytesOfRow(row: Row): u64 {
  if (isGauge(row)) return 0;
  return isLowerBoundOfRow(row) ? oldByCounters(row, reportedAge()) : oldByBirth(row);
}
export function isLowerBoundOfRow(row: Row): bool {
  return !hasBirths(row) || !oldBuckets();
}

function oldByBirth(row: Row): u64 {
  let sum: i64 = 0;
  for (let bucket = reportedBucket(); bucket <= BUCKETS; ++bucket) sum += inUseOfBucket(row, bucket);
  return sum > 0 ? min(<u64>sum, inUse(row)) : 0;
}

/** Live bytes (or objects) of a row in a bucket. */
export function inUseOfBucket(row: Row, bucket: u32): i64 {
  return isObjects(row) ? aliveOf(row, bucket) : inUseOf(row, bucket);
}

/** Lower bound of a row's live bytes that are older than `seconds`. */
export function oldByCounters(series: Series, seconds: u64): u64 {
  if (seconds >= elapsedSeconds()) return 0;
  const used = inUse(series);
  // Bytes allocated since the last sample are young too; the row includes them, the history does not yet.
  const young = allocatedWithin(series, samplesWithin(<u32>seconds)) + unsampled(series);
  return young < used ? used - young : 0;
}

function unsampled(series: Series): u64 {
  const since = <i64>(allocBytes(series) - stateOf(series).lastAllocated);
  return since > 0 ? <u64>since : 0;
}

/** Number of samples, counted back from the last, that certainly cover `seconds`. */
function samplesWithin(seconds: u32): u32 {
  for (let level: u32 = 0; level < HISTORY_LEVELS; ++level) {
    for (let back: u32 = 0; back < points(level); ++back) {
      if (elapsedSeconds() - timeAt(level, back) >= seconds) return stale(level) + ((back + 1) << (level * HISTORY_SHIFT));
    }
  }
  return u32.MAX_VALUE >> 1;
}
