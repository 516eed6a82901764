// SPDX-License-Identifier: Apache-2.0
//
// References that a pass finds: words with an address in a watched block. A word in the block itself is none. One in another watched block
// is an edge: it counts as much as what holds that block. All others are from outside.
//
// A word to the middle can be of a block that was at this address before. It counts if it is to an offset that many blocks of the site
// are referred to by, as those of an intrusive list are; else nobody can be sure of it.

import { EDGE_SIZE, edges, EDGES_COUNT } from "../base/memory";
import { PHI, slotOfHash } from "../base/hash";
import { recordAt } from "../base/regions";
import { WATCHED_MAX } from "../abi";
import { Block, blockAt, isLink, NO_BLOCK, PLACES_KEPT, setPlace, Watched } from "./block";
import { watchedWith } from "./filter";
import { Searched, searchedAt } from "./searched";

/** The lowest bits of a pointer can be flags. */
const START_MASK: u64 = 7;


@unmanaged
export class Edge {
  from: u16;
  to: u16;
  /** 0 for a reference to the start, else 1 and the bit of its offset. */
  middle: u32;
}

if (offsetof<Edge>() != EDGE_SIZE) ERROR("not the size that memory.ts tells");

export let edgeCount: u32 = 0;

export function forgetReferences(): void {
  edgeCount = 0;
}

export function edgeAt(edge: u32): Edge {
  return recordAt<Edge>(edges, edge);
}

/** A word at an address that may refer to a watched block. */
export function countReference(location: u64, target: u64): void {
  const to = watchedWith(target);
  if (to != NO_BLOCK) refer(location, to, target);
}

/** The same of a word with an address in the block `to`. */
export function refer(location: u64, to: Watched, target: u64): void {
  const block = blockAt(to);
  if (target >= block.userEnd) return;
  const offset = (target - block.address) & ~START_MASK;
  if (location < block.end && location + START_MASK >= block.address) return;
  const middle: u32 = offset ? 1 + bitOf(offset) : 0;
  if (middle) block.offsets |= (<u64>1) << (middle - 1);
  if (middle && !isLink(to)) keepOffset(searchedAt(to / WATCHED_MAX), offset, middle - 1);
  const from = watchedWith(location);
  if (from != NO_BLOCK && addEdge(from, to, middle)) return;
  if (middle) block.middles |= (<u64>1) << (middle - 1);
  else block.starts = block.starts + 1;
  if (!(location & START_MASK)) keepPlace(block, location, middle == 0);
}

/** Keeps an offset that many blocks of the site are referred to by. */
function keepOffset(site: Searched, offset: u64, bit: u32): void {
  if ((site.shared >> bit) & 1) site.offset = offset;
}

/** Keeps the place of a reference; that of one to the start in any case. */
function keepPlace(block: Block, location: u64, isStart: bool): void {
  if (block.places < PLACES_KEPT) setPlace(block, block.places++, location);
  else if (isStart) setPlace(block, block.starts % PLACES_KEPT, location);
}

/** Returns false if there are too many: then the reference counts as one from outside. */
function addEdge(from: Watched, to: Watched, middle: u32): bool {
  if (edgeCount == EDGES_COUNT) return false;
  const edge = edgeAt(edgeCount++);
  edge.from = <u16>from;
  edge.to = <u16>to;
  edge.middle = middle;
  blockAt(from).used = true;
  return true;
}

/** One of 64 bits for an offset. */
function bitOf(offset: u64): u32 {
  return <u32>slotOfHash((offset >> 3) * PHI, 6);
}
