// SPDX-License-Identifier: Apache-2.0
//
// Hash functions, and the index slot at which the probe for a hash begins.

/** 2^64 / phi, for multiplicative (Fibonacci) hashing: Knuth, TAOCP 3, section 6.4. The high bits of the product are the hash. */
export const PHI: u64 = 0x9e3779b97f4a7c15;

// FNV-1a, 64 bits. http://www.isthe.com/chongo/tech/comp/fnv/
const FNV_BASIS: u64 = 0xcbf29ce484222325;
const FNV_PRIME: u64 = 0x00000100000001b3;

export function hashText(from: usize, length: usize): u64 {
  let hash = FNV_BASIS;
  for (let i: usize = 0; i < length; ++i) hash = (hash ^ load<u8>(from + i)) * FNV_PRIME;
  return hash;
}

/** First slot to probe in an index of 2^bits slots. */
// @ts-ignore: decorator
@inline
export function slotOfHash(hash: u64, bits: u32): usize {
  return <usize>(hash >>> (64 - bits));
}
