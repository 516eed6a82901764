// SPDX-License-Identifier: Apache-2.0
//
// The history of a series: of a row, by its number, of an owner with an entry, or of the remainder (series.ts). Each point of a level stores the
// floor, the lowest live bytes among its samples. Memory that comes and goes leaves no trace in a floor, so a leak is visible even
// under a load a thousand times larger (for the same reason, heaps of garbage-collected languages are compared after a collection).
// Each point also stores the bytes allocated during its span, from which age.ts derives the minimum age of the live bytes.
//
//    0          308         364          460                                                         520
//    ┌──────────┬───────────┬────────────┬───────────────────────────────────────────────────────────┐
//    │ floors   │ allocated │ baselines  │ state                                                     │
//    │ 7x11 u32 │ 7x4 u16   │ 6x16       │                                                           │
//    └──────────┴───────────┴────────────┴───────────────────────────────────────────────────────────┘
//
//    state:     0               8             12           16             20             24
//               ┌───────────────┬─────────────┬────────────┬──────────────┬──────────────┐
//               │ lastAllocated │ firstSample │ growthTime │ growthSample │ warnedGrowth │
//               ├─────────────┬─┴───────┬─────┴──┬─────────┴───┬──────────┴───┬──────────┘
//               │ growthFloor │ verdict │ streak │ explanation │ reloadSteps  │
//               ├─────────────┼─────────┴────┬───┴─────────┬───┴──────────────┤
//              24            28        29   30            31                 32
//               │ reloadFloor │ reloadBefore │ reloadStart │ reloadAllocated  │
//               ├─────────────┴┬─────────┬───┴──────────┬──┴──────────────────┤
//              32             36        40             44                    48
//               │ reloadWithin │ reloads │ reloadMisses │ acceptance          │
//               ├──────────────┴─┬───────┴──────┬───────┴──┬──────────────────┤
//              48             50 │      52      │      53  │                 54
//               │ acceptedHourly │ acceptedEach │ proved   │ 0                │
//               └────────────────┴──────────────┴──────────┴──────────────────┘
//              54               56             58         59                 60
//
// A new series has zeros for its past, which is correct: it had no memory then.

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

/** State of a series besides its samples. Floors and growths are packed (minifloat.ts). */
@unmanaged
export class SeriesState {
  /** Bytes allocated up to the last sample. */
  lastAllocated: u64;
  /** Number of the first sample; 0 if the series was never sampled. */
  firstSample: u32;
  /** Time in seconds at which a leak's growth began, plus 1; 0 without a leak. */
  growthTime: u32;
  /** Sample at which the growth began. */
  growthSample: u32;
  /** Growth at the last warning. */
  warnedGrowth: u32;
  /** Floor at which the growth began. */
  growthFloor: u32;
  verdict: u8;
  streak: u8;
  /** Why a growth is not a leak (verdict.ts). */
  explanation: u8;
  /** Growth at configuration reloads (analysis/reloads.ts): reloads in a row at which it grew by a similar amount. */
  reloadSteps: u8;
  /** Floor since the last reload, floor before that reload, and floor before the first of these growths. */
  reloadFloor: u32;
  reloadBefore: u32;
  reloadStart: u32;
  /** Bytes allocated at the last reload. */
  reloadAllocated: u32;
  /** Growth between these reloads, packed narrow. */
  reloadWithin: u16;
  /** Reloads that these growths are for: more than reloadSteps, if some were too close to each other. */
  reloads: u16;
  /** Of a suspect that grows at reloads: reloads in a row at which it did not. */
  reloadMisses: u8;
  /** Whether the operator accepts its growth (analysis/accepted.ts), and what that was: per hour, and per 1,000 transactions; narrow. */
  acceptance: u8;
  acceptedHourly: u16;
  acceptedEach: u16;
  /** Whether a leak is one by proof alone (analysis/proof.ts). */
  proved: bool;
  zero8: u8;
}

if (STATE + offsetof<SeriesState>() != HISTORY_SIZE) ERROR("not the size that memory.ts tells");

/** Number of all series: rows, then owners, then the remainder. */
export function seriesLimit(): u32 {
  return slots + OWNER_SERIES_MAX + 1;
}

/** Clears the history of a row whose number now belongs to another site. */
export function historyForget(row: Row): void {
  if (row < seriesLimit()) memory.fill(historyAt(row), 0, HISTORY_SIZE);
}

/**
 * Moves a history to another row, when its row becomes part of that row or its number changes; unless the other row has a history.
 */
export function historyMove(from: u32, to: u32): void {
  if (from >= slots || to >= slots || from == to || !ageOf(from)) return;
  if (!ageOf(to)) memory.copy(historyAt(to), historyAt(from), HISTORY_SIZE);
  historyForget(from);
}

/** Begins a history of memory that was there before: its past is as its present, so that it has not grown. Before record(). */
export function historyBegin(series: Series, inUse: u64): void {
  historyForget(series);
  const floor = pack(inUse);
  for (let point: u32 = 0; point < HISTORY_LEVELS * HISTORY_POINTS; ++point)
    setValueAt<u32>(historyAt(series) + FLOORS, point, floor);
}

/** Samples a series. Called after the timeline's tick(). */
export function record(series: Series, inUse: u64, allocBytes: u64): void {
  const at = historyAt(series);
  const state = stateOf(series);
  if (state.firstSample && <i64>(allocBytes - state.lastAllocated) < 0) {
    // Fewer than before: the class was armed again. (A counter that wraps at 2^64 gives a small difference, not a negative one.)
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

/** Lowest live bytes in the point `back` points before the level's last point, packed (minifloat.ts). */
export function floorAt(series: Series, level: u32, back: u32): u32 {
  return floorIn(historyAt(series), level, back);
}

/** Bytes allocated in a point, rounded up; -1 if the history does not keep them any more. */
export function allocatedAt(series: Series, level: u32, back: u32): i64 {
  return back < GROUP ? <i64>unpackNarrow(allocatedIn(historyAt(series), level, back)) : -1;
}

/** Lower bound of the live bytes about `age` samples ago, from a point of level `from` or of a coarser level. */
export function inUseAt(series: Series, age: u32, from: u32): u64 {
  const found = locate(age, from);
  return unpack(floorAt(series, found >>> 8, found & 0xff));
}

/** Upper bound of the bytes allocated in the last `span` samples: a point counts in full, so the actual span may be longer. */
export function allocatedWithin(series: Series, span: u32): u64 {
  const at = historyAt(series);
  let sum: u64 = 0;
  let covered: u32 = 0;
  // First the samples not yet included in a point of the next level, then that level's points; four points of the last level
  // needed.
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

/** Number of samples since the first sample of the series; 0 if it was never sampled. */
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

/** Sets the floor of a level's last point. */
function setFloor(at: usize, level: u32, floor: u32): void {
  setValueAt<u32>(at + FLOORS, level * HISTORY_POINTS + slotOf(level, 0), floor);
}

function setAllocated(at: usize, level: u32, allocated: u16): void {
  setValueAt<u16>(at + ALLOCATED, allocatedSlot(level, 0), allocated);
}

function allocatedSlot(level: u32, back: u32): u32 {
  return level * GROUP + (((samples >>> (level * HISTORY_SHIFT)) - 1 - back) & GROUP_MASK);
}
