// SPDX-License-Identifier: Apache-2.0
//
// A list of patterns, separated by commas, and the texts that match them. A text matches a pattern that it contains, byte for byte; a `*`
// stands for anything. Blanks around a pattern do not count. A pattern of nothing else matches no text.

import { ARGUMENT_MAX } from "../abi";
import { COMMA, isControl } from "./chars";
import * as reader from "./reader";

export const STAR: u32 = 0x2a;

/** What is wrong with a pattern. */
export enum Fault {
  NONE,
  EMPTY,
  LONG,
  CONTROL,
  /** Behind the room for patterns. */
  CUT,
}

/** The pattern that next() found. */
export let from: usize = 0;
export let length: usize = 0;
let at: usize = 0;
let end: usize = 0;

/** Begins with the first pattern of a list. An empty list has none. */
export function open(list: usize, size: usize): void {
  reader.open(list, size);
  reader.skipBlanks();
  reader.dropBlanksAtEnd();
  at = reader.position();
  end = at + reader.left();
  if (at == end) ++at;
}

/** Finds the next pattern. Returns false behind the last. */
export function next(): bool {
  if (at > end) return false;
  let stop = at;
  while (stop < end && <u32>load<u8>(stop) != COMMA) ++stop;
  reader.open(at, stop - at);
  reader.skipBlanks();
  reader.dropBlanksAtEnd();
  from = reader.position();
  length = reader.left();
  at = stop + 1;
  return true;
}

export function faultOf(pattern: usize, size: usize): Fault {
  if (size > ARGUMENT_MAX) return Fault.LONG;
  let isEmpty = true;
  for (let i: usize = 0; i < size; ++i) {
    const byte = <u32>load<u8>(pattern + i);
    if (isControl(byte)) return Fault.CONTROL;
    if (byte != STAR && byte != 0x20) isEmpty = false;
  }
  return isEmpty ? Fault.EMPTY : Fault.NONE;
}

/** Whether a text matches a pattern. What is between two stars is taken where it first occurs. */
export function matches(text: usize, size: usize, pattern: usize, patternSize: usize): bool {
  if (faultOf(pattern, patternSize) != Fault.NONE) return false;
  const stop = text + size;
  const last = pattern + patternSize;
  for (let part = pattern; part < last;) {
    let partEnd = part;
    while (partEnd < last && <u32>load<u8>(partEnd) != STAR) ++partEnd;
    const width = partEnd - part;
    while (text + width <= stop && memory.compare(text, part, width) != 0) ++text;
    if (text + width > stop) return false;
    text += width;
    part = partEnd + 1;
  }
  return true;
}

/** Whether a text matches a pattern of a list. */
export function matchesAny(text: usize, size: usize, list: usize, listSize: usize): bool {
  open(list, listSize);
  while (next()) if (matches(text, size, from, length)) return true;
  return false;
}
