// SPDX-License-Identifier: Apache-2.0
//
// The registry: which sites there are, numbered in the order of their first sight, for all shards. A number, once given, keeps
// its meaning for the life of the process, so shards hold counters by number and a block's tag holds a number.
//
// Two places with the same name (one header compiled into two objects) are two sites and one row: `row` is the first site that
// had the name. A name, in bytes:
//
//    0      2      4      6      8                          192
//    ┌──────┬──────┬──────┬──────┬──────────────────────────┐
//    │ row  │length│class │  0   │ text, ASCII or UTF-8     │
//    └──────┴──────┴──────┴──────┴──────────────────────────┘

import {
  CLASS_COUNT,
  CLASS_IOBUFFER,
  CLASS_OPENSSL,
  DETAIL_LINE_MASK,
  INPUT_SIZE,
  NAME_MAX,
  NAME_SIZE,
  ROLE_REGISTRY,
  SITE_FIRST,
  SITE_OTHER,
} from "./abi";
import { indexBits, indexMask, input, nameIndex, names, slots } from "./memory";
import { classOf } from "./site";
import { find, insert } from "./table";
import * as writer from "./writer";

const ROW: usize = 0;
const LENGTH: usize = 2;
const CLASS: usize = 4;
const TEXT: usize = 8;

/** The built-in tracker cuts a location at 127 bytes. IOBuffer names are cut there too, so that both give one name to one site. */
const IOBUFFER_NAME_MAX: usize = 127;

// FNV-1a, 32 bits. http://www.isthe.com/chongo/tech/comp/fnv/
const FNV_BASIS: u32 = 0x811c9dc5;
const FNV_PRIME: u32 = 0x01000193;

let count: u32 = 0;
let refused: u64 = 0;

export function reset(role: u32): void {
  count = SITE_FIRST;
  refused = 0;
  if (role < ROLE_REGISTRY) return;
  for (let cls: u32 = 0; cls < CLASS_COUNT; ++cls) {
    const site = SITE_OTHER + cls;
    writer.begin(textOf(site), textOf(site) + NAME_MAX);
    prefix(cls);
    writer.ascii("(other)");
    finish(site, cls);
  }
}

/** Site numbers given so far, the fixed ones included: the next site's number. */
export function siteCount(): u32 {
  return count;
}

/** Registrations refused because the table was full. */
export function refusals(): u64 {
  return refused;
}

/**
 * Gives a key its number. The location's text (for OpenSSL: the file's) is in the input region.
 * @param length bytes of the text; INPUT_SIZE at most
 * @returns the site's number; that of (other) where the table is full
 */
export function register(place: u64, detail: u32, length: u32): u32 {
  const known = find(place, detail);
  if (known) return known;
  const cls = classOf(detail);
  if (count == slots || cls >= CLASS_COUNT || length > INPUT_SIZE) {
    ++refused;
    return SITE_OTHER + (cls < CLASS_COUNT ? cls : CLASS_IOBUFFER);
  }
  const site = count++;
  insert(site, place, detail);
  write(site, cls, detail & DETAIL_LINE_MASK, length);
  return site;
}

/** As register(), for an IOBuffer name whose place is not known: another accountant's row. */
export function registerName(length: u32): u32 {
  if (length > INPUT_SIZE) length = INPUT_SIZE;
  if (count == slots) {
    // The name is built in the slot of a fixed site that has none, only to be looked for.
    const spare = SITE_FIRST - 1;
    writer.begin(textOf(spare), textOf(spare) + IOBUFFER_NAME_MAX);
    writer.foreign(input, length);
    store<u16>(nameAt(spare), <u16>(writer.position() - textOf(spare)), LENGTH);
    const same = findName(spare);
    if (same) return same;
    ++refused;
    return SITE_OTHER + CLASS_IOBUFFER;
  }
  write(count, CLASS_IOBUFFER, 0, length);
  const row = rowOf(count);
  return row == count ? count++ : row;
}

export function nameAt(site: u32): usize {
  return names + <usize>site * NAME_SIZE;
}

export function textOf(site: u32): usize {
  return nameAt(site) + TEXT;
}

export function lengthOf(site: u32): u32 {
  return load<u16>(nameAt(site), LENGTH);
}

export function classOfName(site: u32): u32 {
  return load<u16>(nameAt(site), CLASS);
}

export function rowOf(site: u32): u32 {
  return load<u16>(nameAt(site), ROW);
}

function prefix(cls: u32): void {
  writer.ascii(cls == CLASS_OPENSSL ? "memory/OpenSSL/" : "memory/IOBuffer/");
}

function write(site: u32, cls: u32, line: u32, length: u32): void {
  const from = textOf(site);
  if (cls == CLASS_OPENSSL) {
    writer.begin(from, from + NAME_MAX);
    prefix(cls);
    file(length, line);
  } else {
    // The location is the whole name: the server's own literals begin with memory/IOBuffer/ already.
    writer.begin(from, from + IOBUFFER_NAME_MAX);
    writer.foreign(input, length);
  }
  finish(site, cls);
}

/** file:line, without the ../ that a build in a folder of its own leaves in front; a long path keeps its end. */
function file(length: u32, line: u32): void {
  let at: u32 = 0;
  for (;;) {
    if (at + 3 <= length && is(at, 0x2e) && is(at + 1, 0x2e) && is(at + 2, 0x2f)) at += 3;
    else if (at + 2 <= length && is(at, 0x2e) && is(at + 1, 0x2f)) at += 2;
    else break;
  }
  const room: u32 = NAME_MAX - 40; // the prefix, dots, a colon and a line of 9 digits
  if (at == length) writer.ascii("(no file)");
  else if (length - at > room) {
    writer.ascii("...");
    at = length - room;
  }
  writer.foreign(input + at, length - at);
  writer.byte(0x3a);
  writer.unsigned(line);
}

function is(at: u32, value: u32): bool {
  return <u32>load<u8>(input + at) == value;
}

function finish(site: u32, cls: u32): void {
  store<u16>(nameAt(site), <u16>(writer.position() - textOf(site)), LENGTH);
  store<u16>(nameAt(site), <u16>cls, CLASS);
  const same = findName(site);
  store<u16>(nameAt(site), <u16>(same ? same : site), ROW);
  if (!same && site >= SITE_FIRST) insertName(site);
}

function hashName(site: u32): usize {
  let hash = FNV_BASIS;
  const from = textOf(site);
  for (let i: usize = 0, n = <usize>lengthOf(site); i < n; ++i) hash = (hash ^ load<u8>(from + i)) * FNV_PRIME;
  return hash >>> (32 - indexBits);
}

/** @returns the first site of the same class with the name that stands in `site`'s slot, or 0 */
function findName(site: u32): u32 {
  let at = hashName(site);
  let other = <u32>load<u16>(nameIndex + (at << 1));
  while (other && !sameName(other, site)) {
    at = (at + 1) & indexMask;
    other = load<u16>(nameIndex + (at << 1));
  }
  return other;
}

function insertName(site: u32): void {
  let at = hashName(site);
  while (load<u16>(nameIndex + (at << 1))) at = (at + 1) & indexMask;
  store<u16>(nameIndex + (at << 1), <u16>site);
}

function sameName(a: u32, b: u32): bool {
  if (classOfName(a) != classOfName(b) || lengthOf(a) != lengthOf(b)) return false;
  return memory.compare(textOf(a), textOf(b), lengthOf(a)) == 0;
}
