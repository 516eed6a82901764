// SPDX-License-Identifier: Apache-2.0
//
// Measurements by the host of the process and its machine. A value that the host did not set is unknown, not 0.

import { MEASURE_COUNT, MEASURE_MAX_USAGE, MEASURE_RAM, MEASURE_RSS } from "../abi";
import { MEASURE_SIZE, measures } from "../base/memory";
import { recordAt } from "../base/regions";


@unmanaged
class Measure {
  value: u64;
  known: u64;
}

if (offsetof<Measure>() != MEASURE_SIZE) ERROR("not the size that memory.ts tells");

/** Returns 0, or -1 if there is no such measure. */
export function setMeasure(which: u32, value: u64): i32 {
  if (which >= MEASURE_COUNT) return -1;
  at(which).value = value;
  at(which).known = 1;
  return 0;
}

/** Makes all measures unknown. */
export function clearMeasures(): void {
  memory.fill(measures, 0, MEASURE_COUNT * MEASURE_SIZE);
}

export function measured(which: u32): bool {
  return at(which).known != 0;
}

/** 0 if unknown. */
export function measureOf(which: u32): u64 {
  return at(which).value;
}

/** The measure that limits the process's memory: the smallest limit set, or MEASURE_COUNT if no limit is set. */
export function limitMeasure(): u32 {
  let smallest = MEASURE_COUNT;
  for (let which = MEASURE_MAX_USAGE; which <= MEASURE_RAM; ++which) {
    if (!measureOf(which)) continue;
    if (smallest == MEASURE_COUNT || measureOf(which) < measureOf(smallest)) smallest = which;
  }
  return smallest;
}

/** Bytes that the process may still allocate, or -1 if unknown. */
export function headroom(): i64 {
  const limit = limitMeasure();
  if (limit == MEASURE_COUNT || !measured(MEASURE_RSS)) return -1;
  const left = <i64>(measureOf(limit) - measureOf(MEASURE_RSS));
  return left > 0 ? left : 0;
}

function at(which: u32): Measure {
  return recordAt<Measure>(measures, which);
}
