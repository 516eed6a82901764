// SPDX-License-Identifier: Apache-2.0
//
// The history of a series: of a row, by its number, or of an owner that is followed (series.ts). A level's point keeps the lowest
// live bytes of its samples: the floor. What comes and goes leaves no trace in a floor, so a leak shows under load that is a
// thousand times larger (the same reason for which heaps of collected languages are compared after a collection). Beside it, how
// many bytes were allocated meanwhile, from which age.ts tells how old the live ones must be.
//
//    0          308         364          460                                                         492
//    ┌──────────┬───────────┬────────────┬───────────────────────────────────────────────────────────┐
//    │ floors   │ allocated │ baselines  │ state                                                     │
//    │ 7x11 u32 │ 7x4 u16   │ 6x16       │                                                           │
//    └──────────┴───────────┴────────────┴───────────────────────────────────────────────────────────┘
//
//    state:     0               8             12           16             20             24
//               ┌───────────────┬─────────────┬────────────┬──────────────┬──────────────┐
//               │ lastAllocated │ firstSample │ growthTime │ growthSample │ warnedGrowth │
//               ├─────────────┬─┴───────┬─────┴──┬─────────┴───┬──────────┴───┬──────────┘
//               │ growthFloor │ verdict │ streak │ explanation │ 0            │
//               └─────────────┴─────────┴────────┴─────────────┴──────────────┘
//              24            28        29       30            31             32
//
// A series that is new has zeros behind it, and that is the truth: there was nothing of it.

import { BASELINES, HISTORY_LEVELS, HISTORY_POINTS, HISTORY_SHIFT, OWNER_SERIES_MAX } from "../abi";
import { DEBUG, history, HISTORY_SIZE, slots } from "../base/memory";
import { setValueAt, valueAt } from "../base/regions";
import { Row, Series } from "../base/types";
import { pack, packNarrow, unpack, unpackNarrow } from "./minifloat";
import { completed, locate, points, samples, slotOf, stale } from "./timeline";

const GROUP: u32 = 1 << HISTORY_SHIFT;
const GROUP_MASK: u32 = GROUP - 1;

const FLOORS: usize = 0;
const ALLOCATED: usize = FLOORS + HISTORY_LEVELS * HISTORY_POINTS * sizeof<u32>();
const BASELINE: usize = ALLOCATED + HISTORY_LEVELS * GROUP * sizeof<u16>();
const BASELINE_SIZE: u32 = 16;
const STATE: usize = BASELINE + <usize>(BASELINES * BASELINE_SIZE);

/** What is known of a series beside its samples. Floors and growths are packed (minifloat.ts). */
@unmanaged
export class SeriesState {
  /** Allocated bytes at the last sample. */
  lastAllocated: u64;
  /** Number of the first sample; 0 where the series was never seen. */
  firstSample: u32;
  /** Seconds at which a leak's growth began, plus 1; 0 where there is none. */
  growthTime: u32;
  /** The sample in which it began. */
  growthSample: u32;
  /** The growth that was warned of. */
  warnedGrowth: u32;
  /** The floor when the growth began. */
  growthFloor: u32;
  verdict: u8;
  streak: u8;
  /** Why a growth is no leak (verdict.ts). */
  explanation: u8;
  zero: u8;
}

if (STATE + offsetof<SeriesState>() != HISTORY_SIZE) ERROR("not the size that memory.ts tells");

/** Rows, and behind them owners. */
export function seriesLimit(): u32 {
  return slots + OWNER_SERIES_MAX;
}

/** The row's number now means another site: it has no past. */
export function historyForget(row: Row): void {
  if (row < seriesLimit()) memory.fill(historyAt(row), 0, HISTORY_SIZE);
}

/** A row becomes part of another one, or its number another: its history goes along, unless the other has one of its own. */
export function historyMove(from: u32, to: u32): void {
  if (from >= slots || to >= slots || from == to || !ageOf(from)) return;
  if (!ageOf(to)) memory.copy(historyAt(to), historyAt(from), HISTORY_SIZE);
  historyForget(from);
}

