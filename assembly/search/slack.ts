// SPDX-License-Identifier: Apache-2.0
//
// The slack of a block: what lies between the part that its user asked for and its tag. Nobody writes there, so a word in it is what an
// earlier block has left: it refers to nothing. It begins at most LONGEST bytes before its tag, but for allocators that round more.
//
// A program that asks how much room a block has (malloc_usable_size) may use its slack. Where blocks are released past the hooks, a tag may stand
// in memory that somebody else uses. The host says so for each pass: then nothing is said of any.

import { TAG_SIZE, TAG_SLACK_LONG, TAG_SLACK_SHIFT } from "../abi";
import { startWithKey } from "./searched";
import { canBeTag, slackOf } from "./tag";

const WORD: u32 = sizeof<u64>();
const LONGEST: u32 = 512;

let used: bool = false;
/** End of the memory in the window. */
let windowEnd: u32 = 0;

export function useSlack(isSo: bool): void {
  used = isSo;
}

/** The window holds memory to this place; what is behind it nobody knows. */
export function endSlack(place: u32): void {
  windowEnd = place;
}

/** Whether a word at an address, and at a place in the window, is not in the part of a block that its user asked for, but behind it. */
export function isInSlack(address: u64, place: u32): bool {
  if (!used) return false;
  const first = place + WORD - ((<u32>address) & (WORD - 1));
  const at = first - place;
  for (let offset: u32 = 0; offset < LONGEST && first + offset + WORD <= windowEnd; offset += WORD) {
    const tag = load<u64>(first + offset);
    if (!canBeTag(tag)) continue;
    const before: u64 = offset ? load<u64>(first + offset - WORD) : 0;
    const isLong = ((tag >> TAG_SLACK_SHIFT) & TAG_SLACK_LONG) == TAG_SLACK_LONG;
    if (!isLong && offset > WORD) return false;
    const end = address + at + offset + TAG_SIZE;
    const slack = slackOf(tag, before);
    if (end - slack >= address + WORD || slack > LONGEST + TAG_SIZE) continue;
    const start = startWithKey(end - TAG_SIZE, tag, before);
    if (start) return start <= address;
  }
  return false;
}
