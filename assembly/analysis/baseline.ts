// SPDX-License-Identifier: Apache-2.0
//
// Baselines: the state of every row and owner at a named point in time, so that a dump can show changes since then. BASELINES are
// kept; a new baseline replaces the baseline of the same name, or else the oldest. `arming` always exists: every row was 0 then.
//
// A series' part of a baseline (BASELINE in its history). Counts and their differences are modulo 2^40:
//
//    0               48     64         88              128
//    ┌───────────────┬──────┬──────────┬───────────────┐
//    │ live bytes    │ allocations     │ releases      │
//    └───────────────┴──────┴──────────┴───────────────┘
//
// Data of a baseline as a whole, MARK_SIZE bytes:
//
//    0        8              16      20       21                       64
//    ┌────────┬──────────────┬───────┬────────┬────────────────────────┐
//    │ time   │ transactions │ order │ length │ name                   │   order 0: free
//    └────────┴──────────────┴───────┴────────┴────────────────────────┘

import { BASELINE_BY_RELOAD, BASELINE_BY_USER, BASELINE_NAME_MAX, BASELINES, OWNER_SERIES_MAX } from "../abi";
import { BAR, COMMA, DOUBLE_QUOTE, isControl, QUESTION_MARK, SPACE } from "../base/chars";
import { input, MARK_SIZE, marks, output, outputEnd } from "../base/memory";
import { recordAt } from "../base/regions";
import { Row, Series } from "../base/types";
import { ascii, begin, byte, copy, position, unsigned } from "../base/writer";
import { baselineOf } from "../model/history";
import { knownSites } from "../model/model";
import { sumOwnerSeries } from "./owner_series";
import { keepParts, measureParts, PART_REMAINDER, partChange, UNKNOWN } from "./resident";
import { allocs, frees, inUse, isRemainder, seriesOfEntry } from "./series";


@unmanaged
class Part {
  low: u64;
  high: u64;
}


@unmanaged
class Mark {
  time: u64;
  transactions: u64;
  order: u32;
  length: u8;
}

const NAME: usize = offsetof<Mark>();

if (NAME + BASELINE_NAME_MAX > MARK_SIZE) ERROR("not the size that memory.ts tells");

const LIVE_BITS: u64 = 48;
const LIVE_MASK: u64 = (1 << LIVE_BITS) - 1;
const COUNT_BITS: u64 = 40;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
const LOW_BITS: u64 = 64 - LIVE_BITS;
const LOW_MASK: u64 = (1 << LOW_BITS) - 1;
const HIGH_BITS: u64 = COUNT_BITS - LOW_BITS;

/** Number of the baseline that always exists. */
export const ARMING: u32 = BASELINES;

let orders: u32 = 0;
let usual: u32 = ARMING;
/** Who set it: BASELINE_BY_.... */
let usualBy: u32 = BASELINE_BY_RELOAD;

export function baselinesReset(): void {
  orders = 0;
  forgetUsual();
}

function forgetUsual(): void {
  usual = ARMING;
  usualBy = BASELINE_BY_RELOAD;
}

/** The baseline of dumps that do not select another: the last one set by a user, else `warm-up`, else `start-up`. */
export function usualBaseline(): u32 {
  return usual;
}

/**
 * Sets a baseline, after applyBaseline(). Its name is in the input region; without a name it is `mark`.
 * @param by BASELINE_BY_...
 * @returns the length of a line in the output region that reports it
 */
export function markBaseline(nameLength: u32, now: u64, transactions: u64, by: u32): u32 {
  begin(output, outputEnd);
  ascii("baseline ");
  const name = position();
  writeName(nameLength);
  const length = <u32>(position() - name);
  if (isArming(name, length)) {
    ascii(": this name is reserved; choose another");
    return <u32>(position() - output);
  }
  let slot = find(name, length);
  if (slot != ARMING) {
    ascii(" is replaced");
  } else {
    ascii(" is set");
    slot = oldest();
    if (isSet(slot)) {
      ascii("; ");
      writeBaseline(slot);
      ascii(", the oldest of ");
      unsigned(BASELINES);
      ascii(", is removed");
      if (usual == slot) forgetUsual();
    }
  }
  // traffic_ctl sends only the first of several words: this tells an operator who forgot the quotes.
  if (!nameLength && by == BASELINE_BY_USER)
    ascii("; to give it a name, quote both words: traffic_ctl plugin msg memtrack 'mark NAME'");
  const text = <u32>(position() - output);
  const at = markAt(slot);
  memory.fill(changetype<usize>(at), 0, MARK_SIZE);
  at.length = <u8>length;
  memory.copy(nameOf(slot), name, length);
  at.time = now;
  at.transactions = transactions;
  at.order = ++orders;
  sumOwnerSeries();
  for (let row: Row = 0; row < knownSites(); ++row) keep(row, slot);
  for (let entry: u32 = 0; entry < OWNER_SERIES_MAX; ++entry) keep(seriesOfEntry(entry), slot);
  measureParts();
  keepParts(slot, now);
  if (usual == ARMING || usual == slot || by > usualBy || by == BASELINE_BY_USER) {
    usual = slot;
    usualBy = by;
  }
  return text;
}

