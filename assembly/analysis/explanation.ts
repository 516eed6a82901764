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
import { Series } from "../base/types";
import { headroom, measured } from "../model/environment";
import { ageOf } from "../model/history";
import { elapsedSeconds, openAt, points, ramCacheAt, samples, timeAt, transactionsAt } from "../model/timeline";
import { GROWTH_SIGMA, Levelling, levelling } from "./saturation";
import { allocs, averageSize, canBeConnections, canBeRamCache, frees, inUse, isObjects, isRemainder } from "./series";
import * as trend from "./trend";

/** A cache that is filling retains at least this many objects of 1,000 requests: its hit ratio is below 99.5 %. */
const CACHE_PER_1000: u64 = 5;
/** Samples for which a cache may fill evenly: an hour, at 10 s. */
export const CACHE_RUN: u32 = 384;
/** Samples for which any other growth must continue. */
export const PLAIN_RUN: u32 = 64;
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
  const freed = frees(series);
  if (freed < allocs(series) / 20 || !freed) return PLAIN_RUN;
  const rest = (LIVES * (inUse(series) / averageSize(series)) * ageOf(series)) / freed;
  return rest < PLAIN_RUN ? PLAIN_RUN : rest < CACHE_RUN ? <u32>rest : CACHE_RUN;
}

/** Whether the increase in connections, or in requests per second, would explain the growth. */
function isLoad(series: Series, level: u32, growth: i64): bool {
  const oldest = points(level) - 1;
  if (measured(MEASURE_CONNECTIONS) && canBeConnections(series) && isOfConnections(level, growth)) return true;
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
 * Whether there are many more connections, and the series grew only while they increased. A growth that continues without them, at
 * half the rate or faster, is not explained by connections.
 */
function isOfConnections(level: u32, growth: i64): bool {
  const last = points(level) - 1;
  const before = openAt(level, last);
  const now = openAt(level, 0);
  if (now <= before + before / 4 + 8) return false;
  const step = (now - before) / (4 * last);
  let still: i64 = 0;
  let apart: i64 = 0;
  for (let i: u32 = 1; i <= last; ++i) {
    if (openAt(level, last - i) > openAt(level, last - i + 1) + step) continue;
    ++still;
    apart += trend.value(i) - trend.value(i - 1);
  }
  return still * 4 < <i64>last || apart * 2 * <i64>last < growth * still;
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
