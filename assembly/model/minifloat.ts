// SPDX-License-Identifier: Apache-2.0
//
// Packs numbers into a mantissa and a power of two. 32 bits hold 27 bits of mantissa (exact below 128 MiB, then to 1 part in 67
// million), 16 bits hold 11. Both formats preserve order, so packed numbers can be compared directly.
//
//    31      27                          0        15   11            0
//    ┌───────┬───────────────────────────┐        ┌─────┬────────────┐
//    │ power │ mantissa                  │        │power│ mantissa   │
//    └───────┴───────────────────────────┘        └─────┴────────────┘

const WIDE_BITS: u32 = 27;
const WIDE_MASK: u32 = (1 << WIDE_BITS) - 1;
const NARROW_BITS: u32 = 11;
const NARROW_MASK: u32 = (1 << NARROW_BITS) - 1;
const POWER_MAX: u32 = 31;

/** Rounds down. A number too large becomes the largest packed number. */
export function pack(value: u64): u32 {
  const bits: u32 = <u32>(64 - clz(value));
  if (bits <= WIDE_BITS) return <u32>value;
  const power = bits - WIDE_BITS;
  if (power > POWER_MAX) return u32.MAX_VALUE;
  return (power << WIDE_BITS) | (<u32>(value >> power));
}

export function unpack(packed: u32): u64 {
  return (<u64>(packed & WIDE_MASK)) << (packed >>> WIDE_BITS);
}

/** Rounds up, so that the result is an upper bound. */
export function packNarrow(value: u64): u16 {
  const bits: u32 = <u32>(64 - clz(value));
  if (bits <= NARROW_BITS) return <u16>value;
  let power = bits - NARROW_BITS;
  let mantissa = value >> power;
  if (mantissa << power != value) ++mantissa;
  if (mantissa > NARROW_MASK) {
    mantissa >>= 1;
    ++power;
  }
  return power > POWER_MAX ? u16.MAX_VALUE : <u16>((power << NARROW_BITS) | (<u32>mantissa));
}

export function unpackNarrow(packed: u16): u64 {
  return (<u64>((<u32>packed) & NARROW_MASK)) << ((<u32>packed) >>> NARROW_BITS);
}
