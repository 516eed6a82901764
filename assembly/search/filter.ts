// SPDX-License-Identifier: Apache-2.0
//
// The filter: whether an address can lie in a watched block. A Bloom filter of the parts of memory (parts.ts) that one of them lies in.

import { SEARCH_FILTER_SIZE, filter } from "../base/memory";
import { PHI, slotOfHash } from "../base/hash";
import { endAt, NO_BLOCK, startAt, Watched, watchedCount } from "./block";
import { beginParts, blockInPart, firstPart, hashOfPart, indexPart, lastPart, PARTS_MAX } from "./parts";

/** Pointers have 47 bits; some programs keep tags in those above. */
export const ADDRESS_MASK: u64 = (1 << 47) - 1;

/** 2^13 words of 64 bits. A part has two bits of one of them, from other bits of its hash than those that tell the word. */
const WORDS: u32 = 13;
const FIRST_BIT: u64 = 45;
const SECOND_BIT: u64 = 39;

if (SEARCH_FILTER_SIZE != sizeof<u64>() << WORDS) ERROR("not the size that memory.ts tells");
// So many parts set an eighth of the bits: of other addresses one in 64 passes.
if (PARTS_MAX > 1 << (WORDS + 2)) ERROR("more parts than the filter is for");

/** The range of the blocks' addresses. */
export let lowest: u64 = 0;
export let span: u64 = 0;

/** Makes the filter for the blocks in the order of addresses. The range includes `low` to `high` too, if they are not 0. */
export function fillFilter(low: u64, high: u64): void {
  memory.fill(filter, 0, SEARCH_FILTER_SIZE);
  beginParts();
  const count = watchedCount();
  lowest = count ? startAt(0) : 0;
  let highest = lowest;
  for (let i: u32 = 0; i < count; ++i) {
    highest = max(highest, endAt(i));
    for (let part = firstPart(i); part <= lastPart(i); ++part) {
      filterPart(part * PHI);
      indexPart(part, i);
    }
  }
  if (high) {
    lowest = count ? min(lowest, low) : low;
    highest = max(highest, high);
  }
  span = highest - lowest;
}

function filterPart(hash: u64): void {
  const bits = ((<u64>1) << ((hash >> FIRST_BIT) & 63)) | ((<u64>1) << ((hash >> SECOND_BIT) & 63));
  store<u64>(wordOf(hash), load<u64>(wordOf(hash)) | bits);
}

/** Whether an address may lie in a watched block. */
// @ts-ignore: decorator
@inline
export function mayBeWatched(address: u64): bool {
  const hash = hashOfPart(address);
  const word = load<u64>(wordOf(hash));
  return ((word >> (hash >> FIRST_BIT)) & (word >> (hash >> SECOND_BIT)) & 1) != 0;
}

/** The watched block that an address lies in, or NO_BLOCK. From the begin of a pass until its judgments. */
export function watchedWith(address: u64): Watched {
  return mayBeWatched(address) ? blockInPart(address) : NO_BLOCK;
}

/** Address of the word of the filter for a hash. */
// @ts-ignore: decorator
@inline
function wordOf(hash: u64): usize {
  return filter + slotOfHash(hash, WORDS) * sizeof<u64>();
}
