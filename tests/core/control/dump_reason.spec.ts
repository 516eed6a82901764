// SPDX-License-Identifier: Apache-2.0
//
// The signal and the timer ask for dumps from two places without names.

import { DUMP_REASON_OTHER, DUMP_REASON_SIGNAL, DUMP_REASON_TIMER } from "../../../assembly/abi";
import { dumpInterval, dumpReason } from "../../../assembly/control/dump_reason";
import { freshControl } from "../support";

const SIGNAL: u64 = 0x1000;
const TIMER: u64 = 0x2000;

function startWith(seconds: u64): void {
  freshControl();
  dumpInterval(1_000_000, seconds);
}

/** At a time in seconds. */
function reason(seconds: f64, place: u64): u32 {
  return dumpReason(u64(seconds * 1000), place);
}

describe("the reason of a dump", () => {
  test("is the signal where the server never had a timer, from the first second on", () => {
    startWith(0);
    expect(reason(1000, SIGNAL)).toBe(DUMP_REASON_SIGNAL);
    dumpInterval(1_100_000, 60);
    expect(reason(1160, TIMER)).toBe(DUMP_REASON_TIMER, "the place of the signal is known");
    expect(reason(1160, SIGNAL)).toBe(DUMP_REASON_SIGNAL);
  });

  test("is the timer when that is due, and the signal at another time", () => {
    startWith(3600);
    expect(reason(4601, TIMER)).toBe(DUMP_REASON_TIMER);
    expect(reason(5000, SIGNAL)).toBe(DUMP_REASON_SIGNAL);
    expect(reason(8201, TIMER)).toBe(DUMP_REASON_TIMER);
    expect(reason(8201, SIGNAL)).toBe(DUMP_REASON_SIGNAL);
  });

  test("is the signal if it comes before the first interval is over", () => {
    startWith(3600);
    expect(reason(1001, SIGNAL)).toBe(DUMP_REASON_SIGNAL);
    expect(reason(4600, TIMER)).toBe(DUMP_REASON_TIMER);
  });

  test("is known in a short interval once a place has called twice", () => {
    startWith(2);
    expect(reason(1002, TIMER)).toBe(DUMP_REASON_OTHER);
    expect(reason(1003, SIGNAL)).toBe(DUMP_REASON_OTHER);
    for (let now: f64 = 1004.02; now < 1040; now += 2.02) expect(reason(now, TIMER)).toBe(DUMP_REASON_TIMER);
    expect(reason(1040, SIGNAL)).toBe(DUMP_REASON_SIGNAL);
    startWith(5);
    reason(1001, SIGNAL);
    expect(reason(1002, SIGNAL)).toBe(DUMP_REASON_SIGNAL);
    expect(reason(1005, TIMER)).toBe(DUMP_REASON_TIMER);
  });

  test("is not known while a timer that was switched off may still run, and when the timer should have called long ago", () => {
    startWith(3600);
    dumpInterval(2_000_000, 0);
    expect(reason(2009, TIMER)).toBe(DUMP_REASON_OTHER);
    expect(reason(2010, SIGNAL)).toBe(DUMP_REASON_SIGNAL);
    startWith(60);
    expect(reason(1071, SIGNAL)).toBe(DUMP_REASON_OTHER);
  });

  test("counts a changed interval from when it was seen", () => {
    startWith(3600);
    dumpInterval(1_100_000, 3600);
    dumpInterval(2_000_000, 60);
    dumpInterval(2_001_000, 60);
    expect(reason(2060, TIMER)).toBe(DUMP_REASON_TIMER);
    expect(reason(2080, SIGNAL)).toBe(DUMP_REASON_SIGNAL);
    expect(reason(2120, TIMER)).toBe(DUMP_REASON_TIMER);
  });

  test("is corrected after a mistake: only the signal calls twice in an interval, or misses one", () => {
    startWith(60);
    expect(reason(1020, TIMER)).toBe(DUMP_REASON_SIGNAL, "a timer that began long before memtrack");
    expect(reason(1055, SIGNAL)).toBe(DUMP_REASON_TIMER);
    expect(reason(1065, SIGNAL)).toBe(DUMP_REASON_SIGNAL);
    expect(reason(1080, TIMER)).toBe(DUMP_REASON_TIMER);
    startWith(60);
    expect(reason(1058, SIGNAL)).toBe(DUMP_REASON_TIMER);
    expect(reason(1060, TIMER)).toBe(DUMP_REASON_TIMER);
    expect(reason(1090, SIGNAL)).toBe(DUMP_REASON_SIGNAL);
    expect(reason(1120, TIMER)).toBe(DUMP_REASON_TIMER);
    expect(reason(1300, SIGNAL)).toBe(DUMP_REASON_SIGNAL);
  });
});
