// SPDX-License-Identifier: Apache-2.0
//
// Names of the sites, by number. The bytes of a name:
//
//    0      2     3    4      6      8             16                         192
//    ┌──────┬─────┬────┬──────┬──────┬─────────────┬──────────────────────────┐
//    │length│class│kind│owner │flags │ hash        │ text, ASCII or UTF-8     │
//    └──────┴─────┴────┴──────┴──────┴─────────────┴──────────────────────────┘
//
// A plugin's site is first named by an address. When debug information has been read, it may get a better text. The hash remains
// the hash of the first text: the registry uses it to find rows of another accountant (registry.ts). The registry keeps this table;
// a model has a copy.

import {
  ATTRIBUTES_LINE_MASK,
  CLASS_FREELIST,
  CLASS_IOBUFFER,
  CLASS_OBJECT,
  CLASS_OPENSSL,
  KIND_COUNT,
  KIND_OTHER,
  NAME_LENGTH,
  NAME_MAX,
  NAME_SIZE,
  NAME_TEXT,
  NAME_VIA,
  OWNER_CORE,
} from "../abi";
import { CLOSING_BRACKET, COLON, DOT, SLASH, SPACE } from "../base/chars";
import { hashText } from "../base/hash";
import { input, names } from "../base/memory";
import * as reader from "../base/reader";
import { recordAt } from "../base/regions";
import { OwnerSlot, Site } from "../base/types";
import * as writer from "../base/writer";
import { CLASS_PREFIXES, CORE_PREFIX, PLUGIN_PREFIX } from "../format";
import { classOf } from "../shard/site";
import { ownerLength, ownerText } from "./owner";


@unmanaged
class NameRecord {
  length: u16;
  cls: u8;
  kind: u8;
  owner: u16;
  flags: u16;
  hash: u64;
}

/** In a free entry, the hash field holds the next free number. */
@unmanaged
export class FreeName {
  zero: u64;
  next: Site;
}

if (offsetof<NameRecord>("length") != NAME_LENGTH || offsetof<NameRecord>() != NAME_TEXT) ERROR("not where abi.ts tells");
if (NAME_TEXT + NAME_MAX != NAME_SIZE) ERROR("not the sizes that abi.ts tells");

/** The built-in tracker cuts a location at 127 bytes. IOBuffer names are cut there too, so that both give a site the same name. */
export const IOBUFFER_NAME_MAX: u32 = 127;

/** Internal flag beside NAME_...: the site's key may occur again after its owner is gone. */
export const PINNED: u32 = 0x8000;
const FLAGS_AT: u64 = offsetof<NameRecord>("flags");
/** PINNED in the first word of a name. */
const PINNED_BIT: u64 = (<u64>PINNED) << (FLAGS_AT * 8);

/** Lengths of " [via ]" and of "...". */
const VIA: u32 = 7;
const DOTS: u32 = 3;

/**
 * Names a site. The input region holds the location's text: for OpenSSL the file, for a call the part after memory/plugin/ or
 * memory/core/, for a freelist its name, for an IOBuffer the full name.
 * @param owner slot of the owner
 * @param flags NAME_...
 */
export function write(site: Site, attributes: u64, length: u32, owner: OwnerSlot, flags: u32): void {
  const cls = classOf(attributes);
  const line = (<u32>attributes) & ATTRIBUTES_LINE_MASK;
  const kind: u32 = cls != CLASS_OBJECT ? 0 : line < KIND_COUNT ? line : KIND_OTHER;
  begin(site, cls == CLASS_IOBUFFER ? IOBUFFER_NAME_MAX : NAME_MAX);
  if (cls == CLASS_OPENSSL) {
    writer.ascii(unchecked(CLASS_PREFIXES[cls]));
    file(length, line, owner != OWNER_CORE ? ownerLength(owner) : 0);
    if (owner != OWNER_CORE) flags |= NAME_VIA;
  } else if (cls == CLASS_IOBUFFER) {
    if (!length) writer.ascii("(no location)"); // an empty name would mark the number as free
    writer.writeSanitized(input, length);
  } else if (cls == CLASS_FREELIST) {
    writer.ascii(unchecked(CLASS_PREFIXES[cls]));
    writer.writeSanitized(input, length);
  } else {
    call(length, owner, flags);
  }
  finish(site, cls, kind, owner, flags);
}

/** Replaces the text of a plugin's site by the text in the input region: the part after memory/plugin/. */
export function rename(site: Site, length: u32): void {
  const hash = hashOf(site);
  begin(site, NAME_MAX);
  call(length, ownerOfSite(site), flagsOf(site));
  finish(site, classOfName(site), kindOf(site), ownerOfSite(site), flagsOf(site));
  nameAt(site).hash = hash;
}

/** Names a row (other) of a class, or of a class and an owner. The row is permanent. */
export function writeOther(site: Site, cls: u32, owner: OwnerSlot): void {
  begin(site, NAME_MAX);
  writer.ascii(unchecked(CLASS_PREFIXES[cls]));
  if (owner != OWNER_CORE && cls != CLASS_OPENSSL) {
    writer.copy(ownerText(owner), ownerLength(owner));
    writer.byte(SPACE);
  }
  writer.ascii("(other)");
  const flags = owner != OWNER_CORE && cls == CLASS_OPENSSL ? NAME_VIA | PINNED : PINNED;
  finish(site, cls, cls == CLASS_OBJECT ? KIND_OTHER : 0, owner, flags);
}

export function clear(site: Site): void {
  memory.fill(changetype<usize>(nameAt(site)), 0, NAME_SIZE);
}

export function textOf(site: Site): usize {
  return changetype<usize>(nameAt(site)) + NAME_TEXT;
}

