// SPDX-License-Identifier: Apache-2.0
//
// Checks the patterns of the record `accept`, and writes the log line about them. The host calls when the record has changed. What a
// pattern matches, the model knows (analysis/accepted.ts).

import { ARGUMENT_MAX, INPUT_SIZE, LINE_NOTE, LINE_WARNING, SETTING_ACCEPT } from "../abi";
import * as answer from "../base/answer";
import { COMMA } from "../base/chars";
import { counted } from "../base/humanize";
import { input } from "../base/memory";
import { Fault, faultOf, from, length, matches, next, open } from "../base/patterns";
import * as reader from "../base/reader";
import { ascii, copy, unsigned, writeSanitized } from "../base/writer";
import { name, select } from "./records";

/** Most bytes of the record's value that a line shows. */
const VALUE_SHOWN: u32 = 150;

/** Whether there were patterns at the last call. */
let isSet: bool = false;

export function acceptReset(): void {
  isSet = false;
}

/**
 * Judges the record's value, in the input region. The answer's number is the length that is used: 0 for none. Its text is a line, which
 * names the first bad pattern.
 */
export function acceptNotice(size: u32): u32 {
  // In records.config NULL means no text. traffic_ctl accepts no empty value, and passes NULL on as a word.
  const used: u32 = reader.same(input, size, "NULL") ? 0 : size < INPUT_SIZE ? size : wholePatterns();
  let good: u32 = 0;
  let bad: u32 = 0;
  let first: u32 = 0;
  let fault = Fault.NONE;
  open(input, used);
  for (let number: u32 = 1; next(); ++number) {
    const found = faultOf(from, length);
    if (found == Fault.NONE) ++good;
    else if (!bad++) {
      first = number;
      fault = found;
    }
  }
  if (used < size && size >= INPUT_SIZE && !bad++) {
    first = good + 1;
    fault = Fault.CUT;
  }
  if (!good && !bad && !isSet) return answer.say(used);
  isSet = good != 0;
  select(SETTING_ACCEPT);
  answer.begin(bad ? LINE_WARNING : LINE_NOTE);
  ascii(name);
  if (bad) {
    ascii(' is "');
    writeSanitized(input, min(used, VALUE_SHOWN));
    ascii('": pattern ');
    unsigned(first);
    ascii(" is not used: ");
    writeFault(fault);
    ascii("; ");
  } else ascii(": ");
  if (good) {
    ascii("growth of rows that match ");
    counted(good, " pattern");
    ascii(" is accepted");
  } else ascii("no growth is accepted");
  return answer.end(used);
}

/** The pattern with this number, from 0, of a list in the input region. The answer's number is 1, 0 if it is not used, -1 if there is none. */
export function acceptPattern(size: u32, number: u32): u32 {
  open(input, min(size, INPUT_SIZE));
  for (let i: u32 = 0; next(); ++i) {
    if (i < number) continue;
    answer.begin();
    copy(from, length);
    return answer.end(faultOf(from, length) == Fault.NONE ? 1 : 0);
  }
  return answer.say(-1);
}

/** Whether a name matches a pattern, which is before it in the input region. */
export function acceptMatches(pattern: u32, name: u32): bool {
  return matches(input + pattern, name, input, pattern);
}

/** The length of the patterns that fit into the input region in whole: a part of one would match more rows. */
function wholePatterns(): u32 {
  let end: u32 = INPUT_SIZE - 1;
  while (end && <u32>load<u8>(input + end) != COMMA) --end;
  return end;
}

/** What is wrong with a pattern, and what to write instead. */
export function writeFault(fault: Fault): void {
  if (fault == Fault.LONG) {
    ascii("it has more than ");
    unsigned(ARGUMENT_MAX);
    ascii(" bytes; a part of the row's name, as in the column Location, is enough");
  } else if (fault == Fault.CUT) {
    ascii("the patterns have more than ");
    unsigned(INPUT_SIZE - 1);
    ascii(" bytes; write fewer or shorter ones");
  } else if (fault == Fault.CONTROL) ascii("it contains a control character; write * in its place");
  else ascii("it matches every row; write a part of the row's name, as in the column Location, and * for a comma in it");
}
