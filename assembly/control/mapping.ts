// SPDX-License-Identifier: Apache-2.0
//
// Lines of /proc/self/maps and /proc/self/smaps: which memory of the process can hold a reference. The host reads the files.
//
//   7f1c8a000000-7f1c8a021000 rw-p 00000000 00:00 0     [heap]
//   VmFlags: rd wr mr mw me dd ac
//
// Memory that holds no variable of a running program: code and files that nothing has been written to are private, too, but cost little to
// read. What is shared with a device is left out. What is shared with a file that it can write to holds pointers of this process rarely: a
// thorough pass reads it. Anonymous shared memory has a file's name as well.

import { LINE_OTHER, LINE_READ, LINE_SHARED, LINE_SKIPPED, LINE_UNDUMPED } from "../abi";
import * as answer from "../base/answer";
import { input } from "../base/memory";
import * as reader from "../base/reader";

const DASH: u32 = 0x2d;
const READABLE: u32 = 0x72; // r
const WRITABLE: u32 = 0x77; // w
const EXECUTABLE: u32 = 0x78; // x
const PRIVATE: u32 = 0x70; // p
const PERMISSIONS: usize = 4;

let start: u64 = 0;
let end: u64 = 0;
let name: usize = 0;
let nameEnd: usize = 0;

/**
 * Reads the line in the input region.
 * @returns LINE_READ, LINE_SHARED or LINE_SKIPPED for a mapping, which all passes, thorough passes, or none are to read; LINE_UNDUMPED if the
 * mapping of the last such line is not in core dumps; LINE_OTHER for all others
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
  return wantedBy(permissions);
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

function wantedBy(permissions: usize): u32 {
  if (<u32>load<u8>(permissions) != READABLE) return LINE_SKIPPED;
  if (nameBegins("[v")) return LINE_SKIPPED; // [vdso], [vvar], [vsyscall]: the kernel's
  if (<u32>load<u8>(permissions, 3) != PRIVATE) return wantedOfShared(<u32>load<u8>(permissions, 1) == WRITABLE);
  const isCode = nameBegins("/") && <u32>load<u8>(permissions, 2) == EXECUTABLE;
  return isCode || isDevice() ? LINE_SKIPPED : LINE_READ;
}

function wantedOfShared(isWritable: bool): u32 {
  if (isAnonymousShared()) return LINE_READ;
  const isRing = nameBegins("/[aio]"); // the kernel's, with what was given to it long ago
  return isWritable && nameBegins("/") && !isRing && !isDevice() ? LINE_SHARED : LINE_SKIPPED;
}

/** Whether a read may do something. Not /dev/zero, of which a mapping is anonymous memory. */
function isDevice(): bool {
  if (nameBegins("/sys/") || nameBegins("/proc/")) return true; // registers of PCI devices
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
