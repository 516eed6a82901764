// SPDX-License-Identifier: Apache-2.0
//
// The section of the suspects, the most urgent first (urgency.ts). Each has a line of evidence in plain words, which begins with its
// location and a colon.

import { isBound, old, tellingAge } from "../analysis/age";
import { ranked } from "../analysis/ranking";
import { allocations, isObjects, liveBytes, releases, writeInWords } from "../analysis/series";
import { rankSuspects, rateOf, secondsLeft } from "../analysis/urgency";
import { growingFor, grownBy } from "../analysis/verdict";
import { about, bytes, duration, grouped } from "../base/humanize";
import { percent } from "../base/muldiv";
import { ascii, newline, unsigned } from "../base/writer";
import { transactionsWithin } from "../model/timeline";
import { bar } from "./table";

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
    bar();
    unsigned(growingFor(subject), 10);
    bar();
    const left = secondsLeft(subject, rate);
    if (left < 0) ascii("         -");
    else unsigned(<u64>left, 10);
    bar();
    writeEvidence(subject);
    newline();
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

function perThousand(grown: u64, requests: u64): void {
  grouped(grown > u64.MAX_VALUE / 1024 ? (grown / requests) * 1000 : (grown * 1000) / requests);
}
