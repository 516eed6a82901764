// SPDX-License-Identifier: Apache-2.0
//
// The names of sites, by number. A name, in bytes:
//
//    0      2     3    4      6      8             16                         192
//    ┌──────┬─────┬────┬──────┬──────┬─────────────┬──────────────────────────┐
//    │length│class│kind│owner │flags │ hash        │ text, ASCII or UTF-8     │
//    └──────┴─────┴────┴──────┴──────┴─────────────┴──────────────────────────┘
//
// A plugin's site is known by an address at first, and may get a better text later, when its debug information has been read. The
// hash stays that of the first text: by it another accountant's rows are found (registry.ts). The registry keeps this table; a model
// has a copy of it.

import {
  CLASS_IOBUFFER,
  CLASS_OBJECT,
  CLASS_OPENSSL,
  DETAIL_LINE_MASK,
  KIND_COUNT,
  KIND_OTHER,
  NAME_LENGTH,
  NAME_MAX,
  NAME_SIZE,
  NAME_TEXT,
  NAME_VIA,
  OWNER_CORE,
} from "../abi";
import { input, names } from "../base/memory";
import * as writer from "../base/writer";
import { classOf } from "../shard/site";
import { ownerLength, ownerText } from "./owner";

const LENGTH: usize = NAME_LENGTH;
const CLASS: usize = 2;
const KIND: usize = 3;
const OWNER: usize = 4;
const FLAGS: usize = 6;
const HASH: usize = 8;
const TEXT: usize = NAME_TEXT;

/** The built-in tracker cuts a location at 127 bytes. IOBuffer names are cut there too, so that both give one name to one site. */
export const IOBUFFER_NAME_MAX: u32 = 127;

/** A flag of our own beside NAME_...: the site's key may come again when its owner has gone. */
export const LASTING: u32 = 0x8000;

const PLUGIN: string = "memory/plugin/";
/** Bytes of " [via ]" and of "...". */
const VIA: u32 = 7;
const DOTS: u32 = 3;

// FNV-1a, 64 bits. http://www.isthe.com/chongo/tech/comp/fnv/
const FNV_BASIS: u64 = 0xcbf29ce484222325;
const FNV_PRIME: u64 = 0x00000100000001b3;

/**
 * Names a site. The location's text is in the input region: of OpenSSL's the file, of a plugin's call what comes after
 * memory/plugin/, of an IOBuffer everything.
 * @param owner its slot
 * @param flags NAME_...
 */
export function write(site: u32, detail: u64, length: u32, owner: u32, flags: u32): void {
  const cls = classOf(detail);
  const line = (<u32>detail) & DETAIL_LINE_MASK;
  const kind: u32 = cls != CLASS_OBJECT ? 0 : line < KIND_COUNT ? line : KIND_OTHER;
  begin(site, cls == CLASS_IOBUFFER ? IOBUFFER_NAME_MAX : NAME_MAX);
  if (cls == CLASS_OPENSSL) {
    writer.ascii("memory/OpenSSL/");
    file(length, line, owner != OWNER_CORE ? ownerLength(owner) : 0);
    if (owner != OWNER_CORE) flags |= NAME_VIA;
  } else if (cls == CLASS_IOBUFFER) {
    if (!length) writer.ascii("(no location)"); // without a name a number would be a free one
    writer.foreign(input, length);
  } else {
    call(length, owner, flags);
  }
  finish(site, cls, kind, owner, flags);
}

/** Gives a plugin's site a better text, which stands in the input region: what comes after memory/plugin/. */
export function rename(site: u32, length: u32): void {
  const hash = hashOf(site);
  begin(site, NAME_MAX);
  call(length, ownerOfSite(site), flagsOf(site));
  finish(site, classOfName(site), kindOf(site), ownerOfSite(site), flagsOf(site));
  store<u64>(nameAt(site), hash, HASH);
}

/** Names the row of what found no room: of a class, or of a class and an owner. It stays for ever. */
export function writeOther(site: u32, cls: u32, owner: u32): void {
  begin(site, NAME_MAX);
  writer.ascii(cls == CLASS_IOBUFFER ? "memory/IOBuffer/" : cls == CLASS_OPENSSL ? "memory/OpenSSL/" : PLUGIN);
  if (owner != OWNER_CORE && cls != CLASS_OPENSSL) {
    writer.copy(ownerText(owner), ownerLength(owner));
    writer.byte(0x20);
  }
  writer.ascii("(other)");
  const flags = owner != OWNER_CORE && cls == CLASS_OPENSSL ? NAME_VIA | LASTING : LASTING;
  finish(site, cls, cls == CLASS_OBJECT ? KIND_OTHER : 0, owner, flags);
}

