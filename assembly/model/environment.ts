// SPDX-License-Identifier: Apache-2.0
//
// What the host measured of the process and its machine. A value that it did not tell is unknown, never 0.

import { MEASURE_COUNT, MEASURE_MAX_USAGE, MEASURE_RAM, MEASURE_RSS } from "../abi";
import { MEASURE_SIZE, measures } from "../base/memory";
import { recordAt } from "../base/regions";


@unmanaged
class Measure {
  value: u64;
  known: u64;
}

if (offsetof<Measure>() != MEASURE_SIZE) ERROR("not the size that memory.ts tells");

/** Returns 0, or -1 where there is no such measure. */
export function setMeasure(which: u32, value: u64): i32 {
  if (which >= MEASURE_COUNT) return -1;
  at(which).value = value;
  at(which).known = 1;
  return 0;
}

/** What was told so far is unknown again. */
export function clearMeasures(): void {
  memory.fill(measures, 0, MEASURE_COUNT * MEASURE_SIZE);
}

export function measured(which: u32): bool {
  return at(which).known != 0;
}

/** 0 where it is unknown. */
export function measureOf(which: u32): u64 {
  return at(which).value;
}

/** The measure that is the process's memory limit: the smallest of those that are set. MEASURE_COUNT where there is none. */
export function limitMeasure(): u32 {
  let smallest = MEASURE_COUNT;
  for (let which = MEASURE_MAX_USAGE; which <= MEASURE_RAM; ++which) {
    if (!measureOf(which)) continue;
    if (smallest == MEASURE_COUNT || measureOf(which) < measureOf(smallest)) smallest = which;
  }
  return smallest;
}

/** Bytes that the process may still come to use, or -1 where that is not known. */
export function headroom(): i64 {
  const limit = limitMeasure();
  if (limit == MEASURE_COUNT || !measured(MEASURE_RSS)) return -1;
  const left = <i64>(measureOf(limit) - measureOf(MEASURE_RSS));
  return left > 0 ? left : 0;
}

function at(which: u32): Measure {
  return recordAt<Measure>(measures, which);
}
