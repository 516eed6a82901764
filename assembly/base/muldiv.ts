// SPDX-License-Identifier: Apache-2.0
//
// 64-bit ratios without overflow.

/** Above this value the division comes first. The result loses its last digits, which no table shows. */
const LARGE: i64 = 1 << 50;

/** value * factor / divisor, for a factor below 8,192. */
// @ts-ignore: decorator
@inline
export function mulDiv(value: i64, factor: i64, divisor: i64): i64 {
  return value > LARGE || value < -LARGE ? (value / divisor) * factor : (value * factor) / divisor;
}

/** 100 * part / whole for any numbers; 0 if the whole is 0. */
export function percent(part: u64, whole: u64): u64 {
  if (!whole) return 0;
  return whole > u64.MAX_VALUE / 128 ? part / (whole / 100) : (part * 100) / whole;
}

/** The same, rounded to the nearest. For bytes of memory: below 2^56. */
export function share(part: u64, whole: u64): u64 {
  return whole ? (part * 100 + whole / 2) / whole : 0;
}
