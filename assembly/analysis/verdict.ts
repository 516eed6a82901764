// SPDX-License-Identifier: Apache-2.0
//
// Judges the history of a series.
//
//   leak      unexplained growth: a suspect
//   accepted  the same, which the operator accepts (accepted.ts)
//   filling   growth that levels off, or is explained by the RAM cache or the load, or is still too young to be told from a cache
//   churn     no growth; most of the live memory is replaced all the time
//   steady    no growth
//   new       too few samples so far
//
// Growth is searched on every level of the history, so that a fast growth is found in minutes and a slow growth in days. It must
// satisfy all of these: the floors rise almost always (Mann-Kendall, as a filter), in several steps of which none is most of the
// growth, to a height never reached before, by more than the noise, and by more than the random changes of a population that comes
// and goes (GROWTH_SIGMA standard deviations; a stationary population of n objects has about the square root of n). It is a leak
// unless it has an explanation (explanation.ts). The remainder of resident memory must grow by REMAINDER_MIN at least: pages come and
// go in bursts, as the allocator takes and returns them.
//
// What the search for references has found comes first (proof.ts): blocks that nothing refers to are a leak, and a growth that somebody
// holds has an hour to end.
//
// A growth at configuration reloads only is judged by their number, before all of this (reloads.ts).
//
// A leak by proof alone is none any more if a block that was called lost is released. Others remain one until half of the leaked memory is released, or until it has not grown for half as long as it grew: leaks
// in rare errors grow at intervals.

import {
  EXPLAINED_BY_AGE,
  EXPLAINED_BY_CONFIRMATION,
  EXPLAINED_BY_HOLDER,
  EXPLAINED_BY_LEVELLING,
  EXPLAINED_BY_NOTHING,
  HISTORY_LEVELS,
  HISTORY_POINTS,
  HISTORY_SHIFT,
  OWNER_SERIES_MAX,
  VERDICT_ACCEPTED,
  VERDICT_CHURN,
  VERDICT_FILLING,
  VERDICT_LEAK,
  VERDICT_NEW,
  VERDICT_STEADY,
} from "../abi";
import { Series } from "../base/types";
import { EXPLANATIONS_MEASURED, RESIDENT_CHANGE_MIN } from "../format";
import { ageOf, allocatedWithin, floorAt, stateOf } from "../model/history";
import { pack, unpack } from "../model/minifloat";
import { knownSites } from "../model/model";
import { elapsedSeconds, points, samples, stale, timeAt } from "../model/timeline";
import { followAccepted, isAccepted } from "./accepted";
import { CACHE_RUN, findExplanation, PLAIN_RUN, runNeeded } from "./explanation";
import { HELD_SECONDS, isAwaited, isDisproved, isHeldFast, isProved } from "./proof";
import { isPerReload, judgeReloads } from "./reloads";
import { GROWTH_SIGMA } from "./saturation";
import {
  averageSize,
  followsOthers,
  inUse,
  isActive,
  isCore,
  isObjects,
  isOfFreelist,
  isRemainder,
  remainder,
  seriesOfEntry,
} from "./series";
import * as trend from "./trend";

/** Levels on which growth is searched: levels whose points represent at least 16 samples. */
const LEVEL_FIRST: u32 = 2;
const POINTS_MIN: u32 = 5;
/** Samples needed for any verdict other than `new`: as many as the first level needs. */
const SAMPLES_MIN: u32 = POINTS_MIN << (LEVEL_FIRST * HISTORY_SHIFT);

const GROWTH_MIN: i64 = 1024;
const REMAINDER_MIN: i64 = <i64>RESIDENT_CHANGE_MIN;
const OBJECTS_MIN: u64 = 12;
/** Of a freelist: each thread of the server keeps up to so many objects for its next use, and the server counts these as in use. */
const LISTED_MIN: u64 = 512;
const NOISE_FACTOR: i64 = 6;
const RISES_MIN: u32 = 4;
const KENDALL_MIN: i32 = 60;
/** After so many consecutive analyses among the few with by far the largest growth, the filter is relaxed. */
const STREAK: u32 = 6;
const KENDALL_MIN_STREAK: i32 = 40;
/** Number of points at a level's end in which it must grow at a quarter of its rate or faster. */
const RECENT: u32 = 3;
const RECENT_PACE: u32 = 4;

const CONFIRM: u32 = 8;
/** Further samples in which the search has time to say whether a growth is held. */
const AWAIT: u32 = 64;

/** Most rows that a sample judges; the next sample continues from there. */
const JUDGED_MAX: u32 = 64;

let cursor: u32 = 0;
/** The level on which classify() found a leak. */
let seenOn: u32 = 0;

export function verdictReset(): void {
  cursor = 0;
}

