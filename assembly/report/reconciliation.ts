// SPDX-License-Identifier: Apache-2.0
//
// Reconciliation: the parts of the process's resident memory, so that memory that is no leak (a cache, idle freelists, the allocator)
// becomes visible. A part that could not be measured is marked `not known`; its memory is then in the last row, `not accounted`, which
// is the remainder.
//
// The RAM cache consists of the server's IOBuffers, so its size is subtracted from theirs. Not accounted is memory of no tracked class
// (the server's own objects, stacks, untracked memory of plugins), and memtrack's tables; tracked pages that are not resident lower it.

import {
  CLASS_COUNT,
  CLASS_HEAP,
  CLASS_IOBUFFER,
  FACT_HEAP,
  MEASURE_CGROUP,
  MEASURE_COUNT,
  MEASURE_FREELISTS,
  MEASURE_MAX_USAGE,
  MEASURE_RAM_CACHE,
  MEASURE_RSS,
  MEASURE_RSS_FILES,
  MEASURE_SLACK,
} from "../abi";
import { share } from "../base/muldiv";
import { Row } from "../base/types";
import { ascii, newline } from "../base/writer";
import { CLASS_PARTS, SECTION_RECONCILIATION } from "../format";
import { limitMeasure, measured, measureOf } from "../model/environment";
import { isInstalled } from "../model/facts";
import { isArmed, isRow, knownSites, siteClass } from "../model/model";
import { inUse } from "../model/sums";
import * as table from "./table";

/** Value of a part that is unknown. */
const UNKNOWN: i64 = i64.MIN_VALUE;

/** The parts measured by the host, and their names. */
const MEASURED: StaticArray<u32> = [MEASURE_RAM_CACHE, MEASURE_FREELISTS, MEASURE_SLACK, MEASURE_RSS_FILES];
const MEASURED_NAMES: StaticArray<string> = [
  "RAM cache",
  "idle in the server's freelists",
  "idle in the allocator (slack)",
  "programs and libraries",
];

export function renderReconciliation(): void {
  table.title(SECTION_RECONCILIATION);
  newline();
  table.head(SECTION_RECONCILIATION);
  part(measured(MEASURE_RSS) ? <i64>measureOf(MEASURE_RSS) : UNKNOWN, "resident (RSS)");
  for (let cls: u32 = 0; cls < CLASS_COUNT; ++cls) {
    const name = unchecked(CLASS_PARTS[cls]);
    if (name.length) part(classPart(cls), name);
  }
  for (let i = 0; i < MEASURED.length; ++i) part(measuredPart(unchecked(MEASURED[i])), unchecked(MEASURED_NAMES[i]));
  part(notAccounted(), "not accounted");
  limit();
}

/** Live bytes of a class. */
export function trackedBytes(cls: u32): i64 {
  let sum: i64 = 0;
  for (let row: Row = 0; row < knownSites(); ++row) if (isRow(row) && siteClass(row) == cls) sum += inUse(row);
  return sum;
}

/** Whether the process's resident memory is known. */
export function isResidentKnown(): bool {
  return measured(MEASURE_RSS);
}

/** Resident memory minus all known parts. Negative if tracked memory is not resident. */
export function notAccounted(): i64 {
  if (!isResidentKnown()) return UNKNOWN;
  let left = <i64>measureOf(MEASURE_RSS);
  for (let cls: u32 = 0; cls < CLASS_COUNT; ++cls) left -= known(classPart(cls));
  for (let i = 0; i < MEASURED.length; ++i) left -= known(measuredPart(unchecked(MEASURED[i])));
  return left;
}

function classPart(cls: u32): i64 {
  if (!unchecked(CLASS_PARTS[cls]).length || !isArmed(cls) || (cls == CLASS_HEAP && !isInstalled(FACT_HEAP))) return UNKNOWN;
  const bytes = trackedBytes(cls);
  return cls == CLASS_IOBUFFER ? bytes - min<i64>(bytes, <i64>measureOf(MEASURE_RAM_CACHE)) : bytes;
}

function measuredPart(which: u32): i64 {
  return measured(which) ? <i64>measureOf(which) : UNKNOWN;
}

function known(part: i64): i64 {
  return part == UNKNOWN ? 0 : part;
}

/** Writes the line of a part. */
function part(bytes: i64, name: string): void {
  table.row(SECTION_RECONCILIATION);
  if (bytes == UNKNOWN) table.unknownCell();
  else table.signedCell(bytes);
  const whole = measureOf(MEASURE_RSS);
  if (bytes == UNKNOWN || !whole) table.unknownCell();
  else table.signedCell(bytes < 0 ? -(<i64>share(<u64>-bytes, whole)) : <i64>share(<u64>bytes, whole));
  ascii(name);
  ascii(bytes == UNKNOWN ? ": not known\n" : "\n");
}

/** Writes the limit of resident memory. It is no part of the sum, so it has no share. */
function limit(): void {
  const which = limitMeasure();
  if (which == MEASURE_COUNT) return part(UNKNOWN, "limit");
  table.row(SECTION_RECONCILIATION);
  table.unsignedCell(measureOf(which));
  table.unknownCell();
  if (which == MEASURE_CGROUP) ascii("limit: the control group's\n");
  else ascii(which == MEASURE_MAX_USAGE ? "limit: proxy.config.memory.max_usage\n" : "limit: the machine's memory\n");
}
