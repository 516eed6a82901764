// SPDX-License-Identifier: Apache-2.0
//
// Ratios in 64 bits that do not overflow.

/** Larger numbers are divided before they are multiplied: their result loses its last digits, which nobody reads. */
const LARGE: i64 = 1 << 50;

/** value * factor / divisor, of a factor below 8,192. */
// @ts-ignore: decorator
@inline
export function mulDiv(value: i64, factor: i64, divisor: i64): i64 {
  return value > LARGE || value < -LARGE ? (value / divisor) * factor : (value * factor) / divisor;
}

/** 100 * part / whole, for any numbers; 0 of nothing. */
export function percent(part: u64, whole: u64): u64 {
  if (!whole) return 0;
  return whole > u64.MAX_VALUE / 128 ? part / (whole / 100) : (part * 100) / whole;
}
