// SPDX-License-Identifier: Apache-2.0
//
// Baselines: what every row and owner had at a moment that has a name, so that a dump can say what changed since. BASELINES are
// kept; one more takes the place of the oldest, one of the same name that of its namesake. `arming` is always there: then there
// was nothing.
//
// A subject's part (its place in a history is BASELINE there). Counts are modulo 2^40, and so are their differences:
//
//    0               48     64         88              128
//    ┌───────────────┬──────┬──────────┬───────────────┐
//    │ live bytes    │ allocations     │ releases      │
//    └───────────────┴──────┴──────────┴───────────────┘
//
// A baseline's own, MARK_SIZE bytes:
//
//    0      1                        40       48           56      60    64
//    ┌──────┬────────────────────────┬────────┬────────────┬───────┬─────┐
//    │length│ name                   │ time   │transactions│ order │  0  │   order 0: free
//    └──────┴────────────────────────┴────────┴────────────┴───────┴─────┘

import { BASELINES, BASELINE_NAME_MAX, FOLLOWED_MAX } from "../abi";
import { input, MARK_SIZE, marks, output, outputEnd } from "../base/memory";
import { ascii, begin, byte, copy, position, unsigned } from "../base/writer";
import { baselineOf } from "../model/history";
import { knownSites } from "../model/model";
import { sumFollowed } from "./owner_series";
import { allocations, liveBytes, releases, subjectOfEntry } from "./series";

const LENGTH: usize = 0;
const NAME: usize = 1;
const TIME: usize = 40;
const TRANSACTIONS: usize = 48;
const ORDER: usize = 56;

const LIVE_BITS: u64 = 48;
const LIVE_MASK: u64 = (1 << LIVE_BITS) - 1;
const COUNT_BITS: u64 = 40;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
const LOW_BITS: u64 = 64 - LIVE_BITS;
const LOW_MASK: u64 = (1 << LOW_BITS) - 1;
const HIGH_BITS: u64 = COUNT_BITS - LOW_BITS;

/** The number of the baseline that is always there. */
export const ARMING: u32 = BASELINES;

let orders: u32 = 0;
let usual: u32 = ARMING;

export function baselinesReset(): void {
  orders = 0;
  usual = ARMING;
}

/** What dumps are relative to that ask for nothing else: what a user set last; else what set itself first. */
export function usualBaseline(): u32 {
  return usual;
}

/**
 * Sets a baseline, after settle(). Its name is in the input region; without one it is `mark`.
 * @param byUser 1, or 0 where it sets itself
 * @returns the length of a line in the output region that says what was done
 */
export function markBaseline(nameLength: u32, now: u64, transactions: u64, byUser: u32): u32 {
  begin(output, outputEnd);
  ascii("baseline ");
  const name = position();
  writeName(nameLength);
  const length = <u32>(position() - name);
  if (isArming(name, length)) {
    ascii(": this name is taken, by the beginning of the count; choose another");
    return <u32>(position() - output);
  }
  let slot = find(name, length);
  if (slot != ARMING) {
    ascii(" is set anew");
  } else {
    ascii(" is set");
    slot = oldest();
    if (isSet(slot)) {
      ascii("; ");
      writeBaseline(slot);
      ascii(", the oldest of ");
      unsigned(BASELINES);
      ascii(", is gone");
      if (usual == slot) usual = ARMING;
    }
  }
  const text = <u32>(position() - output);
  const at = markAt(slot);
  memory.fill(at, 0, MARK_SIZE);
  store<u8>(at, <u8>length, LENGTH);
  memory.copy(at + NAME, name, length);
  store<u64>(at, now, TIME);
  store<u64>(at, transactions, TRANSACTIONS);
  store<u32>(at, ++orders, ORDER);
  sumFollowed();
  for (let row: u32 = 0; row < knownSites(); ++row) keep(row, slot);
  for (let entry: u32 = 0; entry < FOLLOWED_MAX; ++entry) keep(subjectOfEntry(entry), slot);
  if (byUser || usual == ARMING) usual = slot;
  return text;
}

/** The baseline whose name is in the input region: its number, ARMING, or -1 where there is none of that name. */
export function baselineNamed(nameLength: u32): i32 {
  begin(output, outputEnd);
  writeName(nameLength);
  const length = <u32>(position() - output);
  const slot = find(output, length);
  return slot != ARMING || isArming(output, length) ? <i32>slot : -1;
}

