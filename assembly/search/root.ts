// SPDX-License-Identifier: Apache-2.0
//
// Roots: what the host knows of addresses that lie in no block with a tag: `foo.so table (.bss)`, `stack of thread [ET_NET 0]`, or the site
// of the object or of the mapped range that it lies in, as in a chain. Each text is kept once, and has a number from 1 on.
//
//    0        4       8                   96
//    ┌────────┬───────┬───────────────────┐
//    │ length │ named │ text              │
//    └────────┴───────┴───────────────────┘

import { CHAIN_SITE, SEARCHED_MAX } from "../abi";
import { isControl, QUESTION_MARK } from "../base/chars";
import { BLOCKS_COUNT, input, ROOT_SIZE, roots, ROOTS_COUNT } from "../base/memory";
import { begins } from "../base/reader";
import { Site } from "../base/types";
import { blockAt, Watched } from "./block";
import { searchedAt, Slot } from "./searched";

const NAMED: u32 = 4;
const TEXT: u32 = 8;
/** Bytes of a site in a chain: CHAIN_SITE, and its number. */
export const CHAIN_SITE_SIZE: u32 = 3;

let count: u32 = 0;

export function forgetRoots(): void {
  count = 0;
}

/** The number of the text in the input region. If there are too many texts, all are forgotten, and asked for again. */
export function rootNumber(length: u32): u32 {
  const bytes = min(length, ROOT_SIZE - TEXT);
  for (let i: u32 = 0; i < bytes; ++i) if (isControl(load<u8>(input + i))) store<u8>(input + i, QUESTION_MARK);
  return keep(bytes, isVariable(bytes));
}

/** The number of a site. */
export function rootOfSite(site: Site): u32 {
  store<u8>(input, <u8>CHAIN_SITE);
  store<u16>(input + 1, <u16>site);
  return keep(CHAIN_SITE_SIZE, true);
}

/** Whether the text in the input region names a variable: what is elsewhere may be left of an earlier block. */
export function isVariable(length: u32): bool {
  return length != 0 && !begins(input, length, "heap ") && !begins(input, length, "stack ") && !begins(input, length, "IOBuffers ");
}

function keep(bytes: u32, named: bool): u32 {
  for (let root: u32 = 1; root <= count; ++root) {
    if (rootLength(root) == bytes && memory.compare(rootText(root), input, bytes) == 0) return root;
  }
  if (count == ROOTS_COUNT) {
    count = 0;
    for (let block: Watched = 0; block < BLOCKS_COUNT; ++block) blockAt(block).rootText = 0;
    for (let slot: Slot = 0; slot < SEARCHED_MAX; ++slot) searchedAt(slot).wholeRoot = 0;
  }
  ++count;
  store<u32>(rootText(count) - TEXT, bytes);
  store<u32>(rootText(count) - TEXT, <u32>named, NAMED);
  memory.copy(rootText(count), input, bytes);
  return count;
}

export function rootText(root: u32): usize {
  return roots + (root - 1) * ROOT_SIZE + TEXT;
}

export function rootLength(root: u32): u32 {
  return load<u32>(rootText(root) - TEXT);
}

/** Whether a root is told by its name: not only that it is somewhere in the server's heap or in a stack. */
export function isNamed(root: u32): bool {
  return root != 0 && load<u32>(rootText(root) - TEXT, NAMED) != 0;
}
