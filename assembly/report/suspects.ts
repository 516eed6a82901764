// SPDX-License-Identifier: Apache-2.0
//
// The section of the suspects, the most urgent first (urgency.ts). Each has a line of evidence in plain words, which begins with
// its location and a colon.

import { isLowerBound, oldBytes, reportedAge } from "../analysis/age";
import { ranked } from "../analysis/ranking";
import { allocs, frees, inUse, isObjects, writeSeriesInSentence } from "../analysis/series";
import { rankSuspects, rateOf, secondsLeft } from "../analysis/urgency";
import { growingFor, grownBy } from "../analysis/verdict";
import { approxDuration, bytes, duration, grouped } from "../base/humanize";
import { SPACE } from "../base/chars";
import { percent } from "../base/muldiv";
import { Series } from "../base/types";
import { ascii, byte, newline, unsigned } from "../base/writer";
import { SECTION_SUSPECTS } from "../format";
import { transactionsWithin } from "../model/timeline";
import * as table from "./table";

export function renderSuspects(): void {
  const n = rankSuspects();
  table.title(SECTION_SUSPECTS);
  byte(SPACE);
  unsigned(n);
  ascii(n == 1 ? " grows and has no reason to stop\n" : " grow and have no reason to stop\n");
  table.head(SECTION_SUSPECTS);
  for (let i: u32 = 0; i < n; ++i) {
    const series = ranked(i);
    const rate = rateOf(series);
    table.row(SECTION_SUSPECTS);
    table.unsignedCell(<u64>max<i64>(rate, 0));
    table.unsignedCell(growingFor(series));
    const left = secondsLeft(series, rate);
    if (left < 0) table.unknownCell();
    else table.unsignedCell(<u64>left);
    writeEvidence(series);
    newline();
  }
}

/** Why it is a suspect, in plain words. */
export function writeEvidence(series: Series): void {
  const rate = rateOf(series);
  writeSeriesInSentence(series);
  ascii(": +");
  if (isObjects(series)) grouped(<u64>max<i64>(rate, 0));
  else bytes(<u64>max<i64>(rate, 0));
  ascii(isObjects(series) ? " objects/h for " : "/h for ");
  duration(growingFor(series));
  const used = inUse(series);
  const part = oldBytes(series);
  if (used && part) {
    ascii(isLowerBound(series) ? ", at least " : ", ");
    unsigned(percent(part, used));
    ascii(isObjects(series) ? " % of them older than " : " % of its bytes older than ");
    duration(reportedAge());
  }
  ascii(", ");
  grouped(allocs(series));
  ascii(isObjects(series) ? " created, " : " allocated, ");
  grouped(frees(series));
  ascii(isObjects(series) ? " destroyed" : " freed");
  const requests = transactionsWithin(growingFor(series));
  if (requests) {
    ascii(", ");
    perThousand(grownBy(series), requests);
    ascii(isObjects(series) ? " of them per 1,000 transactions" : " bytes per 1,000 transactions");
  }
  const left = secondsLeft(series, rate);
  if (left >= 0) {
    ascii("; limit in about ");
    approxDuration(<u64>left);
  }
}

function perThousand(grown: u64, requests: u64): void {
  grouped(grown > u64.MAX_VALUE / 1024 ? (grown / requests) * 1000 : (grown * 1000) / requests);
}