/** Writes the names of all baselines into the output region, the newest first. Returns the length. */
export function listBaselines(): u32 {
  begin(output, outputEnd);
  for (let below = u32.MAX_VALUE; ;) {
    let newest: u32 = ARMING;
    for (let slot: u32 = 0; slot < BASELINES; ++slot) {
      const order = load<u32>(markAt(slot), ORDER);
      if (order && order < below && (newest == ARMING || order > load<u32>(markAt(newest), ORDER))) newest = slot;
    }
    if (newest == ARMING) break;
    writeBaseline(newest);
    ascii(", ");
    below = load<u32>(markAt(newest), ORDER);
  }
  ascii("arming");
  return <u32>(position() - output);
}

export function writeBaseline(slot: u32): void {
  if (slot == ARMING) ascii("arming");
  else copy(markAt(slot) + NAME, load<u8>(markAt(slot), LENGTH));
}

/** When it was set, in the host's monotonic seconds. */
export function baselineTime(slot: u32): u64 {
  return load<u64>(markAt(slot), TIME);
}

export function baselineTransactions(slot: u32): u64 {
  return slot == ARMING ? 0 : load<u64>(markAt(slot), TRANSACTIONS);
}

/** What a subject's live bytes changed by. */
export function changeSince(subject: u32, slot: u32): i64 {
  const live = <i64>liveBytes(subject);
  return slot == ARMING ? live : live - <i64>(load<u64>(baselineOf(subject, slot)) & LIVE_MASK);
}

export function allocationsSince(subject: u32, slot: u32): u64 {
  if (slot == ARMING) return allocations(subject);
  const at = baselineOf(subject, slot);
  const then = (load<u64>(at) >> LIVE_BITS) | ((load<u64>(at, 8) & ((1 << HIGH_BITS) - 1)) << LOW_BITS);
  return (allocations(subject) - then) & COUNT_MASK;
}

export function releasesSince(subject: u32, slot: u32): u64 {
  if (slot == ARMING) return releases(subject);
  return (releases(subject) - (load<u64>(baselineOf(subject, slot), 8) >> HIGH_BITS)) & COUNT_MASK;
}

function keep(subject: u32, slot: u32): void {
  const at = baselineOf(subject, slot);
  const live = liveBytes(subject);
  const count = allocations(subject);
  store<u64>(at, (live < LIVE_MASK ? live : LIVE_MASK) | ((count & LOW_MASK) << LIVE_BITS));
  store<u64>(at, ((count & COUNT_MASK) >> LOW_BITS) | ((releases(subject) & COUNT_MASK) << HIGH_BITS), 8);
}

/** A name as it is shown: cut, and what would end a line or a column of a dump as '?'. */
function writeName(length: u32): void {
  if (!length) return ascii("mark");
  for (let i: u32 = 0; i < length && i < BASELINE_NAME_MAX; ++i) {
    const c = <u32>load<u8>(input + i);
    byte(c <= 0x20 || c == 0x7f || c == 0x22 || c == 0x7c || c == 0x2c ? 0x3f : c);
  }
}

function isArming(name: usize, length: u32): bool {
  const word = "arming";
  if (length != <u32>word.length) return false;
  for (let i: u32 = 0; i < length; ++i) if (load<u8>(name + i) != <u8>word.charCodeAt(i)) return false;
  return true;
}

function find(name: usize, length: u32): u32 {
  for (let slot: u32 = 0; slot < BASELINES; ++slot) {
    const at = markAt(slot);
    if (isSet(slot) && load<u8>(at, LENGTH) == length && memory.compare(at + NAME, name, length) == 0) return slot;
  }
  return ARMING;
}

/** A free one, else the one that was set first. */
function oldest(): u32 {
  let found: u32 = 0;
  for (let slot: u32 = 1; slot < BASELINES; ++slot) {
    if (load<u32>(markAt(slot), ORDER) < load<u32>(markAt(found), ORDER)) found = slot;
  }
  return found;
}

function isSet(slot: u32): bool {
  return load<u32>(markAt(slot), ORDER) != 0;
}

function markAt(slot: u32): usize {
  return marks + <usize>slot * MARK_SIZE;
}
