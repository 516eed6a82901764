// SPDX-License-Identifier: Apache-2.0
//
// A made-up memory of a process, and the host that has it searched: pieces in random order, and answers to what the search asks for.

import {
  CHAIN_SITE,
  CLASS_HEAP,
  EPOCH_BITS,
  FINDING_CHAIN,
  FINDING_LENGTH,
  PASS_SLACK,
  PASS_THOROUGH,
  PIECE_MEMORY,
  PIECE_UNALIGNED,
  REQUEST_NONE,
  REQUEST_PLACE,
  ROLE_SEARCH,
  SEARCH_MARGIN,
  SEARCH_PIECE,
  TAG_BIRTH_BITS,
  TAG_BIRTH_SHIFT,
  TAG_LEFT_SHIFT,
  TAG_SIZE,
  TAG_SLACK_LONG,
  TAG_SLACK_SHIFT,
  WATCH_BYTES,
  WATCH_CLASS,
  WATCH_SITE,
  WATCH_SIZE,
} from "../../../assembly/abi";
import { input, output, window } from "../../../assembly/base/memory";
import {
  answerPlace,
  answerPlaceIn,
  answerRequest,
  nextRequest,
  requestAddress,
  requestLength,
  beginPass,
  endPass,
  findings,
  init,
  scanPiece,
  searchObject,
  searchKeys,
  searchWatch,
  wantedPass,
} from "../../../assembly/index";
import { hash } from "../../../assembly/search/tag";
import { put, Random } from "../support";

export const KEY: u64 = 0x0123456789abcdef;
export const OPENSSL_KEY: u64 = 0xfedcba9876543210;
export const BASE: u64 = 0x7f12_3456_0000;
export const SITE: u32 = 300;
/** The present epoch of the made-up process. */
export let epoch: u32 = 5;
let random: Random = new Random(7);
let watchLength: u32 = 0;
/** Flags of passes beside those that the search wants. */
let moreFlags: u32 = 0;

/** Memory of so many bytes at BASE. */
let bytes: StaticArray<u8> = new StaticArray<u8>(0);

export function memoryOf(size: u32): void {
  heap.free(heap.alloc(1));
  bytes = new StaticArray<u8>(size);
  epoch = 5;
  watchLength = moreFlags = 0;
  bytesAsked = 0;
  placesAsked = 0;
  objectEnd = 0;
  holeBegin = holeEnd = 0;
  random = new Random(7);
  assert(init(ROLE_SEARCH, 0) == 0, "init");
}

export function poke(address: u64, value: u64): void {
  store<u64>(changetype<usize>(bytes) + <usize>(address - BASE), value);
}

export function peek(address: u64): u64 {
  return load<u64>(changetype<usize>(bytes) + <usize>(address - BASE));
}

export function birth(site: u32, when: u32): u32 {
  return (site << EPOCH_BITS) | when;
}

/** Tags a block as host/ats/core/tag.h does. */
export function tag(start: u64, usable: u64, size: u64, born: u32, key: u64 = KEY): void {
  const slack = usable - size;
  const check = hash(key, start, slack, born);
  let code = slack - TAG_SIZE;
  if (code >= TAG_SLACK_LONG) {
    poke(start + usable - 16, (slack << TAG_LEFT_SHIFT) | (check & ((1 << TAG_LEFT_SHIFT) - 1)));
    code = TAG_SLACK_LONG;
  }
  poke(start + usable - TAG_SIZE, check | (code << TAG_SLACK_SHIFT) | ((<u64>born) << TAG_BIRTH_SHIFT));
}

/** A block of glibc at an address: `usable` is 8 above a multiple of 16. Returns its address. */
export function block(start: u64, site: u32 = SITE, size: u64 = 40, when: u32 = 1): u64 {
  tag(start, usableOf(size), size, birth(site, when));
  return start;
}

export function usableOf(size: u64): u64 {
  return ((size + TAG_SIZE + 8 + 15) & ~15) - 8;
}

/** What the hook of a release does. */
export function release(start: u64, size: u64 = 40): void {
  const at = start + usableOf(size) - TAG_SIZE;
  poke(at, ~peek(at));
}

export function watch(sites: u32[], cls: u32 = CLASS_HEAP, size: u32 = 40): void {
  watchLength = 0;
  for (let i = 0; i < sites.length; ++i) {
    store<u32>(input + watchLength, sites[i], WATCH_SITE);
    store<u32>(input + watchLength, cls, WATCH_CLASS);
    store<u32>(input + watchLength, size, WATCH_BYTES);
    watchLength += WATCH_SIZE;
  }
  searchKeys(KEY, OPENSSL_KEY, 4096 << EPOCH_BITS, epoch);
  searchWatch(watchLength);
}

