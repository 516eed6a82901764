// SPDX-License-Identifier: Apache-2.0
//
// Reads memory data from texts of the system: /proc/self/status, control groups. The host reads the files; a value missing from a text
// is unknown.

import { MEASURE_RSS, MEASURE_RSS_FILES, MEASURE_SWAP, MEASURE_THREADS } from "../abi";
import * as answer from "../base/answer";
import { columnOf, NO_COLUMN, numberAt, toCell } from "../base/cells";
import { input } from "../base/memory";
import * as reader from "../base/reader";
import { ascii, copy } from "../base/writer";

const KIB: i64 = 1024;
const KIBIBYTES_MAX: u64 = <u64>i64.MAX_VALUE / 1024;
/** Version 1 of control groups expresses "no limit" as a number beyond all memory. */
const UNLIMITED: u64 = 1 << 60;
/** Objects of the server's freelists are smaller. */
const OBJECT_MAX: u64 = 1 << 24;
const SLASH: u32 = 0x2f;

/**
 * 1 if the text in the input region contains a measure; the answer's number is its value.
 * @param which MEASURE_RSS, _RSS_FILES, _SWAP or _THREADS, from /proc/self/status
 */
export function readMeasure(which: u32, length: u64): u32 {
  reader.open(input, answer.bounded(length));
  for (; reader.peek() != reader.END; reader.skipLine()) {
    const value = numberOfLine(which);
    if (value < 0) continue;
    answer.say(value);
    return 1;
  }
  return 0;
}

/**
 * Path of the file with a limit of the process's control group.
 * @param length of a line of /proc/self/cgroup in the input region
 * @param up 0 for the group itself, 1 for its parent, ...
 * @returns the length of the path below the root of all groups; 0 if the line has no limit, or if there are fewer groups
 */
export function limitPath(length: u64, up: u32): u32 {
  reader.open(input, answer.bounded(length));
  const isSecond = reader.takeText("0::");
  if (!isSecond && !reader.skipTo(":memory:")) return answer.say(0);
  reader.open(input, answer.bounded(length));
  reader.skipTo("/");
  reader.endAt(0x0a);
  const group = reader.position();
  let end = group + reader.left();
  if (group == end) return answer.say(0);
  for (; up; --up) {
    if (group == end) return answer.say(0);
    do --end;
    while (end > group && load<u8>(end) != <u8>SLASH);
  }
  answer.begin();
  if (!isSecond) ascii("/memory");
  copy(group, end - group);
  ascii(isSecond ? "/memory.max" : "/memory.limit_in_bytes");
  return answer.end();
}

/** The answer's number is the smaller of `limit` and the limit in the input region, the text of such a file; 0 is none. */
export function smallerLimit(length: u64, limit: u64): u32 {
  reader.open(input, answer.bounded(length));
  reader.skipBlanks();
  const found = reader.isDigit(reader.peek()) ? reader.takeUnsigned() : 0;
  return answer.say(found && found < UNLIMITED && (!limit || found < limit) ? found : limit);
}

/**
 * The answer's number is the size of an object of a freelist; 0 if the server's table does not tell it.
 * @param name length of the freelist's name, with which the input region begins; the table follows
 */
export function readObjectSize(name: u64, length: u64): u32 {
  const end = answer.bounded(length);
  let column = NO_COLUMN;
  let next: usize = 0;
  for (let line: usize = input + <usize>name; name < end && line < input + end; line = next) {
    reader.open(line, input + end - line);
    reader.skipLine();
    next = reader.position();
    const bytes = <u32>(next - line);
    if (column == NO_COLUMN) column = columnOf(line, bytes, "Type Size");
    else if (isOfList(line, bytes, <u32>name)) return answer.say(sizeIn(line, bytes, column));
  }
  return answer.say(0);
}

/** Whether a line is that of the freelist whose name the input region begins with: a cell is `memory/NAME`. */
function isOfList(line: usize, bytes: u32, name: u32): bool {
  for (let column: u32 = 1; toCell(line, bytes, column); ++column) {
    if (!reader.takeText("memory/")) continue;
    reader.dropBlanksAtEnd();
    return reader.left() == name && memory.compare(reader.position(), input, name) == 0;
  }
  return false;
}

function sizeIn(line: usize, bytes: u32, column: u32): i64 {
  const size = numberAt(line, bytes, column);
  return size > 0 && <u64>size <= OBJECT_MAX ? size : 0;
}

/** "VmRSS:     1234 kB", in bytes, or "Threads:  12"; -1 for another line. */
function numberOfLine(which: u32): i64 {
  if (!reader.takeText(wordOf(which))) return -1;
  reader.skipSpaces();
  if (!reader.isDigit(reader.peek())) return -1;
  return <i64>min<u64>(reader.takeUnsigned(), KIBIBYTES_MAX) * (which == MEASURE_THREADS ? 1 : KIB);
}

function wordOf(which: u32): string {
  switch (which) {
    case MEASURE_RSS:
      return "VmRSS:";
    case MEASURE_RSS_FILES:
      return "RssFile:";
    case MEASURE_SWAP:
      return "VmSwap:";
    default:
      return "Threads:";
  }
}