/** Number of the baseline whose name is in the input region: ARMING, or -1 if there is none. */
export function baselineNamed(nameLength: u32): i32 {
  begin(output, outputEnd);
  writeName(nameLength);
  const length = <u32>(position() - output);
  const slot = find(output, length);
  return slot != ARMING || isArming(output, length) ? <i32>slot : -1;
}

/** Writes the names of all baselines to the output region, newest first. Returns the length. */
export function listBaselines(): u32 {
  begin(output, outputEnd);
  writeBaselines();
  return <u32>(position() - output);
}

export function writeBaselines(): void {
  for (let below = u32.MAX_VALUE; ;) {
    let newest: u32 = ARMING;
    for (let slot: u32 = 0; slot < BASELINES; ++slot) {
      const order = markAt(slot).order;
      if (order && order < below && (newest == ARMING || order > markAt(newest).order)) newest = slot;
    }
    if (newest == ARMING) break;
    writeBaseline(newest);
    ascii(", ");
    below = markAt(newest).order;
  }
  ascii("arming");
}

export function writeBaseline(slot: u32): void {
  if (slot == ARMING) ascii("arming");
  else copy(nameOf(slot), markAt(slot).length);
}

/** Time at which it was set, in the host's monotonic seconds. */
export function baselineTime(slot: u32): u64 {
  return markAt(slot).time;
}

export function baselineTransactions(slot: u32): u64 {
  return slot == ARMING ? 0 : markAt(slot).transactions;
}

/** Change of a series' live bytes since a baseline; 0 for a remainder that is not known then or now. */
export function changeSince(series: Series, slot: u32): i64 {
  if (isRemainder(series)) {
    const change = partChange(PART_REMAINDER, slot);
    return change == UNKNOWN ? 0 : change;
  }
  const used = <i64>inUse(series);
  return slot == ARMING ? used : used - <i64>(partOf(series, slot).low & LIVE_MASK);
}

export function allocsSince(series: Series, slot: u32): u64 {
  if (slot == ARMING) return allocs(series);
  const at = partOf(series, slot);
  const then = (at.low >> LIVE_BITS) | ((at.high & ((1 << HIGH_BITS) - 1)) << LOW_BITS);
  return (allocs(series) - then) & COUNT_MASK;
}

export function freesSince(series: Series, slot: u32): u64 {
  if (slot == ARMING) return frees(series);
  return (frees(series) - (partOf(series, slot).high >> HIGH_BITS)) & COUNT_MASK;
}

function keep(series: Series, slot: u32): void {
  const at = partOf(series, slot);
  const used = inUse(series);
  const count = allocs(series);
  at.low = (used < LIVE_MASK ? used : LIVE_MASK) | ((count & LOW_MASK) << LIVE_BITS);
  at.high = ((count & COUNT_MASK) >> LOW_BITS) | ((frees(series) & COUNT_MASK) << HIGH_BITS);
}

/** Writes a name truncated, with '?' for characters that would end a line or a column of a dump. */
function writeName(length: u32): void {
  if (!length) return ascii("mark");
  for (let i: u32 = 0; i < length && i < BASELINE_NAME_MAX; ++i) {
    const c = <u32>load<u8>(input + i);
    byte(isControl(c) || c == SPACE || c == DOUBLE_QUOTE || c == BAR || c == COMMA ? QUESTION_MARK : c);
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
    if (isSet(slot) && markAt(slot).length == length && memory.compare(nameOf(slot), name, length) == 0) return slot;
  }
  return ARMING;
}

/** A free entry, or else the oldest. */
function oldest(): u32 {
  let found: u32 = 0;
  for (let slot: u32 = 1; slot < BASELINES; ++slot) {
    if (markAt(slot).order < markAt(found).order) found = slot;
  }
  return found;
}

function isSet(slot: u32): bool {
  return markAt(slot).order != 0;
}

function partOf(series: Series, slot: u32): Part {
  return changetype<Part>(baselineOf(series, slot));
}

function nameOf(slot: u32): usize {
  return changetype<usize>(markAt(slot)) + NAME;
}

function markAt(slot: u32): Mark {
  return recordAt<Mark>(marks, slot, MARK_SIZE);
}
