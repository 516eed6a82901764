// SPDX-License-Identifier: Apache-2.0
//
// Growth that the operator accepts: rows whose names match a pattern of the record `accept`, or of a message. Such a row with the verdict
// `leak` has the verdict `accepted` in its place, and is no suspect, until its growth changes:
//
//   it doubles     per hour and per transaction, on some level of the history: traffic that doubles is no change, nor is a night without
//   it resumes     after it had come to rest, and was no suspect any more (verdict.ts)
//
// What it is compared with is the fastest growth of any level when it became `accepted`; a start of the server, or `reset`, takes it anew.
// A row whose growth has changed is a suspect, until it is accepted again.

import { HISTORY_LEVELS, INPUT_SIZE, LINE_NOTE, LINE_WARNING, OWNER_SERIES_MAX, SETTING_ACCEPT, VERDICT_LEAK } from "../abi";
import * as answer from "../base/answer";
import { COMMA } from "../base/chars";
import { counted } from "../base/humanize";
import { accepts, input, output, outputEnd } from "../base/memory";
import { mulDiv } from "../base/muldiv";
import { from as pattern, length as patternLength, matches, matchesAny, next, open, STAR } from "../base/patterns";
import { Row, Series } from "../base/types";
import { ascii, begin, position, takeBack, unsigned, writeSanitized } from "../base/writer";
import { SETTING_NAMES } from "../format";
import { stateOf } from "../model/history";
import { packNarrow, unpackNarrow } from "../model/minifloat";
import { knownSites } from "../model/model";
import { points, transactionsAt } from "../model/timeline";
import { growthPerReload, isReloadLeak } from "./reloads";
import { GROWTH_SIGMA } from "./saturation";
import { averageSize, isActive, remainder, seriesOfEntry, writeSeries } from "./series";
import * as trend from "./trend";

/** What a series' state says. */
enum Acceptance {
  NONE,
  ACCEPTED,
  /** It was accepted, and its growth has ended. */
  RESTED,
  CHANGED,
}

/** Points that a level must have. */
const POINTS_MIN: u32 = 5;
const LEVEL_FIRST: u32 = 2;
/** Growth is a change from so many times what was accepted. */
const CHANGE: u64 = 2;
/** Most bytes of the patterns of the record, and of those of messages, which follow them. */
export const ACCEPTS_SIZE: u32 = INPUT_SIZE;

/** Most bytes of them that a line shows. */
const PATTERNS_SHOWN: u32 = 600;

let recordLength: u32 = 0;
let messageLength: u32 = 0;

/** Withdraws what messages have accepted; the record's patterns stay. */
export function acceptedReset(): void {
  messageLength = 0;
}

/** The record's patterns, in the input region. */
export function acceptPatterns(length: u32): void {
  recordLength = min(length, ACCEPTS_SIZE);
  memory.copy(accepts, input, recordLength);
}

/** Whether a series with the verdict `leak` is accepted. */
export function isAccepted(series: Series): bool {
  return stateOf(series).verdict == VERDICT_LEAK && stateOf(series).acceptance == Acceptance.ACCEPTED;
}

/** Whether the growth of a series has changed since it was accepted. */
export function isChanged(series: Series): bool {
  return stateOf(series).acceptance == Acceptance.CHANGED;
}

/** Bytes (or objects) per hour when it was accepted; of a growth per reload, at each. */
export function acceptedRate(series: Series): u64 {
  return unpackNarrow(stateOf(series).acceptedHourly);
}

/** Number of accepted series. */
export function acceptedCount(): u32 {
  let n: u32 = 0;
  for (let row: Row = 0; row < knownSites(); ++row) if (isActive(row) && isAccepted(row)) ++n;
  for (let entry: u32 = 0; entry < OWNER_SERIES_MAX; ++entry) {
    const series = seriesOfEntry(entry);
    if (isActive(series) && isAccepted(series)) ++n;
  }
  return isActive(remainder()) && isAccepted(remainder()) ? n + 1 : n;
}