/** Judges in turn series that may have changed. After a sample. */
export function judgeSome(): void {
  const rows = knownSites();
  const all = rows + OWNER_SERIES_MAX + 1;
  let judged: u32 = 0;
  for (let i: u32 = 0; i < all && judged < JUDGED_MAX; ++i) {
    if (cursor >= all) cursor = 0;
    const series = cursor < rows ? cursor : cursor + 1 < all ? seriesOfEntry(cursor - rows) : remainder();
    ++cursor;
    if (judge(series)) ++judged;
  }
}

/** Judges a series. Returns whether that evaluated its trend. Not while the output region holds text. */
export function judge(series: Series): bool {
  const wasLeak = isLeak(series);
  const evaluated = judgeGrowth(series);
  if (wasLeak || isLeak(series)) followAccepted(series, wasLeak);
  return evaluated;
}

function judgeGrowth(series: Series): bool {
  if (judgeReloads(series)) return false;
  if (isDisproved(series)) withdraw(series);
  if (isProved(series)) {
    prove(series);
    return true;
  }
  if (isLeak(series) && growingFor(series) < HELD_SECONDS && isHeldFast(series)) {
    stateOf(series).verdict = <u8>VERDICT_FILLING;
    stateOf(series).explanation = <u8>EXPLAINED_BY_HOLDER;
  }
  const verdict = stateOf(series).verdict;
  if (verdict != VERDICT_LEAK && !mayGrow(series)) {
    if (verdict != VERDICT_STEADY) markSteady(series);
    return false;
  }
  if (!isActive(series)) {
    markSteady(series);
    return false;
  }
  const reason = classify(series);
  if (reason == EXPLAINED_BY_NOTHING && isHeldFast(series)) hold(series);
  else if (reason == EXPLAINED_BY_NOTHING) confirm(series);
  else if (verdict != VERDICT_LEAK || isOver(series)) {
    if (verdict == VERDICT_LEAK || reason == NO_GROWTH) stateOf(series).growthTime = 0;
    stateOf(series).explanation = <u8>(reason == NO_GROWTH ? EXPLAINED_BY_NOTHING : reason);
    stateOf(series).verdict = <u8>(reason == NO_GROWTH ? VERDICT_STEADY : VERDICT_FILLING);
  }
  return true;
}

export function verdictOf(series: Series): u32 {
  if (isAccepted(series)) return VERDICT_ACCEPTED;
  const verdict = stateOf(series).verdict;
  if (verdict == VERDICT_LEAK || verdict == VERDICT_FILLING) return verdict;
  if (ageOf(series) < SAMPLES_MIN) return VERDICT_NEW;
  return turnover(series) ? VERDICT_CHURN : VERDICT_STEADY;
}

/**
 * Whether a series may still get the verdict `leak`: it is too new, grows for too short a time, or only seems to level off. (The RAM
 * cache and the load are measured.)
 */
export function isUndecided(series: Series): bool {
  const verdict = verdictOf(series);
  if (verdict == VERDICT_NEW) return true;
  return verdict == VERDICT_FILLING && !unchecked(EXPLANATIONS_MEASURED[stateOf(series).explanation]);
}

/**
 * Samples until an undecided series can get the verdict `leak` at the earliest, if it continues to grow; 0 if that can happen at any
 * sample, because it only seems to level off, or if it depends on configuration reloads.
 */
export function samplesUntilJudged(series: Series): u32 {
  const state = stateOf(series);
  if (verdictOf(series) == VERDICT_NEW) return SAMPLES_MIN - ageOf(series) + CONFIRM;
  if (state.explanation == EXPLAINED_BY_LEVELLING || isPerReload(series)) return 0;
  if (state.explanation == EXPLAINED_BY_HOLDER) {
    const left = HELD_SECONDS - min(growingFor(series), HELD_SECONDS);
    return <u32>((<u64>left * samples) / max<u32>(elapsedSeconds(), 1)) + 1;
  }
  if (state.explanation == EXPLAINED_BY_CONFIRMATION) {
    const seen = samples - state.growthSample;
    return seen < CONFIRM ? CONFIRM - seen : 1;
  }
  let least = u32.MAX_VALUE;
  for (let level: u32 = LEVEL_FIRST; level < HISTORY_LEVELS; ++level) least = min(least, samplesMissing(series, level));
  return least + CONFIRM;
}

