// SPDX-License-Identifier: Apache-2.0
//
// The signal and the timer ask for dumps from two places without names.

import { DUMP_REASON_OTHER, DUMP_REASON_SIGNAL, DUMP_REASON_TIMER } from "../../../assembly/abi";
import { dumpInterval, dumpReason } from "../../../assembly/control/dump_reason";
import { freshControl } from "../support";

const SIGNAL: u64 = 0x1000;
const TIMER: u64 = 0x2000;

function startWith(interval: u64): void {
  freshControl();
  dumpInterval(1000, interval);
}

describe("the reason of a dump", () => {
  test("is the signal where the server never had a timer, from the first second on", () => {
    startWith(0);
    expect(dumpReason(1000, SIGNAL)).toBe(DUMP_REASON_SIGNAL);
    dumpInterval(1100, 60);
    expect(dumpReason(1160, TIMER)).toBe(DUMP_REASON_TIMER, "the place of the signal is known");
    expect(dumpReason(1160, SIGNAL)).toBe(DUMP_REASON_SIGNAL);
  });

  test("is the timer when that is due, and the signal before", () => {
    startWith(3600);
    expect(dumpReason(4601, TIMER)).toBe(DUMP_REASON_TIMER);
    expect(dumpReason(5000, SIGNAL)).toBe(DUMP_REASON_SIGNAL);
    expect(dumpReason(8201, TIMER)).toBe(DUMP_REASON_TIMER);
    expect(dumpReason(8201, SIGNAL)).toBe(DUMP_REASON_SIGNAL);
  });

  test("is the signal if it comes before the first interval is over", () => {
    startWith(3600);
    expect(dumpReason(1001, SIGNAL)).toBe(DUMP_REASON_SIGNAL);
    expect(dumpReason(4600, TIMER)).toBe(DUMP_REASON_TIMER);
  });

  test("is the timer in each short interval, until a place asks twice in one", () => {
    startWith(5);
    for (let now: u64 = 1005; now < 1050; now += 5) expect(dumpReason(now, TIMER)).toBe(DUMP_REASON_TIMER);
    dumpReason(1051, SIGNAL);
    expect(dumpReason(1052, SIGNAL)).toBe(DUMP_REASON_SIGNAL);
    expect(dumpReason(1055, TIMER)).toBe(DUMP_REASON_TIMER);
    expect(dumpReason(1055, SIGNAL)).toBe(DUMP_REASON_SIGNAL);
  });

  test("is not known while a timer that was switched off may still run, and when the timer is long due", () => {
    startWith(3600);
    dumpInterval(2000, 0);
    expect(dumpReason(2009, TIMER)).toBe(DUMP_REASON_OTHER);
    expect(dumpReason(2010, SIGNAL)).toBe(DUMP_REASON_SIGNAL);
    startWith(60);
    expect(dumpReason(1071, SIGNAL)).toBe(DUMP_REASON_OTHER);
    expect(dumpReason(1131, TIMER)).toBe(DUMP_REASON_TIMER);
  });

  test("counts a changed interval from when it was seen", () => {
    startWith(3600);
    dumpInterval(1100, 3600);
    dumpInterval(2000, 60);
    dumpInterval(2001, 60);
    expect(dumpReason(2060, TIMER)).toBe(DUMP_REASON_TIMER);
    expect(dumpReason(2080, SIGNAL)).toBe(DUMP_REASON_SIGNAL);
    expect(dumpReason(2120, TIMER)).toBe(DUMP_REASON_TIMER);
  });

  test("is corrected after a mistake: only the signal asks twice in an interval", () => {
    startWith(60);
    expect(dumpReason(1020, TIMER)).toBe(DUMP_REASON_SIGNAL, "a timer that began long before memtrack");
    expect(dumpReason(1055, SIGNAL)).toBe(DUMP_REASON_TIMER);
    expect(dumpReason(1065, SIGNAL)).toBe(DUMP_REASON_SIGNAL);
    expect(dumpReason(1080, TIMER)).toBe(DUMP_REASON_TIMER);
  });
});