/** After a series is judged. Not while the output region holds text. */
export function followAccepted(series: Series, wasLeak: bool): void {
  const state = stateOf(series);
  if (state.verdict != VERDICT_LEAK) {
    if (wasLeak && state.acceptance == Acceptance.ACCEPTED) state.acceptance = <u8>Acceptance.RESTED;
    return;
  }
  if (!recordLength && !messageLength) {
    state.acceptance = <u8>Acceptance.NONE;
    return;
  }
  if (!isWanted(series)) state.acceptance = <u8>Acceptance.NONE;
  else if (state.acceptance == Acceptance.NONE) accept(series);
  else if (state.acceptance == Acceptance.RESTED || (state.acceptance == Acceptance.ACCEPTED && hasDoubled(series))) {
    state.acceptance = <u8>Acceptance.CHANGED;
    state.warnedGrowth = 0;
  }
}

/**
 * Accepts the rows whose names match the pattern in the input region, until the next start. Returns the length of a line in the output
 * region, which answerSeverity() belongs to.
 */
export function acceptRows(length: u32): u32 {
  let found: u32 = 0;
  let leaks: u32 = 0;
  for (let row: Row = 0; row < knownSites(); ++row) {
    if (!isActive(row) || !isNamed(row, length)) continue;
    ++found;
    if (acceptAnew(row)) ++leaks;
  }
  for (let entry: u32 = 0; entry <= OWNER_SERIES_MAX; ++entry) {
    const series = seriesOfEntry(entry); // the last is the remainder
    if (!isActive(series) || !isNamed(series, length)) continue;
    ++found;
    if (acceptAnew(series)) ++leaks;
  }
  if (!found) return denyRows(length);
  withoutCommas(length);
  const isFull = !keepPattern(length);
  answer.begin(isFull ? LINE_WARNING : LINE_NOTE);
  ascii("accepted: ");
  counted(found, " row");
  ascii(', "');
  writeSanitized(input, length);
  ascii('"; suspects among them: ');
  unsigned(leaks);
  if (isFull) ascii("; there is no room for more patterns of messages: rows that come later are not accepted");
  ascii("; until the next start, or for longer in ");
  ascii(unchecked(SETTING_NAMES[SETTING_ACCEPT]));
  return answer.end();
}

function denyRows(length: u32): u32 {
  let rows: u32 = 0;
  for (let row: Row = 0; row < knownSites(); ++row) if (isActive(row)) ++rows;
  answer.begin(LINE_WARNING);
  ascii("accept: none of ");
  counted(rows, " row");
  ascii(' has a name that contains "');
  writeSanitized(input, length);
  ascii('"; take a part of a name in the column Location of a dump; upper and lower case differ, * stands for anything');
  return answer.end();
}

/** Returns whether it is a leak. */
function acceptAnew(series: Series): bool {
  stateOf(series).acceptance = <u8>Acceptance.NONE;
  if (stateOf(series).verdict != VERDICT_LEAK) return false;
  accept(series);
  return true;
}

/** Adds the pattern in the input region to those of messages. */
function keepPattern(length: u32): bool {
  if (matchesAny(input, length, messages(), messageLength)) return true;
  if (messageLength + 1 + length > ACCEPTS_SIZE) return false;
  if (messageLength) store<u8>(messages() + messageLength++, COMMA);
  memory.copy(messages() + messageLength, input, length);
  messageLength += length;
  return true;
}

/** Withdraws the pattern in the input region, that a message has accepted. Returns the length of a line, as acceptRows() does. */
export function unacceptRows(length: u32): u32 {
  withoutCommas(length);
  if (!dropPattern(length)) return denyPattern(length);
  let ended: u32 = 0;
  for (let row: Row = 0; row < knownSites(); ++row) if (isActive(row) && endsWithPattern(row)) ++ended;
  for (let entry: u32 = 0; entry <= OWNER_SERIES_MAX; ++entry) {
    const series = seriesOfEntry(entry); // the last is the remainder
    if (isActive(series) && endsWithPattern(series)) ++ended;
  }
  answer.begin();
  ascii('withdrawn: "');
  writeSanitized(input, length);
  ascii('"; no longer accepted: ');
  counted(ended, " row");
  return answer.end();
}