/** Programs ask how much room blocks have. */
export function tellRooms(): void {
  moreFlags = PASS_SLACK;
}

export function setEpochNow(now: u32): void {
  epoch = now;
}

/** A pass over all of the memory, in pieces in random order. */
export function pass(complete: u32 = 1): void {
  searchKeys(KEY, OPENSSL_KEY, 4096 << EPOCH_BITS, epoch);
  const flags = wantedPass() | moreFlags;
  beginPass(flags);
  if (objectEnd) searchObject(birth(objectSite, 1), objectStart, objectEnd - objectStart);
  const pieces = <u32>((bytes.length + SEARCH_PIECE - 1) / SEARCH_PIECE);
  const first = random.below(pieces);
  for (let i: u32 = 0; i < pieces; ++i) {
    const piece = (first + i) % pieces;
    if (piece - holeBegin >= holeEnd - holeBegin) scan(piece, flags & PASS_THOROUGH ? PIECE_UNALIGNED : PIECE_MEMORY);
  }
  endPass(complete);
  answer();
}

/** Pieces whose pages are not resident, which are not read. */
let holeBegin: u32 = 0;
let holeEnd: u32 = 0;

/** The pieces that lie in a part of the memory are not resident. */
export function hole(from: u64, to: u64): void {
  holeBegin = <u32>((from - BASE + SEARCH_PIECE - 1) / SEARCH_PIECE);
  holeEnd = <u32>((to - BASE) / SEARCH_PIECE);
}

/** Bytes that were asked for, and places, since memoryOf(). */
export let bytesAsked: u64 = 0;
export let placesAsked: u32 = 0;

let objectStart: u64 = 0;
let objectEnd: u64 = 0;
let objectSite: u32 = 0;

/** An object whose address the host knows. */
export function objectAt(address: u64, size: u64, site: u32): void {
  objectStart = address;
  objectEnd = address + size;
  objectSite = site;
}

/** What lies from 0x30000 on are variables of a module. */
function answer(): void {
  for (let request = nextRequest(); request != REQUEST_NONE; request = nextRequest()) {
    const at = requestAddress();
    if (request == REQUEST_PLACE) {
      ++placesAsked;
      if (at >= objectStart && at < objectEnd) {
        answerPlaceIn(birth(objectSite, 1), objectStart, objectEnd - objectStart, 0);
        continue;
      }
      answerPlace(put(at < BASE + 0x30000 ? "heap of the server" : `foo.so variable${(at - BASE) >> 12} (.bss)`));
      continue;
    }
    bytesAsked += requestLength();
    const end = BASE + bytes.length;
    const readable = at >= BASE && at < end ? <u32>min(<u64>requestLength(), end - at) : 0;
    memory.copy(window, changetype<usize>(bytes) + <usize>(at - BASE), readable);
    answerRequest(readable);
  }
}

/** The chain of the index-th watched site, with sites as numbers in brackets. */
export function chain(index: u32 = 0): string {
  const length = findings(index) ? load<u32>(output, FINDING_LENGTH) : 0;
  let said = "";
  for (let i: u32 = 0; i < length; ++i) {
    const byte = load<u8>(output + FINDING_CHAIN + i);
    if (byte == CHAIN_SITE) {
      said += `[${load<u16>(output + FINDING_CHAIN + i + 1)}]`;
      i += 2;
    } else said += String.fromCharCode(byte);
  }
  return said;
}

function scan(piece: u32, kind: u32): void {
  const offset = piece * SEARCH_PIECE;
  const length = min(<u32>bytes.length - offset, SEARCH_PIECE + (kind == PIECE_UNALIGNED ? SEARCH_MARGIN : 0));
  memory.copy(window, changetype<usize>(bytes) + offset, length);
  scanPiece(BASE + offset, length, kind);
}

export function passes(times: u32): void {
  for (let i: u32 = 0; i < times; ++i) pass();
}

/** A number of the packet of the index-th watched site. */
export function found(field: u32, index: u32 = 0): u32 {
  return findings(index) ? load<u32>(output + field) : 0xffffffff;
}

export function foundLong(field: u32, index: u32 = 0): u64 {
  return findings(index) ? load<u64>(output + field) : 0xffffffff;
}

if (TAG_BIRTH_BITS != 23) ERROR("the packing of a birth");
