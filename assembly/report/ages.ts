// SPDX-License-Identifier: Apache-2.0
//
// The ages of live memory, by site: a line for each bucket (epoch.ts) that has something in it, so the lines of a site add up to its
// row, and its spans of time are adjacent. Suspects are selected first, then plugins, then the server, each by old bytes (age.ts). The
// selected sites are sorted by what the section shows: old bytes, then objects whose bytes are not known, by number. IOBuffers and
// freelists are missing because their allocation time is unknown.

import { BUCKETS, MEASURE_NOW, OWNER_CORE } from "../abi";
import { inUseOfBucket, isLowerBound, oldBytes, reportedAge } from "../analysis/age";
import { offered, rank, ranked, rankedCount, rankingStart, setOrder, sortRanked } from "../analysis/ranking";
import { inUse, isActive, isObjects, writeSeries } from "../analysis/series";
import { weighed } from "../analysis/urgency";
import { isSuspect } from "../analysis/verdict";
import { duration } from "../base/humanize";
import { percent } from "../base/muldiv";
import { Row } from "../base/types";
import { ascii, newline, unsigned } from "../base/writer";
import { SECTION_AGES } from "../format";
import { ageTolerance, oldBuckets, olderThanBucket, youngerThanBucket } from "../model/boundary";
import { measureOf } from "../model/environment";
import { armed } from "../model/facts";
import { knownSites } from "../model/model";
import { aliveOf, inUseOf } from "../model/sums";
import { ownerOfSite } from "../registry/name";
import { rowKindName } from "./labels";
import * as table from "./table";

/** Selection order: suspects, then sites with old memory, plugins before the server (which keeps much for good), then by bytes. */
const SUSPECT: u64 = 1 << 63;
const HAS_OLD: u64 = 1 << 62;
const PLUGINS: u64 = 1 << 61;
/** Order of the selected sites. */
const MEMORY: u64 = 1 << 63;

/** Writes the section with at most `most` sites, or nothing if no epoch has ended. */
export function renderAges(most: u32): void {
  if (!oldBuckets()) return;
  rankingStart(most);
  for (let row: Row = 0; row < knownSites(); ++row) {
    if (isActive(row) && !isLowerBound(row) && inUse(row)) rank(row, weight(row));
  }
  for (let i: u32 = 0; i < rankedCount(); ++i) setOrder(i, shownOrder(ranked(i)));
  sortRanked();
  writeTitle();
  table.head(SECTION_AGES);
  for (let i: u32 = 0; i < rankedCount(); ++i) {
    for (let bucket: u32 = 0; bucket <= BUCKETS; ++bucket) line(ranked(i), bucket);
  }
}

function writeTitle(): void {
  table.title(SECTION_AGES);
  ascii(" (exact to ");
  unsigned(ageTolerance());
  ascii(" s): ");
  table.shownOf(rankedCount(), offered, "site");
  ascii(", by bytes older than ");
  duration(reportedAge());
  ascii("; IOBuffers and freelists have no age\n");
}

function weight(row: Row): u64 {
  const part = oldBytes(row);
  const bytes = min(weighed(row, part ? part : inUse(row)), PLUGINS - 1);
  const key = bytes | (ownerOfSite(row) != OWNER_CORE ? PLUGINS : 0) | (part ? HAS_OLD : 0);
  return isSuspect(row) ? SUSPECT | key : key;
}

function shownOrder(row: Row): u64 {
  const part = oldBytes(row);
  const amount = min(part ? part : inUse(row), HAS_OLD - 1);
  return (isObjects(row) ? 0 : MEMORY) | (part ? HAS_OLD : 0) | amount;
}

function line(row: Row, bucket: u32): void {
  const count = aliveOf(row, bucket);
  const bytes = inUseOf(row, bucket);
  if (!count && !bytes) return;
  const now = measureOf(MEASURE_NOW);
  table.row(SECTION_AGES);
  table.unsignedCell(olderThanBucket(bucket, now));
  const young = youngest(bucket, now);
  if (young == u64.MAX_VALUE) table.unknownCell();
  else table.unsignedCell(young);
  table.signedCell(count);
  table.signedCell(bytes);
  table.unsignedCell(percent(<u64>max<i64>(inUseOfBucket(row, bucket), 0), inUse(row)));
  table.textCell(rowKindName(row));
  writeSeries(row);
  newline();
}

/** Upper age limit of a bucket. The oldest bucket goes back to the start of tracking: rows contain no older memory. */
function youngest(bucket: u32, now: u64): u64 {
  const young = youngerThanBucket(bucket, now);
  return armed() ? min(young, armed()) : young;
}
