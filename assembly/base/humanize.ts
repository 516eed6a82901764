// SPDX-License-Identifier: Apache-2.0
//
// Formats numbers for sentences: durations, bytes with a binary unit, thousands separators. Table columns hold plain integers.

import { COMMA, DOT, SPACE } from "./chars";
import { ascii, byte, unsigned, zeroPadded } from "./writer";

const MINUTE: u64 = 60;
const HOUR: u64 = 3600;
const DAY: u64 = 86400;
const UNITS: string = "KMGTPE";

/** `45 s`, `12 min`, `3 h 20 min`, `2 d 5 h`. */
export function duration(seconds: u64): void {
  if (seconds < 2 * MINUTE) part(seconds, " s");
  else if (seconds < HOUR) part(seconds / MINUTE, " min");
  else if (seconds < DAY) pair(seconds, HOUR, " h", MINUTE, " min");
  else pair(seconds, DAY, " d", HOUR, " h");
}

/** `19 days`, `5 hours`, `12 min`: one unit, because the value is an estimate. */
export function approxDuration(seconds: u64): void {
  if (seconds < 2 * HOUR) part(seconds / MINUTE, " min");
  else if (seconds < 2 * DAY) counted(seconds / HOUR, " hour");
  else if (seconds < 1000 * DAY) counted(seconds / DAY, " day");
  else counted(seconds / (365 * DAY), " year");
}

/** `1 object`, `14,210 objects`: the unit is in the singular, its plural ends with an s. */
export function counted(value: u64, unit: string): void {
  grouped(value);
  ascii(unit);
  if (value != 1) ascii("s");
}

/** `812 B`, `1.2 MiB`, `35 MiB`: rounded to the nearest, as the command and the page do (host/shared/units.ts). */
export function bytes(value: u64): void {
  if (value < 1024) return part(value, " B");
  const huge = value >> 58 ? 1 : 0; // twenty times as much is no u64
  if (huge) value >>= 10;
  let unit = 0;
  // What rounds to 1024 of a unit is 1 of the next: 1023.95 is 20479 twentieths.
  while (unit < UNITS.length - 1 - huge && (value * 20) >> shiftOf(unit) >= 20479) ++unit;
  const shift = shiftOf(unit);
  const tenths = (((value * 20) >> shift) + 1) >> 1;
  if (tenths < 1000) {
    unsigned(tenths / 10);
    byte(DOT);
    unsigned(tenths % 10);
  } else {
    unsigned((((value * 2) >> shift) + 1) >> 1);
  }
  byte(SPACE);
  byte(UNITS.charCodeAt(unit + huge));
  ascii("iB");
}

function shiftOf(unit: i32): u64 {
  return <u64>(10 * (unit + 1));
}

/** `14,210`. */
export function grouped(value: u64): void {
  let power: u64 = 1;
  while (value / power >= 1000) power *= 1000;
  unsigned(value / power);
  while (power > 1) {
    power /= 1000;
    byte(COMMA);
    zeroPadded((value / power) % 1000, 3);
  }
}

function part(value: u64, unit: string): void {
  unsigned(value);
  ascii(unit);
}

function pair(seconds: u64, large: u64, largeUnit: string, small: u64, smallUnit: string): void {
  part(seconds / large, largeUnit);
  if (!((seconds % large) / small)) return;
  byte(SPACE);
  part((seconds % large) / small, smallUnit);
}
