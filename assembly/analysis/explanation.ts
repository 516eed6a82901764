// SPDX-License-Identifier: Apache-2.0
//
// Explanations of a growth that is not a leak:
//
//   the RAM cache grew as much         possible only for the server's own IOBuffers; eight times as much, for the remainder, which contains
//                                      what the server keeps for each object of the cache
//   connections or requests per second increased, and would explain this growth; connections not that of the server's transactions
//   it levels off                      saturation.ts; while it is young, it must do so without a doubt
//   it is young, and its rate of retained objects is possible for misses of a cache: by the counters, a cache that fills evenly
//                                      looks like a leak, so it gets CACHE_RUN samples to level off; fewer if memory would be
//                                      exhausted before
//   it is young, compared with the lifetimes of its objects

import {
  EXPLAINED_BY_AGE,
  EXPLAINED_BY_LEVELLING,
  EXPLAINED_BY_LOAD,
  EXPLAINED_BY_NOTHING,
  EXPLAINED_BY_RAM_CACHE,
  MEASURE_CONNECTIONS,
} from "../abi";
import { mulDiv } from "../base/muldiv";
import { Series } from "../base/types";
import { headroom, measured } from "../model/environment";
import { ageOf } from "../model/history";
import { elapsedSeconds, openAt, points, ramCacheAt, samples, timeAt, transactionsAt } from "../model/timeline";
import { GROWTH_SIGMA, Levelling, levelling } from "./saturation";
import { allocs, averageSize, canBeConnections, canBeRamCache, frees, inUse, isObjects, isRemainder } from "./series";
import * as trend from "./trend";

/** A cache that is filling retains at least this many objects of 1,000 requests: its hit ratio is below 99.5 %. */
const CACHE_PER_1000: u64 = 5;
/** Samples for which a cache may fill evenly. They are counted in points of 64, and need one more: 448 and more, 75 minutes at 10 s. */
export const CACHE_RUN: u32 = 384;
/** Samples for which any other growth must continue. */
export const PLAIN_RUN: u32 = 64;
/** One course of a growth fits clearly better than another if the other deviates by CLEAR times as much, and by a CLEAR_PART of the growth. */
const CLEAR: i64 = 2;
const CLEAR_PART: i64 = 8;
const NO_FIT: i64 = i64.MAX_VALUE >> 4;
/** Parts of a course are counted in this part of it, to stay within 64 bits. */
const FINE: i64 = 4096;
/** Most objects of a row that a connection brings; more if it brought more before, or if the row also releases, as connections that end do. */
const EACH: u64 = 8;
const EACH_OF_RELEASED: u64 = 40;
/** Number of mean lifetimes after which a population is at rest. */
const LIVES: u64 = 4;

/** Explains the growth in trend.ts, on its level. EXPLAINED_BY_NOTHING: it is a leak. */
export function findExplanation(series: Series, level: u32): u32 {
  const oldest = points(level) - 1;
  const growth = trend.growth();
  const cached = <i64>(ramCacheAt(level, 0) - ramCacheAt(level, oldest));
  const due = canBeRamCache(series) ? cached + cached / 4 : isRemainder(series) ? cached / 8 : 0;
  if (cached > 0 && growth <= due) return EXPLAINED_BY_RAM_CACHE;
  if (isLoad(series, level, growth)) return EXPLAINED_BY_LOAD;
  const run = trend.run(level);
  const slows = levelling(series);
  if (slows != Levelling.NO) return slows == Levelling.PERHAPS && run < CACHE_RUN ? EXPLAINED_BY_AGE : EXPLAINED_BY_LEVELLING;
  return run >= runNeeded(series, level, run) ? EXPLAINED_BY_NOTHING : EXPLAINED_BY_AGE;
}

/**
 * Samples for which the growth that trend holds has to go on before it is a leak; `run` is for how many it does. The remainder has no
 * objects to count: it is given the time of a cache.
 */
export function runNeeded(series: Series, level: u32, run: u32): u32 {
  const growth = trend.growth();
  const requests = transactionsAt(level, 0) - transactionsAt(level, points(level) - 1);
  const objects = <u64>growth / averageSize(series);
  const rare = requests != 0 && objects * 1000 < requests * CACHE_PER_1000;
  const needed = rare && !isRemainder(series) ? settlingTime(series) : CACHE_RUN;
  if (run >= needed || growth <= 0 || isObjects(series)) return needed;
  return endsBefore(growth, CACHE_RUN - run) ? PLAIN_RUN : needed;
}

/**
 * Samples until a population is at rest: LIVES times the mean lifetime of its objects, which is their number divided by the rate of
 * releases (Little, "A proof for the queuing formula L = lambda W", Operations Research 9 (1961)). If hardly any object is released
 * there is no meaningful lifetime, and if most leak the formula does not apply: hence the bounds.
 */
