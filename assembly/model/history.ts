// SPDX-License-Identifier: Apache-2.0
//
// The history of a subject: of a row, by its number, or of an owner that is followed (series.ts). A level's point keeps the lowest live bytes of
// its samples: the floor. What comes and goes leaves no trace in a floor, so a leak shows under load that is a thousand times
// larger (the same reason for which heaps of collected languages are compared after a collection). Beside it, how many bytes were
// allocated meanwhile, from which age.ts tells how old the live ones must be.
//
//    0          308         364          460    468   472    476    480     484    488 489 490 491 492
//    ┌──────────┬───────────┬────────────┬──────┬─────┬──────┬──────┬───────┬──────┬───┬───┬───┬───┐
//    │ floors   │ allocated │ baselines  │ last │born │ since│ first│ warned│ kept │ v │ s │ r │ 0 │
//    │ 7x11 u32 │ 7x4 u16   │ 6x16       │ u64  │     │      │      │       │      │   │   │   │   │
//    └──────────┴───────────┴────────────┴──────┴─────┴──────┴──────┴───────┴──────┴───┴───┴───┴───┘
//
//    last: allocated bytes at the last sample · born: number of its first sample · since, first: time and number of the sample in
//    which a leak began · warned: growth that was warned of · kept: floor when the leak began · v: verdict · s: streak · r: reason
//
// A subject that is new has zeros behind it, and that is the truth: there was nothing of it.

import { BASELINES, HISTORY_LEVELS, HISTORY_POINTS, HISTORY_SHIFT, FOLLOWED_MAX } from "../abi";
import { DEBUG, history, HISTORY_SIZE, slots } from "../base/memory";
import { pack, packNarrow, unpack, unpackNarrow } from "./minifloat";
import { completed, locate, points, samples, slotOf, stale } from "./timeline";

const GROUP: u32 = 1 << HISTORY_SHIFT;
const GROUP_MASK: u32 = GROUP - 1;

const FLOORS: usize = 0;
const ALLOCATED: usize = 308;
const BASELINE: usize = 364;
const BASELINE_SIZE: usize = 16;
const LAST: usize = 460;
const BORN: usize = 468;
const SINCE: usize = 472;
const FIRST: usize = 476;
const WARNED: usize = 480;
const KEPT: usize = 484;
const VERDICT: usize = 488;
const STREAK: usize = 489;
const REASON: usize = 490;

/** Rows, and behind them owners. */
export function subjectLimit(): u32 {
  return slots + FOLLOWED_MAX;
}

/** The row's number now means another site: it has no past. */
export function historyForget(row: u32): void {
  if (row < subjectLimit()) memory.fill(historyAt(row), 0, HISTORY_SIZE);
}

/** A row becomes part of another one, or its number another: its history goes along, unless the other has one of its own. */
export function historyMove(from: u32, to: u32): void {
  if (from >= slots || to >= slots || from == to || !ageOf(from)) return;
  if (!ageOf(to)) memory.copy(historyAt(to), historyAt(from), HISTORY_SIZE);
  historyForget(from);
}

/** Takes a sample of a subject, after the clock's tick(). */
export function record(subject: u32, live: u64, allocatedBytes: u64): void {
  const at = historyAt(subject);
  if (load<u32>(at, BORN) && <i64>(allocatedBytes - load<u64>(at, LAST)) < 0) {
    // Fewer than before: its class was armed anew. (A counter that wraps at 2^64 gives a small difference, not a negative one.)
    historyForget(subject);
  }
  if (!load<u32>(at, BORN)) store<u32>(at, samples, BORN);
  store<u32>(floorAddress(at, 0, 0), pack(live));
  store<u16>(allocatedAddress(at, 0, 0), packNarrow(allocatedBytes - load<u64>(at, LAST)));
  store<u64>(at, allocatedBytes, LAST);
  for (let level: u32 = 1; level < completed; ++level) decimate(at, level);
}

function decimate(at: usize, level: u32): void {
  let floor = u32.MAX_VALUE;
  let sum: u64 = 0;
  for (let back: u32 = 0; back < GROUP; ++back) {
    const other = load<u32>(floorAddress(at, level - 1, back));
    if (other < floor) floor = other;
    sum += unpackNarrow(load<u16>(allocatedAddress(at, level - 1, back)));
  }
  store<u32>(floorAddress(at, level, 0), floor);
  store<u16>(allocatedAddress(at, level, 0), packNarrow(sum));
}

