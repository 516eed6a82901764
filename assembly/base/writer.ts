// SPDX-License-Identifier: Apache-2.0
//
// Writes ASCII into linear memory: one cursor, one end. What does not fit is dropped and remembered, never written past the end.
// Static texts are AssemblyScript string literals, which lie in the data segment as UTF-16; nothing is allocated.

import { COLON, DASH, isControl, LETTER_T, LETTER_Z, NEWLINE, QUESTION_MARK, SPACE, ZERO } from "./chars";

let cursor: usize = 0;
let limit: usize = 0;
let dropped: bool = false;

/** Starts writing at `from`, never at or past `to`. */
export function begin(from: usize, to: usize): void {
  cursor = from;
  limit = to;
  dropped = false;
}

/** The address behind the last byte written. */
export function position(): usize {
  return cursor;
}

/** Whether anything was dropped since begin(). */
export function overflowed(): bool {
  return dropped;
}

export function byte(value: u32): void {
  if (cursor < limit) store<u8>(cursor++, <u8>value);
  else dropped = true;
}

export function newline(): void {
  byte(NEWLINE);
}

export function ascii(text: string): void {
  for (let i = 0, n = text.length; i < n; ++i) byte(text.charCodeAt(i));
}

/** Copies text of the host's, byte for byte, control characters (line ends and terminal escapes among them) as '?'. */
export function writeSanitized(from: usize, length: usize): void {
  for (let i: usize = 0; i < length; ++i) {
    const c = <u32>load<u8>(from + i);
    byte(isControl(c) ? QUESTION_MARK : c);
  }
}

export function repeat(value: u32, times: i32): void {
  for (let i = 0; i < times; ++i) byte(value);
}

/** Copies what is in memory already, as it is. */
export function copy(from: usize, length: usize): void {
  for (let i: usize = 0; i < length; ++i) byte(load<u8>(from + i));
}

/** Pads with spaces until `width` bytes stand behind `from`; a longer text is left as it is (C's "%-*s"). */
export function padRight(from: usize, width: usize): void {
  while (cursor - from < width && cursor < limit) byte(SPACE);
}

/** An unsigned number, at least `width` wide, blanks before it (C's "%*lu"). */
export function unsigned(value: u64, width: i32 = 0): void {
  repeat(SPACE, width - digits(value));
  writeDigits(value, digits(value));
}

/** A signed number, at least `width` wide, blanks before it (C's "%*ld"). */
export function signed(value: i64, width: i32 = 0): void {
  if (value >= 0) return unsigned(<u64>value, width);
  const size = <u64>0 - <u64>value; // right for the smallest number too
  repeat(SPACE, width - 1 - digits(size));
  byte(DASH);
  writeDigits(size, digits(size));
}

/** A number of exactly `width` digits, zeros before it. */
export function zeroPadded(value: u64, width: i32): void {
  repeat(ZERO, width - digits(value));
  writeDigits(value, digits(value));
}

/** An unsigned number in small hexadecimal digits (C's "%lx"). */
export function hexadecimal(value: u64): void {
  let shift: u64 = 60;
  while (shift && !(value >>> shift)) shift -= 4;
  for (let left = <i32>shift; left >= 0; left -= 4) {
    const digit = (<u32>(value >>> (<u64>left))) & 15;
    byte(digit < 10 ? 0x30 + digit : 0x57 + digit);
  }
}

function digits(value: u64): i32 {
  let n = 1;
  while (value >= 10) {
    value /= 10;
    ++n;
  }
  return n;
}

function writeDigits(value: u64, count: i32): void {
  let power: u64 = 1;
  for (let i = 1; i < count; ++i) power *= 10;
  for (let i = 0; i < count; ++i) {
    byte(<u32>(ZERO + ((value / power) % 10)));
    power /= 10;
  }
}

/**
 * A moment in UTC as 2026-11-22T15:03:23Z. Days to date as in Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms",
 * civil_from_days, for dates from 1970 on.
 */
export function utc(seconds: u64): void {
  const days = seconds / 86400 + 719468;
  const rest = seconds % 86400;
  const era = days / 146097;
  const dayOfEra = days % 146097;
  const yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365;
  const dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
  const shifted = (5 * dayOfYear + 2) / 153; // months from March
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  zeroPadded(yearOfEra + era * 400 + (month <= 2 ? 1 : 0), 4);
  byte(DASH);
  zeroPadded(month, 2);
  byte(DASH);
  zeroPadded(dayOfYear - (153 * shifted + 2) / 5 + 1, 2);
  byte(LETTER_T);
  zeroPadded(rest / 3600, 2);
  byte(COLON);
  zeroPadded((rest / 60) % 60, 2);
  byte(COLON);
  zeroPadded(rest % 60, 2);
  byte(LETTER_Z);
}
