// SPDX-License-Identifier: Apache-2.0
//
// A sample: after the sums since arming are complete, records the live memory of every row and owner, and the remainder, in its history,
// updates the streaks, and judges series that may have changed. The time of each part is bounded by the number of rows.

import { MEASURE_CONNECTIONS, MEASURE_RAM_CACHE, OWNER_SERIES_MAX } from "../abi";
import { analysisSize, history } from "../base/memory";
import { Row } from "../base/types";
import { measureOf } from "../model/environment";
import { ageOf, floorAt, historyBegin, historyForget, record } from "../model/history";
import { unpack } from "../model/minifloat";
import { isRow, knownSites } from "../model/model";
import { reloadsReset } from "../model/reloads";
import { samples, tick, timelineReset } from "../model/timeline";
import { acceptedReset } from "./accepted";
import { baselinesReset } from "./baseline";
import { askForEpoch } from "./early_epoch";
import { countLeaking, isUsedEntry, sumOwnerSeries } from "./owner_series";
import { scoreStreaks } from "./persistence";
import { countAllocated, observeSample } from "./reloads";
import { isRemainderKnown, partsReset, remainderBytes, sampleParts } from "./resident";
import { allocBytes, allocs, frees, inUse, remainder, seriesOfEntry } from "./series";
import { judge, judgeSome, verdictReset } from "./verdict";
import { watchListReset } from "./watch_list";

/**
 * Warm-up ends when the live bytes of all rows rose by less than a sixteenth over the last WARM_SPAN samples; at the latest after
 * WARM_MAX.
 */
const WARM_SPAN: u32 = 64;
const WARM_MAX: u32 = 1024;

let warm: bool = false;
let warmBytes: u64 = 0;

/** At the start, when all memory is zero. */
export function analysisReset(): void {
  timelineReset();
  reloadsReset();
  partsReset();
  baselinesReset();
  verdictReset();
  acceptedReset();
  watchListReset();
  warm = false;
  warmBytes = 0;
}

/** Clears all histories, verdicts and baselines. */
export function forgetAll(): void {
  memory.fill(history, 0, analysisSize);
  analysisReset();
}

/** Takes a sample. `now` is in the host's monotonic seconds, `transactions` count since the server's start. */
export function sample(now: u64, transactions: u64): void {
  const open = measureOf(MEASURE_CONNECTIONS);
  tick(now, transactions, <u32>(open < u32.MAX_VALUE ? open : u32.MAX_VALUE), measureOf(MEASURE_RAM_CACHE));
  sumOwnerSeries();
  const rows = knownSites();
  for (let row: Row = 0; row < rows; ++row) {
    if (!isRow(row) || (!allocs(row) && !frees(row) && !ageOf(row))) continue;
    countAllocated(row);
    record(row, inUse(row), allocBytes(row));
  }
  for (let entry: u32 = 0; entry < OWNER_SERIES_MAX; ++entry) {
    const series = seriesOfEntry(entry);
    if (!isUsedEntry(entry)) continue;
    countAllocated(series);
    record(series, inUse(series), allocBytes(series));
  }
  observeSample(now);
  sampleRemainder(now);
  scoreStreaks(rows);
  judgeSome();
  countLeaking();
  askForEpoch();
}

/** While resident memory is not known, the remainder keeps its last value. */
function sampleRemainder(now: u64): void {
  const series = remainder();
  const last = ageOf(series) ? unpack(floorAt(series, 0, 1)) : 0;
  const anew = sampleParts(now);
  if (!isRemainderKnown() && (anew || !ageOf(series))) return historyForget(series);
  const bytes = isRemainderKnown() ? remainderBytes() : last;
  if (anew || !ageOf(series)) historyBegin(series, bytes);
  record(series, bytes, 0);
}

/** Judges every row and owner, and the remainder, before a dump. After measureParts(). */
export function judgeAll(): void {
  for (let row: Row = 0; row < knownSites(); ++row) judge(row);
  for (let entry: u32 = 0; entry < OWNER_SERIES_MAX; ++entry) judge(seriesOfEntry(entry));
  judge(remainder());
  sumOwnerSeries();
  countLeaking();
}

/** Returns 1 once when the warm-up has ended: the host must then set a baseline. After a sample. */
export function warmUpEnded(): u32 {
  if (warm || samples % WARM_SPAN) return 0;
  let used: u64 = 0;
  for (let entry: u32 = 0; entry < OWNER_SERIES_MAX; ++entry) used += inUse(seriesOfEntry(entry));
  warm = samples > WARM_SPAN && (used <= warmBytes + warmBytes / 16 || samples >= WARM_MAX);
  warmBytes = used;
  return warm ? 1 : 0;
}