/** Takes a sample of a series, after the timeline's tick(). */
export function record(series: Series, inUse: u64, allocBytes: u64): void {
  const at = historyAt(series);
  const state = stateOf(series);
  if (state.firstSample && <i64>(allocBytes - state.lastAllocated) < 0) {
    // Fewer than before: its class was armed anew. (A counter that wraps at 2^64 gives a small difference, not a negative one.)
    historyForget(series);
  }
  if (!state.firstSample) state.firstSample = samples;
  setFloor(at, 0, pack(inUse));
  setAllocated(at, 0, packNarrow(allocBytes - state.lastAllocated));
  state.lastAllocated = allocBytes;
  for (let level: u32 = 1; level < completed; ++level) decimate(at, level);
}

function decimate(at: usize, level: u32): void {
  let floor = u32.MAX_VALUE;
  let sum: u64 = 0;
  for (let back: u32 = 0; back < GROUP; ++back) {
    const other = floorIn(at, level - 1, back);
    if (other < floor) floor = other;
    sum += unpackNarrow(allocatedIn(at, level - 1, back));
  }
  setFloor(at, level, floor);
  setAllocated(at, level, packNarrow(sum));
}

/** Packed (minifloat.ts): the lowest live bytes in the point that is `back` points before the level's last. */
export function floorAt(series: Series, level: u32, back: u32): u32 {
  return floorIn(historyAt(series), level, back);
}

/** Live bytes about `age` samples ago, at the lowest, as a point of level `from` or a coarser one has it. */
export function inUseAt(series: Series, age: u32, from: u32): u64 {
  const found = locate(age, from);
  return unpack(floorAt(series, found >>> 8, found & 0xff));
}

/** A bound of the bytes allocated in the last `span` samples, or more of them: a point is taken whole. */
export function allocatedWithin(series: Series, span: u32): u64 {
  const at = historyAt(series);
  let sum: u64 = 0;
  let covered: u32 = 0;
  // The samples that no point of the next level has yet, then that level's points; the last level that is needed has four.
  for (let level: u32 = 0; level < HISTORY_LEVELS; ++level) {
    const enough = stale(level) + (GROUP << (level * HISTORY_SHIFT)) >= span || level + 1 == HISTORY_LEVELS;
    const taken = enough ? GROUP : (samples >>> (level * HISTORY_SHIFT)) & GROUP_MASK;
    for (let back: u32 = 0; back < taken && covered < span && back < points(level); ++back) {
      sum += unpackNarrow(allocatedIn(at, level, back));
      covered += 1 << (level * HISTORY_SHIFT);
    }
    if (enough || covered >= span) break;
  }
  return sum;
}

/** Samples since the series was first seen; 0 where it never was. */
export function ageOf(series: Series): u32 {
  const born = stateOf(series).firstSample;
  return born ? samples - born + 1 : 0;
}

export function baselineOf(series: Series, slot: u32): usize {
  if (DEBUG) assert(slot < BASELINES);
  return historyAt(series) + BASELINE + <usize>slot * BASELINE_SIZE;
}

export function stateOf(series: Series): SeriesState {
  return changetype<SeriesState>(historyAt(series) + STATE);
}

function historyAt(series: Series): usize {
  if (DEBUG) assert(series < seriesLimit());
  return history + <usize>series * HISTORY_SIZE;
}

function floorIn(at: usize, level: u32, back: u32): u32 {
  return valueAt<u32>(at + FLOORS, level * HISTORY_POINTS + slotOf(level, back));
}

function allocatedIn(at: usize, level: u32, back: u32): u16 {
  return valueAt<u16>(at + ALLOCATED, allocatedSlot(level, back));
}

/** Of a level's last point. */
function setFloor(at: usize, level: u32, floor: u32): void {
  setValueAt<u32>(at + FLOORS, level * HISTORY_POINTS + slotOf(level, 0), floor);
}

function setAllocated(at: usize, level: u32, allocated: u16): void {
  setValueAt<u16>(at + ALLOCATED, allocatedSlot(level, 0), allocated);
}

function allocatedSlot(level: u32, back: u32): u32 {
  return level * GROUP + (((samples >>> (level * HISTORY_SHIFT)) - 1 - back) & GROUP_MASK);
}
