// SPDX-License-Identifier: Apache-2.0
//
// The order in which the pieces of memory are read: random, without a list. A permutation of the numbers below a power of two, whose steps
// can each be undone; numbers beyond the last piece are left out.

import { PHI } from "../base/hash";
import { PIECE_NONE } from "../abi";

const ROUNDS: u32 = 3;

let pieces: u64 = 0;
let key: u64 = 0;
let bits: u64 = 1;
let next: u64 = 0;

/** Begins the order of so many pieces; another one for each seed. */
export function beginPieces(count: u32, seed: u64): void {
  pieces = count;
  key = seed;
  next = 0;
  bits = 1;
  while ((<u64>1) << bits < count) ++bits;
}

/** The number of the next piece; PIECE_NONE behind the last. */
export function nextPiece(): u32 {
  while (next < (<u64>1) << bits) {
    const number = shuffle(next++);
    if (number < pieces) return <u32>number;
  }
  return PIECE_NONE;
}

function shuffle(number: u64): u64 {
  const mask = ((<u64>1) << bits) - 1;
  let added = key;
  for (let round: u32 = 0; round < ROUNDS; ++round) {
    number = ((number + added) * (PHI | 1)) & mask;
    number ^= number >> ((bits >> 1) + 1);
    added = rotr(added, 21);
  }
  return number & mask;
}
