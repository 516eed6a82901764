// SPDX-License-Identifier: Apache-2.0
//
// Growth per configuration reload, judged by the number of reloads, whatever time is between them. For each period between two reloads
// (model/reloads.ts) a series has a floor, the lowest live bytes in it. A step is the difference of two floors:
//
//    live │            ┌─────────        step:    what a reload left behind
//         │      ┌─────┘                 within:  growth in a period, from its floor to its last samples
//         │ ─────┘
//         └──────┴─────┴─────────> time
//
// A series grows per reload if
//
//   - the floor rose at each of the last reloads, by a similar amount
//   - it hardly rose within the periods; otherwise it grows with time or traffic
//   - the periods were watched long enough to see that
//   - it holds more than what the last reload allocated: a configuration that has grown was allocated by the last reload as a whole (so
//     that a row that allocates more than it holds within the seconds of a reload, for requests, is left to its samples)
//
// At STEPS_NEEDED reloads that is a leak, however small. Fewer are an explanation, "per reload, 3 of 8". A leak remains one until half
// of it is released, or until it has not grown at MISSES_MAX reloads in a row.

import {
  EXPLAINED_BY_NOTHING,
  EXPLAINED_BY_RELOAD,
  HISTORY_LEVELS,
  HISTORY_SHIFT,
  OWNER_SERIES_MAX,
  VERDICT_FILLING,
  VERDICT_LEAK,
  VERDICT_STEADY,
} from "../abi";
import { Row, Series } from "../base/types";
import { floorAt, SeriesState, stateOf } from "../model/history";
import { pack, packNarrow, unpack, unpackNarrow } from "../model/minifloat";
import { isRow, knownSites } from "../model/model";
import * as periods from "../model/reloads";
import { ascii, unsigned } from "../base/writer";
import { isUsedEntry, sumOwnerSeries } from "./owner_series";
import { allocBytes, inUse, isActive, isCore, seriesOfEntry } from "./series";

/** Reloads at which a leak must have grown. */
export const STEPS_NEEDED: u32 = 8;
/** Fewer are no explanation. */
const STEPS_MIN: u32 = 2;
const MISSES_MAX: u32 = 8;
/** Growth within the periods, as a part of the whole growth. */
const WITHIN_PART: u64 = 8;
/** Deviation of a step from the average, as a part of it. */
const SIMILAR_PART: u64 = 4;
/** Samples, or points of a coarser level, at the end of a period whose lowest value is compared with its floor. */
const LAST_SAMPLES: u32 = 4;

// The growths of a series, from load() on.
let steps: u32 = 0;
let reloads: u32 = 0;
let misses: u32 = 0;
let start: u64 = 0;
let within: u64 = 0;
/** Floor after the last step. */
let floor: u64 = 0;

/** The server's configuration is loaded anew. */
export function reloaded(now: u64): void {
  if (!periods.countReload(now)) return;
  for (let row: Row = 0; row < knownSites(); ++row) endPeriod(row);
  for (let entry: u32 = 0; entry < OWNER_SERIES_MAX; ++entry) endPeriod(seriesOfEntry(entry));
  periods.endPeriod();
}

/** 1 if the host must call observeReload(), on settled sums. It asks every second. */
export function observationDue(now: u64): u32 {
  return periods.floorDue(now) ? 1 : 0;
}

/** Begins the floors of the present period, between two samples. */
export function observeReload(now: u64): void {
  if (!periods.floorDue(now)) return;
  sumOwnerSeries();
  beginFloors(now, 0);
}

/** Before a sample is recorded in a series' history. */
export function countAllocated(series: Series): void {
  const state = stateOf(series);
  if (!periods.counting) return;
  const allocated = <i64>(allocBytes(series) - state.lastAllocated);
  if (allocated > 0) state.reloadAllocated = pack(unpack(state.reloadAllocated) + <u64>allocated);
}

/** After a sample is recorded in all histories. */
export function observeSample(now: u64): void {
  if (periods.floorDue(now)) beginFloors(now, 1);
  else if (periods.hasFloor() && !periods.isFirstPeriod()) {
    for (let row: Row = 0; row < knownSites(); ++row) if (isRow(row)) lowerFloor(row);
    for (let entry: u32 = 0; entry < OWNER_SERIES_MAX; ++entry) if (isUsedEntry(entry)) lowerFloor(seriesOfEntry(entry));
  }
  periods.sampleTaken();
}

/** @param samples 1 if the last sample belongs to the floors, else 0 */
function beginFloors(now: u64, samples: u32): void {
  periods.beginFloor(now, samples);
  for (let row: Row = 0; row < knownSites(); ++row) if (isRow(row)) beginFloor(row);
  for (let entry: u32 = 0; entry < OWNER_SERIES_MAX; ++entry) if (isUsedEntry(entry)) beginFloor(seriesOfEntry(entry));
}

function beginFloor(series: Series): void {
  stateOf(series).reloadFloor = pack(inUse(series));
}

function lowerFloor(series: Series): void {
  const state = stateOf(series);
  state.reloadFloor = min(state.reloadFloor, pack(inUse(series)));
}

function endPeriod(series: Series): void {
  const state = stateOf(series);
  if (periods.isFirstPeriod()) state.reloadFloor = pack(lastFloor(series, 0, LAST_SAMPLES));
  else if (state.reloadFloor | state.reloadBefore | state.reloadSteps) {
    if (periods.isEarly()) state.reloadFloor = pack(lastFloor(series, unpack(state.reloadFloor), 1));
    load(state);
    addPeriod(series);
    keep(state);
  }
  state.reloadBefore = state.reloadFloor;
  state.reloadAllocated = 0;
}

