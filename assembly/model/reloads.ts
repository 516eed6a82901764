// SPDX-License-Identifier: Apache-2.0
//
// Configuration reloads: their number, and the periods between them. The server reports a reload when it begins; plugins and
// remap.config are loaded anew some seconds later (the server looks for changed records every few seconds). So a period has three
// phases, and the floors of its series begin twice: reloads that follow each other closely have at least the first floor.
//
//    reload                                              next reload
//    │ BEGUN │ EARLY            │ SETTLED                │
//    └───────┴──────────────────┴────────────────────────┴──────> time
//            EARLY_SECONDS      SETTLED_SECONDS
//
// A reload within BEGUN belongs to the same period. A period that ends early counts as a transition, and the last sample before its end
// as its floor: a file can have been loaded anew shortly before. The last periods are kept:
//
//    0       4         8             12       16
//    ┌───────┬─────────┬─────────────┬────────┐
//    │ time  │ samples │ transition  │ watched│   times in seconds since the first sample; samples taken before the reload
//    └───────┴─────────┴─────────────┴────────┘
//
// `transition` are the seconds between the last sample before the reload and the beginning of the floor, `watched` the seconds from
// there to the last sample of the period. A growth in time grows in both.

import { RELOAD_SIZE, reloadPoints, RELOADS_KEPT } from "../base/memory";
import { recordAt } from "../base/regions";
import { elapsedAt, elapsedSeconds, samples } from "./timeline";


@unmanaged
class Period {
  time: u32;
  samples: u32;
  transition: u32;
  watched: u32;
}

if (offsetof<Period>() != RELOAD_SIZE) ERROR("not the size that memory.ts tells");

const EARLY_SECONDS: u32 = 1;
/** Traffic Server 9.2 passes changed files on after up to 8 seconds, 10 after up to 3. */
const SETTLED_SECONDS: u32 = 12;

const BEGUN: u32 = 0;
const EARLY: u32 = 1;
const SETTLED: u32 = 2;

/** Number of reloads since the analysis began. */
export let reloadCount: u32 = 0;
/** Number of reloads that began the present period. */
export let merged: u32 = 0;
/** Whether allocations count as those of the last reload: up to the first sample after it has settled. */
export let counting: bool = false;

/** Number of the present period; 0 before the first reload. */
let period: u32 = 0;
let phase: u32 = SETTLED;
let lastReload: u32 = 0;
/** When the floors of the present period began, and the number of samples taken before. */
let floorTime: u32 = 0;
let floorSample: u32 = 0;

export function reloadsReset(): void {
  reloadCount = 0;
  merged = 0;
  counting = false;
  period = 0;
  phase = SETTLED;
  lastReload = 0;
  floorTime = 0;
  floorSample = 0;
}

/** Counts a reload. Returns whether it begins a new period: then endPeriod() must be called. */
export function countReload(now: u64): bool {
  ++reloadCount;
  lastReload = elapsedAt(now);
  if (!samples) return false;
  if (phase != BEGUN) return true;
  ++merged;
  return false;
}

/** Begins a new period, after the floors of all series have been evaluated. */
export function endPeriod(): void {
  if (phase == EARLY) periodAt(period).transition += watched();
  else periodAt(period).watched = watched();
  ++period;
  const at = periodAt(period);
  at.time = lastReload;
  at.samples = samples;
  at.transition = 0;
  at.watched = 0;
  floorTime = max(floorTime, elapsedSeconds());
  merged = 1;
  phase = BEGUN;
  counting = true;
}

/** Whether the floors of all series have to begin now. */
export function floorDue(now: u64): bool {
  const age = since(lastReload, now);
  return (phase == BEGUN && age >= EARLY_SECONDS) || (phase == EARLY && age >= SETTLED_SECONDS);
}

/** Begins the floors. `own` is the number of samples taken that belong to them. */
export function beginFloor(now: u64, own: u32): void {
  phase = since(lastReload, now) >= SETTLED_SECONDS ? SETTLED : EARLY;
  // The time of an early floor belongs to the transition, because what is loaded at the reload can come later.
  periodAt(period).transition += since(floorTime, now);
  floorTime = elapsedAt(now);
  floorSample = samples - own;
}

/** After a sample. */
export function sampleTaken(): void {
  if (phase == SETTLED) counting = false;
}

/** Whether the floors of this period exist. */
export function hasFloor(): bool {
  return phase != BEGUN;
}

/** Whether the last reload is complete and all of its allocations are counted. */
export function isSettled(): bool {
  return period != 0 && phase == SETTLED && !counting;
}

/** Whether the last reload may not be complete. */
export function isEarly(): bool {
  return phase == EARLY;
}

/** Whether there was no reload yet. */
export function isFirstPeriod(): bool {
  return period == 0;
}

/** Number of samples since the floors began. */
export function samplesOfFloor(): u32 {
  return samples - floorSample;
}

/** Seconds from the beginning of the floors to the last sample. */
function watched(): u32 {
  return elapsedSeconds() > floorTime ? elapsedSeconds() - floorTime : 0;
}

/** Whether the last periods were watched long enough to see a growth in time: half as long as their transitions, or longer. */
export function isWatched(periods: u32): bool {
  let seen: u64 = phase == SETTLED ? watched() : 0;
  let transitions: u64 = periodAt(period).transition;
  for (let back: u32 = 1; back < periods && back < RELOADS_KEPT && back < period; ++back) {
    seen += periodAt(period - back).watched;
    transitions += periodAt(period - back).transition;
  }
  return seen * 2 >= transitions;
}

/** Time of the reload that began the period so many periods ago, or of the oldest that is kept. */
export function reloadTime(back: u32): u32 {
  return periodAt(period - kept(back)).time;
}

/** Samples taken before that reload. */
export function reloadSample(back: u32): u32 {
  return periodAt(period - kept(back)).samples;
}

function since(time: u32, now: u64): u32 {
  const present = elapsedAt(now);
  return present > time ? present - time : 0;
}

function kept(back: u32): u32 {
  const most = min(period, RELOADS_KEPT) - 1;
  return period && back > most ? most : back;
}

function periodAt(number: u32): Period {
  return recordAt<Period>(reloadPoints, number % RELOADS_KEPT);
}