/** Samples until this level shows a growth of the required duration, which it measures in whole points. */
function samplesMissing(series: Series, level: u32): u32 {
  trend.take(series, level);
  const run = trend.count > 1 ? trend.run(level) : 0;
  const needed = trend.count > 1 ? runNeeded(series, level, run) : CACHE_RUN;
  const shift = level * HISTORY_SHIFT;
  const steps = (needed + (1 << shift) - 1) >>> shift;
  if (steps >= HISTORY_POINTS) return u32.MAX_VALUE >> 1;
  const made = run >>> shift;
  // Growth is measured from a first point, which the level may not have yet.
  const further = max(steps > made ? steps - made : 0, POINTS_MIN > points(level) ? POINTS_MIN - points(level) : 0);
  const begins: u32 = trend.count ? 0 : 1;
  return ((further + begins) << shift) - (further + begins ? stale(level) : 0);
}

/** Whether a series is a suspect at present. */
export function isSuspect(series: Series): bool {
  return isLeak(series) && !isAccepted(series);
}

/** Whether its growth is a leak, accepted or not. */
export function isLeak(series: Series): bool {
  return stateOf(series).verdict == VERDICT_LEAK;
}

/** 1 if the remainder of resident memory is a suspect. */
export function isRemainderSuspect(): u32 {
  return isActive(remainder()) && isSuspect(remainder()) ? 1 : 0;
}

/** The level that shows its growth best: the finest one that reaches back to its beginning. */
export function levelOf(series: Series): u32 {
  const since = stateOf(series).growthTime;
  let best: u32 = LEVEL_FIRST;
  for (let level: u32 = LEVEL_FIRST; level < HISTORY_LEVELS && points(level) >= POINTS_MIN; ++level) {
    best = level;
    if (since && timeAt(level, points(level) - 1) <= since - 1) break;
  }
  return best;
}

/** Seconds for which a suspect has been growing. */
export function growingFor(series: Series): u32 {
  const since = stateOf(series).growthTime;
  return since ? elapsedSeconds() - (since - 1) : 0;
}

/** Growth of a suspect since its beginning. */
export function grownBy(series: Series): u64 {
  const used = inUse(series);
  const kept = unpack(stateOf(series).growthFloor);
  return used > kept ? used - kept : 0;
}

const NO_GROWTH: u32 = 0xff;

/** Quick test whether any level has risen at all. */
function mayGrow(series: Series): bool {
  const now = floorAt(series, 1, 0);
  for (let level: u32 = LEVEL_FIRST; level < HISTORY_LEVELS && points(level) >= POINTS_MIN; ++level) {
    if (now > floorAt(series, level, points(level) - 1)) return true;
  }
  return false;
}

/** EXPLAINED_BY_NOTHING for a leak, the explanation of another growth, or NO_GROWTH. */
function classify(series: Series): u32 {
  let found: u32 = NO_GROWTH;
  // The server is the sum of hundreds of rows that warm up; its rows are judged individually.
  const sum = isCore(series) || followsOthers(series);
  for (let level: u32 = LEVEL_FIRST; level < HISTORY_LEVELS && points(level) >= POINTS_MIN; ++level) {
    trend.take(series, level);
    if (!grows(series, level)) continue;
    const reason = findExplanation(series, level);
    if (reason == EXPLAINED_BY_NOTHING && !sum) {
      seenOn = level;
      return EXPLAINED_BY_NOTHING;
    }
    found = reason == EXPLAINED_BY_NOTHING ? EXPLAINED_BY_AGE : reason;
  }
  return found;
}

function grows(series: Series, level: u32): bool {
  const growth = trend.growth();
  if (growth < (isRemainder(series) ? REMAINDER_MIN : GROWTH_MIN) && !isObjects(series)) return false;
  const size = averageSize(series);
  const objects = <u64>growth / size;
  const before = <u64>trend.value(0) / size;
  if (objects < (isOfFreelist(series) ? LISTED_MIN : OBJECTS_MIN) || objects * objects < GROWTH_SIGMA * GROWTH_SIGMA * before)
    return false;
  if (trend.rises() < RISES_MIN || trend.largestRise() > growth / 2 || trend.falls() > growth / 2) return false;
  const n = trend.count;
  const recent = trend.value(n - 1) - trend.value(n - 1 - RECENT);
  if (recent <= 0 || recent < (growth * RECENT) / (RECENT_PACE * (n - 1))) return false;
  if (!isRecord(series, level, trend.value(n - 1) + growth / 8)) return false;
  if (trend.kendall() < (stateOf(series).streak >= STREAK ? KENDALL_MIN_STREAK : KENDALL_MIN)) return false;
  return growth >= NOISE_FACTOR * trend.noise();
}

/** Whether it was never higher, as far as the history reaches. */
function isRecord(series: Series, from: u32, height: i64): bool {
  const limit = pack(<u64>height);
  for (let level = from; level < HISTORY_LEVELS; ++level) {
    for (let back: u32 = 0; back < points(level); ++back) if (floorAt(series, level, back) > limit) return false;
  }
  return true;
}

