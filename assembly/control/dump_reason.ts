// SPDX-License-Identifier: Apache-2.0
//
// Why the server asks for a dump, where its code has no names (10.0.6 and later): two places call for one, that of SIGUSR1 and that
// of the timer. The timer is never earlier than its interval allows; what is earlier is the signal, and so is what comes while there
// is no interval. Once the signal's place is known, so is the other.

import { DUMP_REASON_OTHER, DUMP_REASON_SIGNAL, DUMP_REASON_TIMER } from "../abi";

/** Seconds between a changed record, the server's new timer and the host's question; and by which a busy server's timer is late. */
const TOLERANCE: u64 = 10;
/** Seconds by which an interval between two calls of the timer may seem shorter, since times are whole seconds. */
const ROUNDING: u64 = 2;

/** Seconds between two calls of the timer; 0: there is no timer. */
let interval: u64 = 0;
/** When the timer is due; without a timer, until when one may still run. In monotonic seconds, like all times here. */
let due: u64 = 0;
let isKnown: bool = false;
/** The place of the signal, 0 while it is not known. */
let signal: u64 = 0;
let lastPlace: u64 = 0;
let lastTime: u64 = 0;

export function dumpReasonReset(): void {
  isKnown = false;
  interval = due = 0;
  signal = lastPlace = lastTime = 0;
}

/** The present value of dump_mem_info_frequency, each second. */
export function dumpInterval(now: u64, seconds: u64): void {
  if (isKnown && seconds == interval) return;
  due = seconds ? now + seconds : isKnown ? now + TOLERANCE : 0;
  isKnown = true;
  interval = seconds;
  lastPlace = 0;
}

/** DUMP_REASON_... for a dump that is asked for from `place`. */
export function dumpReason(now: u64, place: u64): u32 {
  if (isSignal(now, place)) signal = place;
  lastPlace = place;
  lastTime = now;
  if (signal) return place == signal ? DUMP_REASON_SIGNAL : DUMP_REASON_TIMER;
  if (!interval) return DUMP_REASON_OTHER;
  const isDue = now <= due + TOLERANCE;
  due = now + interval;
  return isDue ? DUMP_REASON_TIMER : DUMP_REASON_OTHER;
}

/** Whether this cannot be the timer. */
function isSignal(now: u64, place: u64): bool {
  if (!interval) return now >= due;
  return now + TOLERANCE < due || (place == lastPlace && now + ROUNDING < lastTime + interval);
}