/** Packed (minifloat.ts): the lowest live bytes in the point that is `back` points before the level's last. */
export function floorAt(subject: u32, level: u32, back: u32): u32 {
  return load<u32>(floorAddress(historyAt(subject), level, back));
}

/** Live bytes about `age` samples ago, at the lowest, as a point of level `from` or a coarser one has it. */
export function liveAt(subject: u32, age: u32, from: u32): u64 {
  const found = locate(age, from);
  return unpack(floorAt(subject, found >>> 8, found & 0xff));
}

/** A bound of the bytes allocated in the last `span` samples, or more of them: a point is taken whole. */
export function allocatedWithin(subject: u32, span: u32): u64 {
  const at = historyAt(subject);
  let sum: u64 = 0;
  let covered: u32 = 0;
  // The samples that no point of the next level has yet, then that level's points; the last level that is needed has four.
  for (let level: u32 = 0; level < HISTORY_LEVELS; ++level) {
    const enough = stale(level) + (GROUP << (level * HISTORY_SHIFT)) >= span || level + 1 == HISTORY_LEVELS;
    const taken = enough ? GROUP : (samples >>> (level * HISTORY_SHIFT)) & GROUP_MASK;
    for (let back: u32 = 0; back < taken && covered < span && back < points(level); ++back) {
      sum += unpackNarrow(load<u16>(allocatedAddress(at, level, back)));
      covered += 1 << (level * HISTORY_SHIFT);
    }
    if (enough || covered >= span) break;
  }
  return sum;
}

/** Allocated bytes at the last sample. */
export function lastSampled(subject: u32): u64 {
  return load<u64>(historyAt(subject), LAST);
}

/** Samples since the subject was first seen; 0 where it never was. */
export function ageOf(subject: u32): u32 {
  const born = load<u32>(historyAt(subject), BORN);
  return born ? samples - born + 1 : 0;
}

export function baselineOf(subject: u32, slot: u32): usize {
  if (DEBUG) assert(slot < BASELINES);
  return historyAt(subject) + BASELINE + <usize>slot * BASELINE_SIZE;
}

// What verdict.ts, persistence.ts and warning.ts keep here.

export function sinceOf(subject: u32): u32 {
  return load<u32>(historyAt(subject), SINCE);
}
export function setSince(subject: u32, value: u32): void {
  store<u32>(historyAt(subject), value, SINCE);
}
export function firstOf(subject: u32): u32 {
  return load<u32>(historyAt(subject), FIRST);
}
export function setFirst(subject: u32, value: u32): void {
  store<u32>(historyAt(subject), value, FIRST);
}
export function warnedOf(subject: u32): u32 {
  return load<u32>(historyAt(subject), WARNED);
}
export function setWarned(subject: u32, value: u32): void {
  store<u32>(historyAt(subject), value, WARNED);
}
export function keptOf(subject: u32): u32 {
  return load<u32>(historyAt(subject), KEPT);
}
export function setKept(subject: u32, value: u32): void {
  store<u32>(historyAt(subject), value, KEPT);
}
export function storedVerdict(subject: u32): u32 {
  return load<u8>(historyAt(subject), VERDICT);
}
export function storeVerdict(subject: u32, value: u32): void {
  store<u8>(historyAt(subject), <u8>value, VERDICT);
}
export function streakOf(subject: u32): u32 {
  return load<u8>(historyAt(subject), STREAK);
}
export function setStreak(subject: u32, value: u32): void {
  store<u8>(historyAt(subject), <u8>value, STREAK);
}
export function reasonOf(subject: u32): u32 {
  return load<u8>(historyAt(subject), REASON);
}
export function setReason(subject: u32, value: u32): void {
  store<u8>(historyAt(subject), <u8>value, REASON);
}

function historyAt(subject: u32): usize {
  if (DEBUG) assert(subject < subjectLimit());
  return history + <usize>subject * HISTORY_SIZE;
}

function floorAddress(at: usize, level: u32, back: u32): usize {
  return at + FLOORS + ((<usize>(level * HISTORY_POINTS + slotOf(level, back))) << 2);
}

function allocatedAddress(at: usize, level: u32, back: u32): usize {
  const slot = ((samples >>> (level * HISTORY_SHIFT)) - 1 - back) & GROUP_MASK;
  return at + ALLOCATED + ((<usize>(level * GROUP + slot)) << 1);
}
