// SPDX-License-Identifier: Apache-2.0
//
// Reconciliation: what the process's resident memory is made of, so that what is no leak can be seen: a cache, idle freelists, the
// allocator. What is not known is said, and is then in the last row, `not accounted`, which is what is left.
//
// The RAM cache holds IOBuffers of the server, so it is taken out of theirs. Not accounted are what no class tracks (the server's
// own objects, stacks, plugins' memory where it is not tracked), memtrack's tables, and pages of the tracked that are not resident.

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
import { percent } from "../base/muldiv";
import { Row } from "../base/types";
import { ascii, newline } from "../base/writer";
import { CLASS_PARTS, SECTION_RECONCILIATION } from "../format";
import { limitMeasure, measured, measureOf } from "../model/environment";
import { isInstalled } from "../model/facts";
import { isArmed, isRow, knownSites, siteClass } from "../model/model";
import { inUse } from "../model/sums";
import * as table from "./table";

let left: i64 = 0;

export function renderReconciliation(): void {
  table.title(SECTION_RECONCILIATION);
  newline();
  table.head(SECTION_RECONCILIATION);
  left = <i64>measureOf(MEASURE_RSS);
  if (measured(MEASURE_RSS)) line(left, "resident (RSS)");
  else unknown("resident (RSS)");
  for (let cls: u32 = 0; cls < CLASS_COUNT; ++cls) tracked(cls);
  part(MEASURE_RAM_CACHE, "RAM cache");
  part(MEASURE_FREELISTS, "idle in the server's freelists");
  part(MEASURE_SLACK, "idle in the allocator (slack)");
  part(MEASURE_RSS_FILES, "programs and libraries");
  if (measured(MEASURE_RSS)) line(left, "not accounted");
  else unknown("not accounted");
  limit();
}

/** Live bytes of a class. */
export function trackedBytes(cls: u32): i64 {
  let sum: i64 = 0;
  for (let row: Row = 0; row < knownSites(); ++row) if (isRow(row) && siteClass(row) == cls) sum += inUse(row);
  return sum;
}

function tracked(cls: u32): void {
  const name = unchecked(CLASS_PARTS[cls]);
  if (!name.length) return;
  if (!isArmed(cls) || (cls == CLASS_HEAP && !isInstalled(FACT_HEAP))) return unknown(name);
  let bytes = trackedBytes(cls);
  if (cls == CLASS_IOBUFFER) bytes -= min<i64>(bytes, <i64>measureOf(MEASURE_RAM_CACHE));
  left -= bytes;
  line(bytes, name);
}

function part(which: u32, name: string): void {
  if (!measured(which)) return unknown(name);
  left -= <i64>measureOf(which);
  line(<i64>measureOf(which), name);
}

function line(bytes: i64, name: string): void {
  const whole = measureOf(MEASURE_RSS);
  table.row(SECTION_RECONCILIATION);
  table.signedCell(bytes);
  if (!whole) table.unknownCell();
  else table.signedCell(bytes < 0 ? -(<i64>percent(<u64>-bytes, whole)) : <i64>percent(<u64>bytes, whole));
  ascii(name);
  newline();
}

function unknown(name: string): void {
  table.row(SECTION_RECONCILIATION);
  table.unknownCell();
  table.unknownCell();
  ascii(name);
  ascii(": not known\n");
}

/** Not a part of the sum: what the sum may become. */
function limit(): void {
  const which = limitMeasure();
  if (which == MEASURE_COUNT) return unknown("limit");
  const name = which == MEASURE_MAX_USAGE ? "limit: proxy.config.memory.max_usage" : "limit: the machine's memory";
  line(<i64>measureOf(which), which == MEASURE_CGROUP ? "limit: the control group's" : name);
}
