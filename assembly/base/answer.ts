// SPDX-License-Identifier: Apache-2.0
//
// The answer to what a control instance is asked: a number, and a text in the output region, which may be a line that the host is to
// log. A question is one call with its text in the input region; it returns the length of the answer's text, 0 for none.

import { LINE_NOTE, QUESTION_MAX } from "../abi";
import { output, outputEnd } from "./memory";
import * as writer from "./writer";

let number: i64 = 0;
let severity: u32 = LINE_NOTE;

/** Begins a text that is as grave as LINE_... says. */
export function begin(grave: u32 = LINE_NOTE): void {
  severity = grave;
  writer.begin(output, outputEnd);
}

/** Ends it. Returns the text's length. */
export function end(value: i64 = 0): u32 {
  number = value;
  return <u32>(writer.position() - output);
}

/** A number alone. */
export function say(value: i64): u32 {
  number = value;
  return 0;
}

/** Of a length that the host tells: what there can be in the input region. */
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