function settlingTime(series: Series): u32 {
  if (!releases(series)) return PLAIN_RUN;
  const rest = (LIVES * (inUse(series) / averageSize(series)) * ageOf(series)) / frees(series);
  return rest < PLAIN_RUN ? PLAIN_RUN : rest < CACHE_RUN ? <u32>rest : CACHE_RUN;
}

/** Whether more than hardly any of its objects are released. */
function releases(series: Series): bool {
  const freed = frees(series);
  return freed != 0 && freed >= allocs(series) / 20;
}

/** Whether the increase in connections, or in requests per second, would explain the growth. */
function isLoad(series: Series, level: u32, growth: i64): bool {
  const oldest = points(level) - 1;
  if (measured(MEASURE_CONNECTIONS) && canBeConnections(series) && isOfConnections(series, level, growth)) return true;
  const quarter = oldest / 4 ? oldest / 4 : 1;
  const early = requestRate(level, oldest, oldest - quarter);
  const late = requestRate(level, quarter, 0);
  if (!early || late <= early) return false;
  // Growth beyond this needs another explanation.
  const before = <u64>trend.value(0);
  const due = (late - early) * (before / early);
  if (<u64>growth <= 2 * due) return true;
  const size = averageSize(series);
  const objects = (<u64>growth - due) / size;
  return objects * objects < GROWTH_SIGMA * GROWTH_SIGMA * (before / size);
}

/**
 * Whether there are many more connections, and they explain the growth: it was more while they became more. Where it follows time, or the
 * requests, clearly better, it is not theirs; where it follows both, only as much is as connections can have brought.
 */
function isOfConnections(series: Series, level: u32, growth: i64): bool {
  const last = points(level) - 1;
  const before = openAt(level, last);
  const now = openAt(level, 0);
  if (now <= before + before / 4 + 8) return false;
  const first = onset(last);
  const apart = misfit(level, first, Course.CONNECTIONS);
  const other = min(misfit(level, first, Course.TIME), misfit(level, first, Course.REQUESTS));
  const doubt = growth / CLEAR_PART;
  if (apart > growth || apart > CLEAR * other + doubt) return false;
  if (other > CLEAR * apart + doubt) return true;
  const usual = averageSize(series) * (releases(series) ? EACH_OF_RELEASED : EACH);
  const each = max(usual, before ? (2 * <u64>trend.value(0)) / before : 0);
  return <u64>growth <= each * (now - before);
}

/** The last point of the level before the growth began. */
function onset(last: u32): u32 {
  let first: u32 = 0;
  while (first + 1 < last && trend.value(first + 1) <= trend.value(0)) ++first;
  return first;
}

/** What a growth can follow. */
enum Course {
  CONNECTIONS,
  REQUESTS,
  TIME,
}

/**
 * Sum of the deviations of a growth's steps, from a point of the level on, from those of what it may follow; NO_FIT if that did not become
 * more.
 */
function misfit(level: u32, first: u32, course: Course): i64 {
  const last = points(level) - 1;
  const growth = trend.value(last) - trend.value(first);
  const whole = courseAt(level, 0, course) - courseAt(level, last - first, course);
  if (whole <= 0) return NO_FIT;
  const unit = whole / FINE + 1;
  let sum: i64 = 0;
  for (let i = first + 1; i <= last; ++i) {
    const part = courseAt(level, last - i, course) - courseAt(level, last - i + 1, course);
    const due = mulDiv(growth, part / unit, max<i64>(whole / unit, 1));
    const step = trend.value(i) - trend.value(i - 1);
    sum += step > due ? step - due : due - step;
  }
  return sum;
}

function courseAt(level: u32, back: u32, course: Course): i64 {
  if (course == Course.CONNECTIONS) return openAt(level, back);
  return course == Course.REQUESTS ? <i64>transactionsAt(level, back) : timeAt(level, back);
}

/** Requests per 1,000 seconds. */
function requestRate(level: u32, old: u32, young: u32): u64 {
  const seconds = timeAt(level, young) - timeAt(level, old);
  return seconds ? ((transactionsAt(level, young) - transactionsAt(level, old)) * 1000) / seconds : 0;
}

/** Whether memory would be exhausted before so many further samples. */
function endsBefore(growth: i64, further: u32): bool {
  const left = headroom();
  const span = trend.seconds();
  if (left < 0 || span <= 0) return false;
  // In 1,024ths: quotients of whole numbers would be too coarse, and a time of 0 at a sample each second.
  const seconds = (<i64>further * elapsedSeconds()) / samples;
  return left / max<i64>(growth >> 10, 1) < (seconds << 10) / span;
}