/** Stores the beginning of the growth in trend.ts, for a leak. */
function recordOnset(series: Series): void {
  const level = seenOn;
  let first: u32 = 1;
  while (first < trend.count - 1 && trend.value(first) <= trend.value(0)) ++first;
  const back = trend.count - first;
  stateOf(series).growthTime = timeAt(level, back) + 1;
  stateOf(series).growthSample = samples - stale(level) - ((back + 1) << (level * HISTORY_SHIFT));
  stateOf(series).growthFloor = pack(<u64>trend.value(first - 1));
}

/** A leak must be found in several consecutive samples. */
function confirm(series: Series): void {
  if (stateOf(series).verdict == VERDICT_LEAK) return;
  if (stateOf(series).explanation != EXPLAINED_BY_CONFIRMATION) {
    stateOf(series).explanation = <u8>EXPLAINED_BY_CONFIRMATION;
    stateOf(series).growthSample = samples;
    stateOf(series).verdict = <u8>VERDICT_FILLING;
  } else if (samples - stateOf(series).growthSample >= (isAwaited(series) ? CONFIRM + AWAIT : CONFIRM)) {
    recordOnset(series);
    stateOf(series).explanation = <u8>EXPLAINED_BY_NOTHING;
    stateOf(series).verdict = <u8>VERDICT_LEAK;
    stateOf(series).proved = false;
  }
}

/** A growth that somebody holds is a leak when it has not ended in its time. The verdict is that of the clock, not of samples. */
function hold(series: Series): void {
  const state = stateOf(series);
  if (state.verdict == VERDICT_LEAK) return;
  if (!state.growthTime) recordOnset(series);
  const isLong = growingFor(series) >= HELD_SECONDS;
  state.explanation = <u8>(isLong ? EXPLAINED_BY_NOTHING : EXPLAINED_BY_HOLDER);
  state.verdict = <u8>(isLong ? VERDICT_LEAK : VERDICT_FILLING);
  state.proved = false;
}

/** A leak by proof, whatever the growth looks like. It began where the history rose first. */
function prove(series: Series): void {
  const state = stateOf(series);
  if (state.verdict == VERDICT_LEAK) return;
  seenOn = 0;
  while (seenOn + 1 < HISTORY_LEVELS && points(seenOn + 1) >= POINTS_MIN) ++seenOn;
  if (trend.take(series, seenOn) > 1) recordOnset(series);
  state.proved = true;
  state.explanation = <u8>EXPLAINED_BY_NOTHING;
  state.verdict = <u8>VERDICT_LEAK;
}

/** A leak that was one by proof alone, of blocks that something refers to after all: the counters decide. */
function withdraw(series: Series): void {
  const state = stateOf(series);
  state.proved = false;
  state.growthTime = 0;
  state.explanation = <u8>EXPLAINED_BY_AGE;
  state.verdict = <u8>VERDICT_FILLING;
}

/** Whether half of the leaked memory is released, or its present height was reached long ago. */
function isOver(series: Series): bool {
  const kept = unpack(stateOf(series).growthFloor);
  const highest = unpack(highestFloor(series));
  const leaked = highest > kept ? highest - kept : 0;
  if (unpack(floorAt(series, 1, 0)) <= kept + leaked / 2) return true;
  const idle = ageOfHeight(series, pack(highest - min<u64>(leaked / 32, OBJECTS_MIN * averageSize(series))));
  const whole = samples - stateOf(series).growthSample;
  return idle > PLAIN_RUN && idle > (whole - idle) / 2;
}

function highestFloor(series: Series): u32 {
  let highest: u32 = 0;
  for (let level: u32 = 1; level < HISTORY_LEVELS; ++level) {
    for (let back: u32 = 0; back < points(level); ++back) {
      const floor = floorAt(series, level, back);
      if (floor > highest) highest = floor;
    }
  }
  return highest;
}

/** Samples since a height was first reached, as far as the history reaches. */
function ageOfHeight(series: Series, height: u32): u32 {
  let age: u32 = 0;
  for (let level: u32 = 1; level < HISTORY_LEVELS; ++level) {
    for (let back: u32 = 0; back < points(level); ++back) {
      if (floorAt(series, level, back) < height) continue;
      const old = stale(level) + ((back + 1) << (level * HISTORY_SHIFT));
      if (old > age) age = old;
    }
  }
  return age;
}

/** Whether the live memory was allocated anew at least twice within the last samples. */
function turnover(series: Series): bool {
  const allocated = allocatedWithin(series, PLAIN_RUN);
  return allocated != 0 && allocated >= 2 * inUse(series);
}

function markSteady(series: Series): void {
  stateOf(series).growthTime = 0;
  stateOf(series).explanation = <u8>EXPLAINED_BY_NOTHING;
  stateOf(series).verdict = <u8>VERDICT_STEADY;
}
