// SPDX-License-Identifier: Apache-2.0
//
// Warnings for where operators look: one line for a new suspect, never again for the same unless what it leaked has doubled, and
// at most WARNINGS_MAX in WARNINGS_SECONDS.

import { OWNER_SERIES_MAX } from "../abi";
import { entryLeaking, isUsedEntry } from "../analysis/owner_series";
import { ranked } from "../analysis/ranking";
import { isActive, seriesOfEntry } from "../analysis/series";
import { rankSuspects } from "../analysis/urgency";
import { grownBy, isSuspect } from "../analysis/verdict";
import { output, outputEnd } from "../base/memory";
import { Row, Series } from "../base/types";
import { ascii, begin, position } from "../base/writer";
import { stateOf } from "../model/history";
import { pack, unpack } from "../model/minifloat";
import { knownSites } from "../model/model";
import { elapsedSeconds } from "../model/timeline";
import { writeEvidence } from "./suspects";

const WARNINGS_MAX: u32 = 10;
const WARNINGS_SECONDS: u32 = 3600;

let said: u32 = 0;
let since: u32 = 0;

export function warningReset(): void {
  said = 0;
  since = 0;
}

/**
 * The next line that is due, in the output region, the most urgent suspect's first. After a sample, until there is none.
 * @returns its length, or 0
 */
export function nextWarning(): u32 {
  if (elapsedSeconds() - since >= WARNINGS_SECONDS) {
    since = elapsedSeconds();
    said = 0;
  }
  if (said >= WARNINGS_MAX || !anyDue()) return 0;
  const n = rankSuspects();
  for (let i: u32 = 0; i < n; ++i) {
    const series = ranked(i);
    if (!isDue(series)) continue;
    const grown = grownBy(series);
    const warned = stateOf(series).warnedGrowth;
    stateOf(series).warnedGrowth = pack(grown ? grown : 1);
    ++said;
    begin(output, outputEnd);
    ascii(warned ? "a suspect has doubled: " : "new suspect: ");
    writeEvidence(series);
    return <u32>(position() - output);
  }
  return 0;
}

/** A look without putting them in order, which takes a while where there are many. An owner whose rows are suspects is none. */
function anyDue(): bool {
  for (let row: Row = 0; row < knownSites(); ++row) if (isActive(row) && isSuspect(row) && isDue(row)) return true;
  for (let entry: u32 = 0; entry < OWNER_SERIES_MAX; ++entry) {
    const series = seriesOfEntry(entry);
    if (isUsedEntry(entry) && !entryLeaking(entry) && isSuspect(series) && isDue(series)) return true;
  }
  return false;
}

function isDue(series: Series): bool {
  const warned = unpack(stateOf(series).warnedGrowth);
  return !warned || grownBy(series) / 2 >= warned;
}
