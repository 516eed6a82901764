// SPDX-License-Identifier: Apache-2.0
//
// Writes the place of a call for a site's name: the function, then the line or the distance from the function's start. If both do
// not fit, the end of the function's name is cut.

import { ANSWER_MAX, QUESTION_MAX } from "../abi";
import * as answer from "../base/answer";
import { input, output } from "../base/memory";
import * as writer from "../base/writer";

/** Most bytes of a text. The part after the name is first written to the other half of the answer. */
const TEXT_MAX: u32 = ANSWER_MAX / 2;
/** Most bytes kept of a file's name. */
const FILE_MAX: usize = 255;
const DOTS: u32 = 3;

/**
 * "handler (foo.cc:123)", or "?? (foo.cc:123)" without a name. The input region holds the function's name and the file's path.
 * @param most bytes of the text
 */
export function writeLine(nameLength: u64, pathLength: u64, line: i32, most: u32): u32 {
  let name = answer.bounded(nameLength);
  const end = input + name + <usize>min<u64>(pathLength, QUESTION_MAX - name);
  let file = end;
  while (file > input + name && load<u8>(file - 1) != 0x2f) --file;
  const tail = beginTail();
  writer.ascii(" (");
  for (let i: usize = 0; i < FILE_MAX && file + i < end; ++i) {
    const c = <u32>load<u8>(file + i);
    writer.byte(c >= 0x20 && c <= 0x7e ? c : 0x3f);
  }
  writer.byte(0x3a);
  writer.signed(line);
  writer.byte(0x29);
  const length = <u32>(writer.position() - tail);
  if (!name) {
    name = 2;
    memory.fill(input, 0x3f, name);
  }
  return join(name, tail, length, most);
}

/** "handler+0x1a". The input region holds the function's name. */
export function writeDistance(nameLength: u64, distance: u64, most: u32): u32 {
  const tail = beginTail();
  writer.ascii("+0x");
  writer.hexadecimal(distance);
  return join(answer.bounded(nameLength), tail, <u32>(writer.position() - tail), most);
}

/** "handler". The input region holds the function's name. */
export function writeFunction(nameLength: u64, most: u32): u32 {
  return join(answer.bounded(nameLength), beginTail(), 0, most);
}

function beginTail(): usize {
  const tail = output + TEXT_MAX;
  writer.begin(tail, tail + TEXT_MAX);
  return tail;
}

function join(nameLength: u32, tail: usize, tailLength: u32, most: u32): u32 {
  if (most > TEXT_MAX) most = TEXT_MAX;
  const room = most > tailLength ? most - tailLength : 0;
  answer.begin();
  writer.begin(output, output + most);
  if (nameLength > room && room > DOTS) {
    writer.copy(input, room - DOTS);
    writer.ascii("...");
  } else {
    writer.copy(input, min(nameLength, room));
  }
  writer.copy(tail, tailLength);
  return answer.end();
}