/** Removes a pattern of messages, with the comma before or behind it. Returns false if there is none. */
function dropPattern(length: u32): bool {
  const list = messages();
  open(list, messageLength);
  while (next()) {
    if (patternLength != length || memory.compare(pattern, input, length) != 0) continue;
    const isFirst = pattern == list;
    const rest = pattern + length + (isFirst ? 1 : 0);
    const end = list + messageLength;
    if (rest < end) memory.copy(isFirst ? list : pattern - 1, rest, end - rest);
    messageLength -= min(length + 1, messageLength);
    return true;
  }
  return false;
}

function denyPattern(length: u32): u32 {
  answer.begin(LINE_WARNING);
  ascii('unaccept: no message has accepted "');
  writeSanitized(input, length);
  ascii('"; accepted by messages: ');
  if (messageLength) writeSanitized(messages(), min(messageLength, PATTERNS_SHOWN));
  else ascii("nothing");
  ascii("; to end what ");
  ascii(unchecked(SETTING_NAMES[SETTING_ACCEPT]));
  ascii(" accepts, take it out of the record");
  return answer.end();
}

/** Whether a series was accepted and no pattern is left that it matches. */
function endsWithPattern(series: Series): bool {
  if (!isAccepted(series) || isWanted(series)) return false;
  stateOf(series).acceptance = <u8>Acceptance.NONE;
  return true;
}

/** The pattern in the input region for a list, in which a comma would end it: a star stands for a comma, too. */
function withoutCommas(length: u32): void {
  for (let at = input; at < input + length; ++at) if (load<u8>(at) == COMMA) store<u8>(at, STAR);
}

/** The patterns of messages. */
function messages(): usize {
  return accepts + ACCEPTS_SIZE;
}

function accept(series: Series): void {
  const state = stateOf(series);
  state.acceptance = <u8>Acceptance.ACCEPTED;
  state.acceptedHourly = 0;
  state.acceptedEach = 0;
  if (isReloadLeak(series)) {
    state.acceptedHourly = packNarrow(growthPerReload(series));
    return;
  }
  for (let level = LEVEL_FIRST; level < HISTORY_LEVELS && points(level) >= POINTS_MIN; ++level) {
    take(series, level);
    state.acceptedHourly = max(state.acceptedHourly, packNarrow(hourly));
    state.acceptedEach = max(state.acceptedEach, packNarrow(each));
  }
}

/** Growth on a level, in bytes, per hour, and per 1,000 transactions. */
let growth: u64 = 0;
let hourly: u64 = 0;
let each: u64 = 0;
let requests: u64 = 0;

function take(series: Series, level: u32): void {
  trend.take(series, level);
  growth = <u64>max<i64>(trend.growth(), 0);
  const seconds = max<i64>(trend.seconds(), 1);
  requests = transactionsAt(level, 0) - transactionsAt(level, points(level) - 1);
  hourly = <u64>mulDiv(<i64>growth, 3600, seconds);
  each = requests ? <u64>mulDiv(<i64>growth, 1000, <i64>requests) : 0;
}

function hasDoubled(series: Series): bool {
  const state = stateOf(series);
  const before = unpackNarrow(state.acceptedHourly);
  if (isReloadLeak(series)) return growthPerReload(series) >= CHANGE * before;
  for (let level = LEVEL_FIRST; level < HISTORY_LEVELS && points(level) >= POINTS_MIN; ++level) {
    take(series, level);
    if (hourly < CHANGE * before || (requests && each < CHANGE * unpackNarrow(state.acceptedEach))) continue;
    // By more than the random changes of a number of events.
    const objects = growth / (2 * averageSize(series));
    if (objects >= GROWTH_SIGMA * GROWTH_SIGMA) return true;
  }
  return false;
}

function isWanted(series: Series): bool {
  begin(output, outputEnd);
  writeSeries(series);
  const size = position() - output;
  takeBack(output);
  return matchesAny(output, size, accepts, recordLength) || matchesAny(output, size, messages(), messageLength);
}

function isNamed(series: Series, length: u32): bool {
  begin(output, outputEnd);
  writeSeries(series);
  const size = position() - output;
  takeBack(output);
  return matches(output, size, input, length);
}
