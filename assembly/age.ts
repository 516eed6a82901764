// SPDX-License-Identifier: Apache-2.0
//
// How old live bytes are, from the counters alone: what was allocated in the last T cannot be more than T old, so at least
// live - allocated(T) bytes are older. A bound: a site that allocates and releases much looks younger than it is, never older.

import { HISTORY_LEVELS, HISTORY_SHIFT } from "./abi";
import { elapsedSeconds, points, stale, timeAt } from "./clock";
import { allocatedWithin, lastSampled } from "./history";
import { allocatedBytes, liveBytes } from "./subject";

/** Ages that are told of, in seconds, log-spaced: a minute, 10 minutes, an hour, 6 hours, a day, 4 days. */
const AGES: u32 = 6;

function ageSeconds(which: u32): u32 {
  return which == 0 ? 60 : which == 1 ? 600 : which == 2 ? 3600 : which == 3 ? 21600 : which == 4 ? 86400 : 345600;
}

/** At least so many of a subject's live bytes are older than `seconds`. */
export function olderThan(subject: u32, seconds: u32): u64 {
  if (seconds >= elapsedSeconds()) return 0;
  const live = liveBytes(subject);
  // What was allocated since the last sample is young too; it is in the row, and not in the history yet.
  const young = allocatedWithin(subject, samplesWithin(seconds)) + unsampled(subject);
  return young < live ? live - young : 0;
}

/** The largest of the ages that history reaches back to twice over; the smallest where it reaches to none. */
export function tellingAge(): u32 {
  let which: u32 = 0;
  while (which + 1 < AGES && ageSeconds(which + 1) <= elapsedSeconds() / 2) ++which;
  return ageSeconds(which);
}

function unsampled(subject: u32): u64 {
  const since = <i64>(allocatedBytes(subject) - lastSampled(subject));
  return since > 0 ? <u64>since : 0;
}

/** Samples, counted back from the last, that surely reach back `seconds`. */
function samplesWithin(seconds: u32): u32 {
  for (let level: u32 = 0; level < HISTORY_LEVELS; ++level) {
    for (let back: u32 = 0; back < points(level); ++back) {
      if (elapsedSeconds() - timeAt(level, back) >= seconds) return stale(level) + ((back + 1) << (level * HISTORY_SHIFT));
    }
  }
  return u32.MAX_VALUE >> 1;
}
