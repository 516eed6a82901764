// SPDX-License-Identifier: Apache-2.0
//
// Writes ASCII into linear memory with a cursor and an end. Text that does not fit is dropped and recorded as an overflow; nothing
// is written past the end. Static texts are AssemblyScript string literals, which the data segment holds as UTF-16. Nothing is
// allocated.

import { COLON, DASH, isControl, LETTER_T, LETTER_Z, NEWLINE, QUESTION_MARK, SPACE, ZERO } from "./chars";

let cursor: usize = 0;
let limit: usize = 0;
let dropped: bool = false;

/** Starts writing at `from`. Never writes at or past `to`. */
export function begin(from: usize, to: usize): void {
  cursor = from;
  limit = to;
  dropped = false;
}

/** Address behind the last byte written. */
export function position(): usize {
  return cursor;
}

/** Removes what was written behind an address. */
export function takeBack(to: usize): void {
  cursor = to;
}

/** Whether text has been dropped since begin(). */
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

/** Copies text from the host byte for byte and replaces control characters (line ends, terminal escapes) by '?'. */
export function writeSanitized(from: usize, length: usize): void {
  for (let i: usize = 0; i < length; ++i) {
    const c = <u32>load<u8>(from + i);
    byte(isControl(c) ? QUESTION_MARK : c);
  }
}

export function repeat(value: u32, times: i32): void {
  for (let i = 0; i < times; ++i) byte(value);
}

/** Copies bytes that are already in memory, unchanged. */
export function copy(from: usize, length: usize): void {
  for (let i: usize = 0; i < length; ++i) byte(load<u8>(from + i));
}

/** Pads with spaces to `width` bytes from `from`; longer text stays unchanged (C's "%-*s"). */
export function padRight(from: usize, width: usize): void {
  while (cursor - from < width && cursor < limit) byte(SPACE);
}

/** An unsigned number, padded with blanks on the left to `width` (C's "%*lu"). */
export function unsigned(value: u64, width: i32 = 0): void {
  repeat(SPACE, width - digits(value));
  writeDigits(value, digits(value));
}

/** A signed number, padded with blanks on the left to `width` (C's "%*ld"). */
export function signed(value: i64, width: i32 = 0): void {
  if (value >= 0) return unsigned(<u64>value, width);
  const size = <u64>0 - <u64>value; // also correct for the smallest number
  repeat(SPACE, width - 1 - digits(size));
  byte(DASH);
  writeDigits(size, digits(size));
}

/** A number of exactly `width` digits, padded with zeros. */
export function zeroPadded(value: u64, width: i32): void {
  repeat(ZERO, width - digits(value));
  writeDigits(value, digits(value));
}

/** An unsigned number in lower-case hexadecimal (C's "%lx"). */
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
 * A time in UTC as 2026-11-22T15:03:23Z. The date comes from the algorithm civil_from_days of Howard Hinnant, "chrono-Compatible
 * Low-Level Date Algorithms", reduced to dates from 1970 on.
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
