// SPDX-License-Identifier: Apache-2.0
//
// The writer formats numbers like C's printf, and never writes beyond its end.

import {
  ascii,
  begin,
  byte,
  copy,
  writeSanitized,
  hexadecimal,
  overflowed,
  padRight,
  position,
  repeat,
  signed,
  unsigned,
  utc,
  writeSanitized,
  zeroPadded,
} from "../../../assembly/base/writer";
import { textFrom, written } from "../support";

const page = heap.alloc(4096);

function start(size: usize = 2048): void {
  memory.fill(page, 0x7e, 4096); // ~
  begin(page, page + size);
}

function unsignedText(value: u64, width: i32): string {
  start();
  unsigned(value, width);
  return written(page);
}

function signedText(value: i64, width: i32): string {
  start();
  signed(value, width);
  return written(page);
}

function zeroPaddedText(value: u64, width: i32): string {
  start();
  zeroPadded(value, width);
  return written(page);
}

function utcText(seconds: u64): string {
  start();
  utc(seconds);
  return written(page);
}

function paddedText(text: string, width: usize): string {
  start();
  const from = position();
  ascii(text);
  padRight(from, width);
  return written(page);
}

function hexadecimalText(value: u64): string {
  start();
  hexadecimal(value);
  return written(page);
}

describe("the writer", () => {
  test("writes hexadecimal numbers without leading zeros", () => {
    expect(hexadecimalText(0)).toBe("0");
    expect(hexadecimalText(9)).toBe("9");
    expect(hexadecimalText(0x10)).toBe("10");
    expect(hexadecimalText(0xabcdef0123456789)).toBe("abcdef0123456789");
    expect(hexadecimalText(u64.MAX_VALUE)).toBe("ffffffffffffffff");
  });

  test("writes unsigned numbers like C's %*lu", () => {
    expect(unsignedText(0, 0)).toBe("0");
    expect(unsignedText(0, 1)).toBe("0");
    expect(unsignedText(0, 10)).toBe("         0");
    expect(unsignedText(9, 0)).toBe("9");
    expect(unsignedText(10, 0)).toBe("10");
    expect(unsignedText(99, 2)).toBe("99");
    expect(unsignedText(100, 2)).toBe("100");
    expect(unsignedText(1234567890, 10)).toBe("1234567890");
    expect(unsignedText(12345678901, 10)).toBe("12345678901");
    expect(unsignedText(u64.MAX_VALUE, 0)).toBe("18446744073709551615");
    expect(unsignedText(u64.MAX_VALUE, 20)).toBe("18446744073709551615");
    expect(unsignedText(u64.MAX_VALUE, 22)).toBe("  18446744073709551615");
    expect(unsignedText(5, -3)).toBe("5");
  });

  test("writes every power of ten and its neighbours correctly", () => {
    let power: u64 = 1;
    for (let digits = 1; digits <= 20; ++digits) {
      expect(unsignedText(power, 0)).toBe("1" + "0".repeat(digits - 1));
      if (digits > 1) expect(unsignedText(power - 1, 0)).toBe("9".repeat(digits - 1));
      power *= 10;
    }
  });

  test("writes signed numbers like C's %*ld", () => {
    expect(signedText(0, 0)).toBe("0");
    expect(signedText(7, 3)).toBe("  7");
    expect(signedText(-1, 0)).toBe("-1");
    expect(signedText(-1, 2)).toBe("-1");
    expect(signedText(-1, 3)).toBe(" -1");
    expect(signedText(-10, 2)).toBe("-10");
    expect(signedText(i64.MAX_VALUE, 20)).toBe(" 9223372036854775807");
    expect(signedText(i64.MIN_VALUE, 20)).toBe("-9223372036854775808");
    expect(signedText(i64.MIN_VALUE, 0)).toBe("-9223372036854775808");
    expect(signedText(i64.MIN_VALUE, 21)).toBe(" -9223372036854775808");
  });

  test("pads numbers of a fixed width with zeros", () => {
    expect(zeroPaddedText(0, 2)).toBe("00");
    expect(zeroPaddedText(7, 4)).toBe("0007");
    expect(zeroPaddedText(12345, 4)).toBe("12345");
  });

  test("pads text on the right, and leaves longer text unchanged", () => {
    expect(paddedText("", 3)).toBe("   ");
    expect(paddedText("ab", 3)).toBe("ab ");
    expect(paddedText("abc", 3)).toBe("abc");
    expect(paddedText("abcd", 3)).toBe("abcd");
  });

  test("replaces control characters in writeSanitized() by question marks, and nothing else", () => {
    start();
    const text = heap.alloc(256);
    for (let i: usize = 0; i < 256; ++i) store<u8>(text + i, <u8>i);
    writeSanitized(text, 256);
    expect<usize>(position() - page).toBe(256);
    for (let i: usize = 0; i < 256; ++i) {
      expect<u8>(load<u8>(page + i)).toBe(i < 0x20 || i == 0x7f ? 0x3f : <u8>i);
    }
    heap.free(text);
  });

  test("drops text that does not fit, reports the overflow, and writes no byte past the end", () => {
    start(5);
    ascii("12345");
    expect(overflowed()).toBe(false);
    byte(0x36);
    expect(overflowed()).toBe(true);
    ascii("abc");
    unsigned(77, 10);
    signed(-5, 3);
    zeroPadded(1, 8);
    repeat(0x2d, 100);
    copy(page, 3);
    writeSanitized(page, 3);
    utc(0);
    expect(written(page)).toBe("12345");
    expect(textFrom(page + 5, 8)).toBe("~~~~~~~~");
    expect(overflowed()).toBe(true);
  });

  test("stops padding at the end", () => {
    start(4);
    ascii("ab");
    padRight(page, 100);
    expect(written(page)).toBe("ab  ");
    expect(textFrom(page + 4, 4)).toBe("~~~~");
  });

  test("clears the overflow at begin()", () => {
    start(0);
    byte(0x41);
    expect(overflowed()).toBe(true);
    start(1);
    expect(overflowed()).toBe(false);
    repeat(0x41, 0);
    repeat(0x41, -5);
    expect(written(page)).toBe("");
  });
});