function load(state: SeriesState): void {
  steps = state.reloadSteps;
  reloads = state.reloads;
  misses = state.reloadMisses;
  start = unpack(state.reloadStart);
  within = unpackNarrow(state.reloadWithin);
  floor = unpack(state.reloadBefore);
}

function keep(state: SeriesState): void {
  state.reloadSteps = <u8>min<u32>(steps, u8.MAX_VALUE);
  state.reloads = <u16>min<u32>(reloads, u16.MAX_VALUE);
  state.reloadMisses = <u8>misses;
  state.reloadStart = pack(start);
  state.reloadWithin = packNarrow(within);
}

/** Adds the present period to what load() read. */
function addPeriod(series: Series): void {
  const now = unpack(stateOf(series).reloadFloor);
  if (now > floor) addStep(now - floor, isReloadLeak(series));
  else if (!isReloadLeak(series) || (floor - now) * 2 >= floor - start || ++misses >= MISSES_MAX) forget();
  const last = lastFloor(series, now, periods.isEarly() ? 1 : LAST_SAMPLES);
  if (steps && last > now) within += last - now;
  floor = now;
}

/** @param any whether a step of any size counts */
function addStep(step: u64, any: bool): void {
  misses = 0;
  if (!steps || !(any || isSimilar(step))) {
    forget();
    start = floor;
  }
  ++steps;
  reloads += periods.merged;
}

function forget(): void {
  steps = 0;
  reloads = 0;
  misses = 0;
  within = 0;
}

/** Whether a step for each of its reloads is as high as the steps before. */
function isSimilar(step: u64): bool {
  const a = step * reloads;
  const b = (floor - start) * periods.merged;
  return (a > b ? a - b : b - a) <= b / SIMILAR_PART;
}

/**
 * Lowest live bytes at the end of the present period: in its last samples, at most so many, or, of a long period, in a part of its last
 * quarter; `otherwise` if it has no sample.
 */
function lastFloor(series: Series, otherwise: u64, most: u32): u64 {
  const samples = periods.samplesOfFloor();
  let level: u32 = 0;
  while (level + 1 < HISTORY_LEVELS && most << ((level + 1) * HISTORY_SHIFT) <= samples / 4) ++level;
  const count = min(samples, most);
  let lowest = u32.MAX_VALUE;
  for (let back: u32 = 0; back < count; ++back) lowest = min(lowest, floorAt(series, level, back));
  return count ? unpack(lowest) : otherwise;
}

/** Loads the growths of a series, with the present period as far as it is settled. */
function take(series: Series): void {
  load(stateOf(series));
  if (periods.isSettled()) addPeriod(series);
}

/** At how many of the last reloads a series grew, by similar amounts and at reloads only; 0 if it does not grow per reload. */
function growths(series: Series): u32 {
  take(series);
  if (steps < STEPS_MIN || floor <= start || within > (floor - start) / WITHIN_PART) return 0;
  if (!periods.isWatched(min(steps, STEPS_NEEDED))) return 0;
  const allocated = unpack(stateOf(series).reloadAllocated) / max<u32>(periods.merged, 1);
  return inUse(series) >= allocated + (floor - start) / 2 ? steps : 0;
}

/**
 * Judges a growth per reload, and stores the verdict. Returns whether it is one; otherwise the series has to be judged by its samples.
 */
export function judgeReloads(series: Series): bool {
  const state = stateOf(series);
  if (isReloadLeak(series)) {
    take(series);
    if (steps) return true;
    state.verdict = <u8>VERDICT_STEADY;
    state.explanation = <u8>EXPLAINED_BY_NOTHING;
    return false;
  }
  if (!periods.isSettled()) return isPerReload(series) && isActive(series);
  if (!state.reloadSteps || isCore(series) || !isActive(series)) return false;
  const count = growths(series);
  if (count < STEPS_NEEDED && (count < STEPS_MIN || state.verdict == VERDICT_LEAK)) return false;
  state.verdict = <u8>(count < STEPS_NEEDED ? VERDICT_FILLING : VERDICT_LEAK);
  state.explanation = <u8>EXPLAINED_BY_RELOAD;
  state.growthTime = count < STEPS_NEEDED ? 0 : periods.reloadTime(count - 1) + 1;
  state.growthSample = periods.reloadSample(count - 1);
  state.growthFloor = pack(start);
  return true;
}

/** Whether a series is a suspect because it grows per reload. */
export function isReloadLeak(series: Series): bool {
  return stateOf(series).verdict == VERDICT_LEAK && stateOf(series).explanation == EXPLAINED_BY_RELOAD;
}

/** Whether a series grew per reload, but at fewer reloads than a verdict needs. */
export function isPerReload(series: Series): bool {
  return stateOf(series).verdict == VERDICT_FILLING && stateOf(series).explanation == EXPLAINED_BY_RELOAD;
}

/** Further reloads that a verdict needs. */
export function reloadsMissing(series: Series): u32 {
  take(series);
  return steps < STEPS_NEEDED ? STEPS_NEEDED - steps : 1;
}

/** Growth at each reload, and the number of reloads. */
export function growthPerReload(series: Series): u64 {
  take(series);
  return reloads && floor > start ? (floor - start + reloads / 2) / reloads : 0;
}

export function reloadsOf(series: Series): u32 {
  take(series);
  return reloads;
}

/** `, 3 of 8`, after the explanation. */
export function writeReloadProgress(series: Series): void {
  if (!isPerReload(series)) return;
  ascii(", ");
  unsigned(STEPS_NEEDED - min(reloadsMissing(series), STEPS_NEEDED));
  ascii(" of ");
  unsigned(STEPS_NEEDED);
}
