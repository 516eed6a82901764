// SPDX-License-Identifier: Apache-2.0
//
// Blocks of more than BLOCK_FAR bytes, as the table of a large cache is: their tags are too far from most of their words to be found from
// there. glibc gives each a mapping of its own, at least with its usual settings, which begins with a header (struct malloc_chunk):
//
//    0               8             16
//    ┌───────────────┬─────────────┬──────────────┬ ─ ─ ─ ┬─────┐
//    │ 0             │ size  | 2   │ the user's   │       │ tag │      size: of all of it, a multiple of a page
//    └───────────────┴─────────────┴──────────────┴ ─ ─ ─ ┴─────┘
//
// In later versions of glibc (mmap_set_chunk()) the size is without the header, the last 8 bytes are nobody's, and the first word is 1 on huge
// pages.
//
// A pass notes what looks like such a header, and after it the tag tells whether it is one. A block that was asked for with an alignment begins
// farther behind its header. Other allocators have no such headers: what their giants hold is held by the server's heap.

import { EPOCH_BITS, TAG_SIZE } from "../abi";
import { GIANT_SIZE, giants, GIANTS_COUNT, window } from "../base/memory";
import { recordAt } from "../base/regions";
import { Site } from "../base/types";
import { rootOfSite } from "./root";
import { isTagWithKey } from "./searched";
import { BLOCK_FAR, birthOf, canBeTag } from "./tag";


@unmanaged
class Giant {
  /** The header, and once it is verified the block. */
  from: u64;
  to: u64;
  /** 0: not verified. */
  birth: u64;
}

if (offsetof<Giant>() != GIANT_SIZE) ERROR("not the size that memory.ts tells");

const PAGE: u64 = 4096;
const SIZE_FIELD: u32 = 8;
const HEADER: u32 = 16;
/** In newer headers: bytes at the end that are nobody's, and the largest first word. */
const UNUSED_END: u32 = 8;
const ON_HUGE_PAGES: u64 = 1;
/** Flags of a size: the block has a mapping of its own, and no other bit. */
const MAPPED: u64 = 2;
const SIZE_MAX: u64 = 1 << 46;
/** Alignments that a block may have been asked for with, as powers of two: 16 bytes to 2 MiB. */
const ALIGNMENT_LEAST: u32 = 4;
const ALIGNMENT_MOST: u32 = 21;
/** The tag, and before it the slack if that is long. */
export const GIANT_END: u32 = 2 * TAG_SIZE;

let count: u32 = 0;
let asked: u32 = 0;

/** Before each pass. */
export function forgetGiants(): void {
  count = asked = 0;
}

/** Notes the headers in memory of so many bytes, from an address on, that the window holds. */
export function noteGiants(address: u64, length: u32): void {
  const first = <u32>((PAGE - (address & (PAGE - 1))) & (PAGE - 1));
  for (let offset: u32 = first; offset + HEADER <= length; offset += <u32>PAGE) {
    const size = load<u64>(window + offset, SIZE_FIELD) ^ MAPPED;
    if (size <= BLOCK_FAR || size >= SIZE_MAX || load<u64>(window + offset) > ON_HUGE_PAGES) continue;
    if (!(size & (PAGE - 1))) note(address + offset, size);
    else if (!((size + HEADER) & (PAGE - 1))) note(address + offset, size + HEADER - UNUSED_END);
  }
}

function note(from: u64, size: u64): void {
  if (count == GIANTS_COUNT) return;
  const giant = giantAt(count++);
  giant.from = from;
  giant.to = from + size;
  giant.birth = 0;
}

/** The address of the next end to read, of GIANT_END bytes; 0 if all were read. */
export function nextGiantEnd(): u64 {
  return asked < count ? giantAt(asked).to - GIANT_END : 0;
}

/** The window holds that end, if it could be read. */
export function answerGiant(ok: bool): void {
  const giant = giantAt(asked++);
  const tag = load<u64>(window, TAG_SIZE);
  const start = ok && canBeTag(tag) ? startBehind(giant.from, tag, load<u64>(window)) : 0;
  if (!start || giant.to - start <= BLOCK_FAR) return;
  giant.from = start;
  giant.birth = birthOf(tag);
}

/** The block with a tag whose header is at an address; 0 if there is none. */
function startBehind(header: u64, tag: u64, before: u64): u64 {
  for (let power: u32 = ALIGNMENT_LEAST; power <= ALIGNMENT_MOST; ++power) {
    const most = ((<u64>1) << power) - 1;
    const start = (header + HEADER + most) & ~most;
    if (isTagWithKey(start, tag, before)) return start;
  }
  return 0;
}

/** The giant that an address lies in, as a root (root.ts); 0 if it lies in none. */
export function giantRoot(address: u64): u32 {
  for (let i: u32 = 0; i < count; ++i) {
    const giant = giantAt(i);
    if (giant.birth && address >= giant.from && address < giant.to) return rootOfSite(<Site>(giant.birth >> EPOCH_BITS));
  }
  return 0;
}

function giantAt(index: u32): Giant {
  return recordAt<Giant>(giants, index, GIANT_SIZE);
}
