// SPDX-License-Identifier: Apache-2.0
//
// Lines of /proc/self/maps and /proc/self/smaps: which memory of the process can hold a reference. The host reads the files.
//
//   7f1c8a000000-7f1c8a021000 rw-p 00000000 00:00 0     [heap]
//   VmFlags: rd wr mr mw me dd ac
//
// Memory that holds no variable of a running program: code and files that nothing has been written to are private, too, but cost little to
// read. What is shared with a file or a device is left out. Anonymous shared memory has a file's name as well.

import { LINE_OTHER, LINE_READ, LINE_SKIPPED, LINE_UNDUMPED } from "../abi";
import * as answer from "../base/answer";
import { input } from "../base/memory";
import * as reader from "../base/reader";

const DASH: u32 = 0x2d;
const READABLE: u32 = 0x72; // r
const EXECUTABLE: u32 = 0x78; // x
const PRIVATE: u32 = 0x70; // p
const PERMISSIONS: usize = 4;

let start: u64 = 0;
let end: u64 = 0;
let name: usize = 0;
let nameEnd: usize = 0;

/**
 * Reads the line in the input region.
 * @returns LINE_READ or LINE_SKIPPED for a mapping, which is to be read or not; LINE_UNDUMPED if the mapping of the last such line is not
 * in core dumps; LINE_OTHER for all others
 */
export function readMapping(length: u64): u32 {
  reader.open(input, answer.bounded(length));
  reader.endAt(0x0a);
  if (reader.takeText("VmFlags:")) return hasFlag("dd") ? LINE_UNDUMPED : LINE_OTHER;
  if (!reader.isHexadecimal(reader.peek())) return LINE_OTHER;
  const from = reader.takeHexadecimal();
  if (!reader.take(DASH)) return LINE_OTHER;
  const to = reader.takeHexadecimal();
  const permissions = reader.takeWord();
  if (reader.position() - permissions != PERMISSIONS) return LINE_OTHER;
  start = from;
  end = to;
  for (let word = 0; word < 3; ++word) reader.takeWord(); // offset, device, inode
  reader.skipBlanks();
  name = reader.position();
  nameEnd = name + reader.left();
  return holdsVariables(permissions) ? LINE_READ : LINE_SKIPPED;
}

/** Of the last mapping's line. */
export function mappingStart(): u64 {
  return start;
}
export function mappingEnd(): u64 {
  return end;
}
/** Position of its name in the line: a path, "[stack]", or none. */
export function mappingName(): u32 {
  return <u32>(name - input);
}

function holdsVariables(permissions: usize): bool {
  if (<u32>load<u8>(permissions) != READABLE) return false;
  if (<u32>load<u8>(permissions, 3) != PRIVATE) return isAnonymousShared();
  if (nameBegins("[v")) return false; // [vdso], [vvar], [vsyscall]: the kernel's
  const isFile = nameBegins("/");
  return !(isFile && (<u32>load<u8>(permissions, 2) == EXECUTABLE || isDevice()));
}

/** Not /dev/zero, of which a mapping is anonymous memory. */
function isDevice(): bool {
  return nameBegins("/dev/") && !nameBegins("/dev/zero") && !nameBegins("/dev/shm/");
}

function isAnonymousShared(): bool {
  return nameBegins("/dev/zero") || nameBegins("/memfd:") || nameBegins("/SYSV");
}

function nameBegins(text: string): bool {
  return reader.begins(name, nameEnd - name, text);
}

function hasFlag(flag: string): bool {
  for (let word = reader.takeWord(); reader.position() > word; word = reader.takeWord())
    if (reader.same(word, reader.position() - word, flag)) return true;
  return false;
}
