// SPDX-License-Identifier: Apache-2.0
//
// Values that look like tags and are none, wherever they are: an array of booleans is words of 0x0101..., and 0x0101 is a site as well. To try
// all starts of one takes 16 us, and a heap can have millions. A tag is that of one block, by its address. So a value that was none at some
// addresses of a pass is not tried again in it, but where it is the tag of a watched block (census.ts): somebody may keep copies of a tag.

import { PHI, slotOfHash } from "../base/hash";
import { REFUTED_BITS, REFUTED_COUNT, REFUTED_SIZE, refutedWords } from "../base/memory";
import { recordAt } from "../base/regions";

/** Addresses. */
const ENOUGH: u64 = 16;


@unmanaged
class Refuted {
  word: u64;
  count: u64;
}

if (offsetof<Refuted>() != REFUTED_SIZE) ERROR("not the size that memory.ts tells");

/** Before each pass: memory changes. */
export function forgetRefuted(): void {
  memory.fill(refutedWords, 0, REFUTED_COUNT * REFUTED_SIZE);
}

export function isRefuted(word: u64): bool {
  const at = refutedAt(word);
  return at.word == word && at.count >= ENOUGH;
}

/** A word was none. Of two values with one hash, that stays which comes more often. */
export function refute(word: u64): void {
  const at = refutedAt(word);
  if (at.word == word) ++at.count;
  else if (at.count) --at.count;
  else {
    at.word = word;
    at.count = 1;
  }
}

function refutedAt(word: u64): Refuted {
  return recordAt<Refuted>(refutedWords, <u32>slotOfHash(word * PHI, REFUTED_BITS), REFUTED_SIZE);
}