export function lengthOf(site: Site): u32 {
  return nameAt(site).length;
}

/**
 * Writes a name as dumps show it: without the folders of the machine that the server was built on. A build from another folder gives
 * absolute paths, or paths that begin with ../, of which the last two parts are shown. Rows are told apart by their whole names, so
 * two rows can look alike.
 */
export function show(site: Site): void {
  const path = pathOffset(site);
  const hidden = path ? hiddenPart(textOf(site) + path, lengthOf(site) - path) : 0;
  writer.copy(textOf(site), path);
  writer.copy(textOf(site) + path + hidden, lengthOf(site) - path - hidden);
}

export function classOfName(site: Site): u32 {
  return nameAt(site).cls;
}

export function kindOf(site: Site): u32 {
  return nameAt(site).kind;
}

export function ownerOfSite(site: Site): OwnerSlot {
  return nameAt(site).owner;
}

export function flagsOf(site: Site): u32 {
  return nameAt(site).flags;
}

export function hashOf(site: Site): u64 {
  return nameAt(site).hash;
}

/** Whether the site's number is never reassigned (reclaim.ts). */
export function isPinned(site: Site): bool {
  return (flagsOf(site) & PINNED) != 0;
}

/** Properties that distinguish rows besides their text: length, class, kind, owner, flags. */
export function identityOf(site: Site): u64 {
  return load<u64>(changetype<usize>(nameAt(site))) & ~PINNED_BIT;
}

/** Whether two sites belong to one row: a table shows them alike. */
export function sameName(a: Site, b: Site): bool {
  if (identityOf(a) != identityOf(b)) return false;
  return memory.compare(textOf(a), textOf(b), lengthOf(a)) == 0;
}

/** Total order of names: by text, then by the other properties that distinguish rows. */
export function compareNames(a: Site, b: Site): i32 {
  const la = lengthOf(a);
  const lb = lengthOf(b);
  const order = memory.compare(textOf(a), textOf(b), la < lb ? la : lb);
  if (order) return order;
  return la != lb ? (la < lb ? -1 : 1) : a < b ? -1 : a > b ? 1 : 0;
}

export function freeNameAt(site: Site): FreeName {
  return recordAt<FreeName>(names, site, NAME_SIZE);
}

/** Offset of the path in a name of a line of the server or of OpenSSL; 0 in other names. */
function pathOffset(site: Site): u32 {
  const cls = classOfName(site);
  if (cls != CLASS_IOBUFFER && cls != CLASS_OPENSSL) return 0;
  const prefix = unchecked(CLASS_PREFIXES[cls]);
  return reader.begins(textOf(site), lengthOf(site), prefix) ? <u32>prefix.length : 0;
}

/** Bytes of a path before what is shown of it. */
function hiddenPart(path: usize, length: u32): u32 {
  const root: u32 = reader.begins(path, length, "/") ? 1 : reader.begins(path, length, "../") ? 3 : 0;
  if (!root) return 0;
  let parts: u32 = 0;
  let at = length;
  while (at > root && (load<u8>(path + at - 1) != SLASH || ++parts < 2)) --at;
  return at;
}

function nameAt(site: Site): NameRecord {
  return recordAt<NameRecord>(names, site, NAME_SIZE);
}

function begin(site: Site, room: usize): void {
  writer.begin(textOf(site), textOf(site) + room);
}

function finish(site: Site, cls: u32, kind: u32, owner: OwnerSlot, flags: u32): void {
  if (flags & NAME_VIA) {
    writer.ascii(" [via ");
    writer.copy(ownerText(owner), ownerLength(owner));
    writer.byte(CLOSING_BRACKET);
  }
  const at = nameAt(site);
  const length = writer.position() - textOf(site);
  at.length = <u16>length;
  at.cls = <u8>cls;
  at.kind = <u8>kind;
  at.owner = <u16>owner;
  at.flags = <u16>flags;
  at.hash = hashText(textOf(site), length);
}

/** Text of a call of a plugin or of the server. A long text keeps its beginning and its end, which hold the module and the line. */
function call(length: u32, owner: OwnerSlot, flags: u32): void {
  const prefix = owner == OWNER_CORE ? CORE_PREFIX : PLUGIN_PREFIX;
  writer.ascii(prefix);
  const room = NAME_MAX - <u32>prefix.length - (flags & NAME_VIA ? VIA + ownerLength(owner) : 0);
  if (length <= room) return writer.writeSanitized(input, length);
  const head = (room - DOTS) / 2;
  const tail = room - DOTS - head;
  writer.writeSanitized(input, head);
  writer.ascii("...");
  writer.writeSanitized(input + length - tail, tail);
}

/** file:line, without the leading ../ of out-of-tree builds. A long path keeps its end. */
function file(length: u32, line: u32, ownerBytes: u32): void {
  let at: u32 = 0;
  for (;;) {
    if (at + 3 <= length && is(at, DOT) && is(at + 1, DOT) && is(at + 2, SLASH)) at += 3;
    else if (at + 2 <= length && is(at, DOT) && is(at + 1, SLASH)) at += 2;
    else break;
  }
  const taken: u32 = 40 + (ownerBytes ? ownerBytes + VIA : 0); // the prefix, dots, a colon, a line of 9 digits, [via owner]
  const room: u32 = taken + 20 < NAME_MAX ? NAME_MAX - taken : 20;
  if (at == length) writer.ascii("(no file)");
  else if (length - at > room) {
    writer.ascii("...");
    at = length - room;
  }
  writer.writeSanitized(input + at, length - at);
  writer.byte(COLON);
  writer.unsigned(line);
}

function is(at: u32, value: u32): bool {
  return <u32>load<u8>(input + at) == value;
}
