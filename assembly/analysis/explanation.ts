// SPDX-License-Identifier: Apache-2.0
//
// What explains a growth, so that it is no leak:
//
//   the RAM cache grew as much         only IOBuffers of the server itself can be that
//   there are more connections, or more requests a second, and the growth is what these would bring
//   it levels off                      saturation.ts
//   it is young, and objects stay as often as misses of a cache would let them: what counters tell of a cache that fills evenly
//                                      is what they tell of a leak, so it has CACHE_RUN samples to show that it ends; not so
//                                      long where memory would be used up by then
//   it is young, for the lives that its objects have

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
import { GROWTH_SIGMA, isLevelling } from "./saturation";
import { allocs, averageSize, canBeRamCache, frees, inUse, isObjects } from "./series";
import * as trend from "./trend";

/** A cache keeps at least so many objects of 1,000 requests while it fills: its hit ratio is below 99.5 %. */
const CACHE_PER_1000: u64 = 5;
/** Samples for which one may have been filling evenly: an hour, at 10 s. */
export const CACHE_RUN: u32 = 384;
/** Samples for which a growth of another kind has to go on. */
export const PLAIN_RUN: u32 = 64;
/** A population has come to rest after so many mean lives of its objects. */
const LIVES: u64 = 4;

/** Of the growth that trend holds, on its level. EXPLAINED_BY_NOTHING: it is a leak. */
export function findExplanation(series: Series, level: u32): u32 {
  const oldest = points(level) - 1;
  const growth = trend.growth();
  if (canBeRamCache(series)) {
    const cached = <i64>(ramCacheAt(level, 0) - ramCacheAt(level, oldest));
    if (cached > 0 && growth <= cached + cached / 4) return EXPLAINED_BY_RAM_CACHE;
  }
  if (isLoad(series, level, growth)) return EXPLAINED_BY_LOAD;
  if (isLevelling(series)) return EXPLAINED_BY_LEVELLING;
  const requests = transactionsAt(level, 0) - transactionsAt(level, oldest);
  const objects = <u64>growth / averageSize(series);
  const rare = requests != 0 && objects * 1000 < requests * CACHE_PER_1000;
  const run = trend.run(level);
  if (run >= (rare ? settlingTime(series) : CACHE_RUN)) return EXPLAINED_BY_NOTHING;
  return run >= PLAIN_RUN && !isObjects(series) && endsBefore(growth, CACHE_RUN - run) ? EXPLAINED_BY_NOTHING : EXPLAINED_BY_AGE;
}

/**
 * Samples that a population takes to come to rest: LIVES times the mean life of its objects, which is their number over the rate of
 * releases (Little, "A proof for the queuing formula L = lambda W", Operations Research 9 (1961)). Where hardly any is released
 * there is no such life, and where most leak it is no life: hence the bounds.
 */
function settlingTime(series: Series): u32 {
  const freed = frees(series);
  if (freed < allocs(series) / 20 || !freed) return PLAIN_RUN;
  const rest = (LIVES * (inUse(series) / averageSize(series)) * ageOf(series)) / freed;
  return rest < PLAIN_RUN ? PLAIN_RUN : rest < CACHE_RUN ? <u32>rest : CACHE_RUN;
}

/** Whether as many more connections, or requests a second, would bring that growth. */
function isLoad(series: Series, level: u32, growth: i64): bool {
  const oldest = points(level) - 1;
  if (measured(MEASURE_CONNECTIONS) && isOfConnections(level, growth)) return true;
  const quarter = oldest / 4 ? oldest / 4 : 1;
  const early = requestRate(level, oldest, oldest - quarter);
  const late = requestRate(level, quarter, 0);
  if (!early || late <= early) return false;
  // What is above that has to be a growth of its own.
  const before = <u64>trend.value(0);
  const due = (late - early) * (before / early);
  if (<u64>growth <= 2 * due) return true;
  const size = averageSize(series);
  const objects = (<u64>growth - due) / size;
  return objects * objects < GROWTH_SIGMA * GROWTH_SIGMA * (before / size);
}

/**
 * Whether there are many more connections, and it grew only while they did. What also grows while they do not, and half as fast or
 * faster, is no part of them.
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

/** Whether memory would be used up before so many further samples are taken. */
function endsBefore(growth: i64, further: u32): bool {
  const left = headroom();
  const span = trend.seconds();
  if (left < 0 || span <= 0) return false;
  return left / growth < (<i64>further * (elapsedSeconds() / samples)) / span;
}
