// SPDX-License-Identifier: Apache-2.0
//
// The answer of a control instance: a number, and a text in the output region, sometimes a line for the host to log. To ask, the
// host writes a text into the input region and calls one function. That function returns the length of the answer's text, or 0 for
// no text.

import { LINE_NOTE, QUESTION_MAX } from "../abi";
import { output, outputEnd } from "./memory";
import * as writer from "./writer";

let number: i64 = 0;
let severity: u32 = LINE_NOTE;

/** Begins the answer's text. `grave` is LINE_... */
export function begin(grave: u32 = LINE_NOTE): void {
  severity = grave;
  writer.begin(output, outputEnd);
}

/** Ends the answer's text and sets its number. Returns the text's length. */
export function end(value: i64 = 0): u32 {
  number = value;
  return <u32>(writer.position() - output);
}

/** Answers with a number and no text. */
export function say(value: i64): u32 {
  number = value;
  return 0;
}

/** Limits a length given by the host to the size of the input region. */
export function bounded(length: u64): u32 {
  return length < QUESTION_MAX ? <u32>length : QUESTION_MAX;
}

export function answerNumber(): i64 {
  return number;
}

/** LINE_... */
export function answerSeverity(): u32 {
  return severity;
}
