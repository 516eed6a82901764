// SPDX-License-Identifier: Apache-2.0
//
// Reconciliation: the parts of the process's resident memory and their changes since the dump's baseline, so that memory that is no leak
// (a cache, idle freelists, the allocator) becomes visible. resident.ts describes the parts and their sum: all bytes below the first line,
// minus those of `tracked, but not resident`, are resident memory. A part that could not be measured is marked `not known`; its memory is
// then in `not accounted`: memory of no tracked class (the server's own objects, stacks, untracked memory of plugins), and memtrack's
// tables.

import { CLASS_COUNT, CLASS_HEAP, CLASS_MAPPED, FACT_HEAP, MEASURE_CGROUP, MEASURE_COUNT, MEASURE_MAX_USAGE } from "../abi";
import {
  PART_CLASSES,
  PART_FILES,
  PART_FREELISTS,
  PART_NOT_RESIDENT,
  PART_OLDER,
  PART_OVERHEAD,
  PART_RAM_CACHE,
  PART_RESIDENT,
  PART_SERVER_HEAP,
  PART_SLACK,
  PART_UNACCOUNTED,
  partChange,
  partNow,
  UNKNOWN,
} from "../analysis/resident";
import { share } from "../base/muldiv";
import { ascii, newline } from "../base/writer";
import { CLASS_PARTS, OLDER_PART, OVERHEAD_PART, SECTION_RECONCILIATION, SERVER_HEAP_PART } from "../format";
import { limitMeasure, measureOf } from "../model/environment";
import { isInstalled } from "../model/facts";
import * as table from "./table";

/** The parts below those of the classes, and their names. */
const PARTS: StaticArray<u32> = [
  PART_SERVER_HEAP,
  PART_OVERHEAD,
  PART_RAM_CACHE,
  PART_FREELISTS,
  PART_SLACK,
  PART_FILES,
  PART_OLDER,
  PART_UNACCOUNTED,
  PART_NOT_RESIDENT,
];
const PART_NAMES: StaticArray<string> = [
  SERVER_HEAP_PART,
  OVERHEAD_PART,
  "RAM cache",
  "idle in the server's freelists",
  "idle in the allocator (slack)",
  "programs and libraries",
  OLDER_PART,
  "not accounted",
  "tracked, but not resident: to be subtracted",
];

/** @param slot the baseline of the dump's growth */
export function renderReconciliation(slot: u32): void {
  table.title(SECTION_RECONCILIATION);
  newline();
  table.head(SECTION_RECONCILIATION);
  part(PART_RESIDENT, "resident (RSS)", slot);
  for (let cls: u32 = 0; cls < CLASS_COUNT; ++cls) {
    const name = unchecked(CLASS_PARTS[cls]);
    if (name.length) part(PART_CLASSES + cls, name, slot);
  }
  for (let i = 0; i < PARTS.length; ++i) {
    const which = unchecked(PARTS[i]);
    if (isShown(which)) part(which, unchecked(PART_NAMES[i]), slot);
  }
  limit();
}

/** The parts of the server's own heap have a line only while they are known. */
function isShown(which: u32): bool {
  return (which != PART_SERVER_HEAP && which != PART_OLDER) || partNow(which) != UNKNOWN;
}

/** Writes the line of a part. */
function part(which: u32, name: string, slot: u32): void {
  // Without its hooks the heap has no row, and what plugins hold there is not known; what was tracked before is. The same of mapped memory.
  const isOfHeap = which == PART_CLASSES + CLASS_HEAP || which == PART_CLASSES + CLASS_MAPPED;
  const isUnseen = isOfHeap && !isInstalled(FACT_HEAP) && partNow(which) <= 0;
  const bytes = isUnseen ? UNKNOWN : partNow(which);
  const whole = partNow(PART_RESIDENT);
  table.row(SECTION_RECONCILIATION);
  cell(bytes);
  cell(bytes == UNKNOWN || whole <= 0 ? UNKNOWN : <i64>share(<u64>bytes, <u64>whole));
  cell(bytes == UNKNOWN ? UNKNOWN : partChange(which, slot));
  ascii(name);
  ascii(bytes == UNKNOWN ? ": not known\n" : "\n");
}

function cell(value: i64): void {
  if (value == UNKNOWN) table.unknownCell();
  else table.signedCell(value);
}

/** Writes the limit of resident memory. It is no part of the sum, so it has no share. */
function limit(): void {
  const which = limitMeasure();
  table.row(SECTION_RECONCILIATION);
  cell(which == MEASURE_COUNT ? UNKNOWN : <i64>measureOf(which));
  table.unknownCell();
  table.unknownCell();
  if (which == MEASURE_COUNT) ascii("limit: not known\n");
  else if (which == MEASURE_CGROUP) ascii("limit: the control group's\n");
  else ascii(which == MEASURE_MAX_USAGE ? "limit: proxy.config.memory.max_usage\n" : "limit: the machine's memory\n");
}
