// SPDX-License-Identifier: Apache-2.0
//
// Suspects: rows, and owners none of whose rows is one, whose verdict is `leak`, the most urgent first: that is the one that grows
// by most, for all have the same limit. Each has a line of evidence in plain words, which begins with its location and a colon.

import { isBound, old, tellingAge } from "../analysis/age";
import { transactionsWithin } from "../model/timeline";
import { FOLLOWED_MAX } from "../abi";
import { entryLeaking } from "../analysis/owner_series";
import { RANKED_MAX } from "../base/memory";
import { room } from "../model/environment";
import { knownSites } from "../model/model";
import { ranked, rankedCount, rankingStart, rank } from "../analysis/ranking";
import { allocations, isObjects, isSubject, liveBytes, releases, subjectOfEntry, writeInWords } from "../analysis/series";
import * as trend from "../analysis/trend";
import { growingFor, grownBy, isSuspect, levelOf } from "../analysis/verdict";
import { about, bytes, duration, grouped } from "../base/humanize";
import { ascii, byte, unsigned } from "../base/writer";

/** Bytes that an object stands for: what it is made of may take as many. */
export const OBJECT_WEIGHT: u64 = 256;

/** Bytes (or objects) per hour, by the robust slope of the level that shows its growth best. */
export function rateOf(subject: u32): i64 {
  trend.take(subject, levelOf(subject));
  return trend.rate();
}

/** Puts all suspects in order. Returns how many. */
export function rankSuspects(): u32 {
  rankingStart(RANKED_MAX);
  for (let row: u32 = 0; row < knownSites(); ++row) if (isSubject(row) && isSuspect(row)) rank(row, urgency(row));
  for (let entry: u32 = 0; entry < FOLLOWED_MAX; ++entry) {
    const subject = subjectOfEntry(entry);
    if (isSubject(subject) && isSuspect(subject) && !entryLeaking(entry)) rank(subject, urgency(subject));
  }
  return rankedCount();
}

export function renderSuspects(): void {
  const n = rankSuspects();
  ascii("\nSuspects: ");
  unsigned(n);
  ascii(n == 1 ? " grows and has no reason to stop\n" : " grow and have no reason to stop\n");
  ascii("Per hour             | For        | Limit in   | Evidence\n");
  ascii("---------------------|------------|------------|--------------------------------------------------\n");
  for (let i: u32 = 0; i < n; ++i) {
    const subject = ranked(i);
    const rate = rateOf(subject);
    unsigned(<u64>max<i64>(rate, 0), 20);
    ascii(" | ");
    unsigned(growingFor(subject), 10);
    ascii(" | ");
    const left = secondsLeft(subject, rate);
    if (left < 0) ascii("         -");
    else unsigned(<u64>left, 10);
    ascii(" | ");
    writeEvidence(subject);
    byte(0x0a);
  }
}

/** Why it is a suspect, in plain words. */
export function writeEvidence(subject: u32): void {
  const rate = rateOf(subject);
  writeInWords(subject);
  ascii(": +");
  if (isObjects(subject)) grouped(<u64>max<i64>(rate, 0));
  else bytes(<u64>max<i64>(rate, 0));
  ascii(isObjects(subject) ? " objects/h for " : "/h for ");
  duration(growingFor(subject));
  const live = liveBytes(subject);
  const part = old(subject);
  if (live && part) {
    ascii(isBound(subject) ? ", at least " : ", ");
    unsigned(percent(part, live));
    ascii(isObjects(subject) ? " % of them older than " : " % of its bytes older than ");
    duration(tellingAge());
  }
  ascii(", ");
  grouped(allocations(subject));
  ascii(isObjects(subject) ? " created, " : " allocated, ");
  grouped(releases(subject));
  ascii(isObjects(subject) ? " destroyed" : " freed");
  const requests = transactionsWithin(growingFor(subject));
  if (requests) {
    ascii(", ");
    perThousand(grownBy(subject), requests);
    ascii(isObjects(subject) ? " of them per 1,000 transactions" : " bytes per 1,000 transactions");
  }
  const left = secondsLeft(subject, rate);
  if (left >= 0) {
    ascii("; limit in about ");
    about(<u64>left);
  }
}

/** 100 * part / whole, for any numbers. */
export function percent(part: u64, whole: u64): u64 {
  if (!whole) return 0;
  return whole > u64.MAX_VALUE / 128 ? part / (whole / 100) : (part * 100) / whole;
}

function perThousand(grown: u64, requests: u64): void {
  grouped(grown > u64.MAX_VALUE / 1024 ? (grown / requests) * 1000 : (grown * 1000) / requests);
}

/** Bytes an hour. */
function urgency(subject: u32): u64 {
  return <u64>max<i64>(rateOf(subject), 0) * (isObjects(subject) ? OBJECT_WEIGHT : 1);
}

/** Seconds until that growth alone would use up the memory that is left, or -1 where that cannot be told. */
function secondsLeft(subject: u32, rate: i64): i64 {
  const left = room();
  if (isObjects(subject) || left < 0 || rate <= 0) return -1;
  const large: i64 = 1 << 50;
  return left > large ? (left / rate) * 3600 : (left * 3600) / rate;
}