export function clear(site: u32): void {
  memory.fill(nameAt(site), 0, NAME_SIZE);
}

/** The hash of a name that is given as text. */
export function hashText(from: usize, length: usize): u64 {
  let hash = FNV_BASIS;
  for (let i: usize = 0; i < length; ++i) hash = (hash ^ load<u8>(from + i)) * FNV_PRIME;
  return hash;
}

export function textOf(site: u32): usize {
  return nameAt(site) + TEXT;
}

export function lengthOf(site: u32): u32 {
  return load<u16>(nameAt(site), LENGTH);
}

export function classOfName(site: u32): u32 {
  return load<u8>(nameAt(site), CLASS);
}

export function kindOf(site: u32): u32 {
  return load<u8>(nameAt(site), KIND);
}

export function ownerOfSite(site: u32): u32 {
  return load<u16>(nameAt(site), OWNER);
}

export function flagsOf(site: u32): u32 {
  return load<u16>(nameAt(site), FLAGS);
}

export function hashOf(site: u32): u64 {
  return load<u64>(nameAt(site), HASH);
}

/** Whether the site's number is never given again (reclaim.ts). */
export function isLasting(site: u32): bool {
  return (flagsOf(site) & LASTING) != 0;
}

/** What tells rows apart beside their text: length, class, kind, owner, flags. */
export function identityOf(site: u32): u64 {
  return load<u64>(nameAt(site)) & ~((<u64>LASTING) << (FLAGS * 8));
}

/** Whether two sites are of one row: they look the same to the reader of a table. */
export function sameName(a: u32, b: u32): bool {
  if (identityOf(a) != identityOf(b)) return false;
  return memory.compare(textOf(a), textOf(b), lengthOf(a)) == 0;
}

/** A total order of names: by text, then by what else tells rows apart. */
export function compareNames(a: u32, b: u32): i32 {
  const la = lengthOf(a);
  const lb = lengthOf(b);
  const order = memory.compare(textOf(a), textOf(b), la < lb ? la : lb);
  if (order) return order;
  return la != lb ? (la < lb ? -1 : 1) : a < b ? -1 : a > b ? 1 : 0;
}

export function nameAt(site: u32): usize {
  return names + <usize>site * NAME_SIZE;
}

function begin(site: u32, room: usize): void {
  writer.begin(textOf(site), textOf(site) + room);
}

function finish(site: u32, cls: u32, kind: u32, owner: u32, flags: u32): void {
  if (flags & NAME_VIA) {
    writer.ascii(" [via ");
    writer.copy(ownerText(owner), ownerLength(owner));
    writer.byte(0x5d);
  }
  const at = nameAt(site);
  const length = writer.position() - textOf(site);
  store<u16>(at, <u16>length, LENGTH);
  store<u8>(at, <u8>cls, CLASS);
  store<u8>(at, <u8>kind, KIND);
  store<u16>(at, <u16>owner, OWNER);
  store<u16>(at, <u16>flags, FLAGS);
  store<u64>(at, hashText(textOf(site), length), HASH);
}

/** A plugin's call. A long text keeps its beginning and its end: there the module and the line are. */
function call(length: u32, owner: u32, flags: u32): void {
  writer.ascii(PLUGIN);
  const room = NAME_MAX - <u32>PLUGIN.length - (flags & NAME_VIA ? VIA + ownerLength(owner) : 0);
  if (length <= room) return writer.foreign(input, length);
  const head = (room - DOTS) / 2;
  const tail = room - DOTS - head;
  writer.foreign(input, head);
  writer.ascii("...");
  writer.foreign(input + length - tail, tail);
}

/** file:line, without the ../ that a build in a folder of its own leaves in front; a long path keeps its end. */
function file(length: u32, line: u32, owner: u32): void {
  let at: u32 = 0;
  for (;;) {
    if (at + 3 <= length && is(at, 0x2e) && is(at + 1, 0x2e) && is(at + 2, 0x2f)) at += 3;
    else if (at + 2 <= length && is(at, 0x2e) && is(at + 1, 0x2f)) at += 2;
    else break;
  }
  const taken: u32 = 40 + (owner ? owner + VIA : 0); // the prefix, dots, a colon, a line of 9 digits, [via owner]
  const room: u32 = taken + 20 < NAME_MAX ? NAME_MAX - taken : 20;
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