describe("a time in UTC", () => {
  test("is correct at the edges of days, months and years", () => {
    expect(utcText(0)).toBe("1970-01-01T00:00:00Z");
    expect(utcText(1)).toBe("1970-01-01T00:00:01Z");
    expect(utcText(86399)).toBe("1970-01-01T23:59:59Z");
    expect(utcText(86400)).toBe("1970-01-02T00:00:00Z");
    expect(utcText(946684799)).toBe("1999-12-31T23:59:59Z");
    expect(utcText(946684800)).toBe("2000-01-01T00:00:00Z");
    expect(utcText(1795361003)).toBe("2026-11-22T15:23:23Z");
    expect(utcText(2147483647)).toBe("2038-01-19T03:14:07Z");
    expect(utcText(4294967296)).toBe("2106-02-07T06:28:16Z");
    expect(utcText(253402300799)).toBe("9999-12-31T23:59:59Z");
  });

  test("has the correct leap years: every fourth, 2000, but not 2100", () => {
    expect(utcText(68169599)).toBe("1972-02-28T23:59:59Z");
    expect(utcText(68169600)).toBe("1972-02-29T00:00:00Z");
    expect(utcText(68256000)).toBe("1972-03-01T00:00:00Z");
    expect(utcText(951782400)).toBe("2000-02-29T00:00:00Z");
    expect(utcText(951868800)).toBe("2000-03-01T00:00:00Z");
    expect(utcText(1709164800)).toBe("2024-02-29T00:00:00Z");
    expect(utcText(1740787200)).toBe("2025-03-01T00:00:00Z");
    expect(utcText(4107542399)).toBe("2100-02-28T23:59:59Z");
    expect(utcText(4107542400)).toBe("2100-03-01T00:00:00Z");
  });

  test("is correct on every day from 1970 to 2120", () => {
    const lengths: StaticArray<u32> = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let days: u64 = 0;
    for (let year: u32 = 1970; year <= 2120; ++year) {
      const leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
      for (let month: u32 = 1; month <= 12; ++month) {
        const last = lengths[month - 1] + (month == 2 && leap ? 1 : 0);
        for (let day: u32 = 1; day <= last; ++day) {
          const date = year.toString() + "-" + month.toString().padStart(2, "0") + "-" + day.toString().padStart(2, "0");
          // One assertion per day would take most of the test's time.
          if (utcText(days * 86400 + 86399) != date + "T23:59:59Z") expect(utcText(days * 86400 + 86399)).toBe(date + "T23:59:59Z");
          ++days;
        }
      }
    }
    expect(days).toBe(55152);
  });
});
