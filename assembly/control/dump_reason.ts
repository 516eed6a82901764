// SPDX-License-Identifier: Apache-2.0
//
// Why the server asks for a dump, where its code has no names (10.0.6 and later): two places call for one, that of SIGUSR1 and that
// of the timer. The timer calls once in each interval, never early. So a place that calls while there is no timer, before the first
// interval is over, twice in an interval, or after a longer pause, is the signal's; a place that calls when the timer is due is the
// timer's, until it calls at another time.

import { DUMP_REASON_OTHER, DUMP_REASON_SIGNAL, DUMP_REASON_TIMER } from "../abi";

// In monotonic milliseconds, like all times here.
/** Between a changed record, the server's new timer, and the host's question. */
const TOLERANCE: u64 = 10_000;
/** By which the timer's call may seem early: clocks. */
const EARLY: u64 = 50;
/** By which a busy server's timer may be late, and no more than a quarter of the interval. */
const LATE: u64 = 5_000;

/** Between two calls of the timer; 0: there is no timer. */
let interval: u64 = 0;
/** When the timer calls first; without a timer, until when one may still run. */
let due: u64 = 0;
let isKnown: bool = false;
/** The places; 0 while they are not known. */
let signal: u64 = 0;
let timer: u64 = 0;
/** The last two places that called in this interval, and when. */
let place1: u64 = 0;
let place2: u64 = 0;
let time1: u64 = 0;
let time2: u64 = 0;

export function dumpReasonReset(): void {
  isKnown = false;
  interval = due = 0;
  signal = timer = 0;
  place1 = place2 = 0;
}

/** The present value of dump_mem_info_frequency, in seconds; each second. */
export function dumpInterval(now: u64, seconds: u64): void {
  if (isKnown && seconds * 1000 == interval) return;
  interval = seconds * 1000;
  due = seconds ? now + interval : isKnown ? now + TOLERANCE : 0;
  isKnown = true;
  place1 = place2 = 0;
}

/** DUMP_REASON_... for a dump that is asked for from `place`. */
export function dumpReason(now: u64, place: u64): u32 {
  const pause = place == place1 ? now - time1 : place == place2 ? now - time2 : 0;
  note(now, place);
  if (isSignal(now, pause)) {
    signal = place;
    if (timer == place) timer = 0;
  } else if (place != signal && (pause || isFirstDue(now))) {
    timer = place;
  }
  if (place == signal || (timer && place != timer)) return DUMP_REASON_SIGNAL;
  return timer || signal ? DUMP_REASON_TIMER : DUMP_REASON_OTHER;
}

function note(now: u64, place: u64): void {
  if (place != place1) {
    place2 = place1;
    time2 = time1;
    place1 = place;
  }
  time1 = now;
}

/** Whether a call, `pause` after the last one from the same place (0: there is none), cannot be the timer's. */
function isSignal(now: u64, pause: u64): bool {
  if (!interval) return now >= due;
  return now + TOLERANCE < due || (pause && (pause + EARLY < interval || pause > interval + min(LATE, interval / 4)));
}

/** Whether this is when the timer calls first. In a short interval every call is. */
function isFirstDue(now: u64): bool {
  return interval > TOLERANCE && now <= due + TOLERANCE;
}
