// SPDX-License-Identifier: Apache-2.0
//
// The first instructions of a function that are to be overwritten: whether a thread that has left them can still come back to them.
// Any instruction that is not known is a refusal, and so are too few bytes, a call that returns to overwritten bytes, and a jump
// into them.

import { INSTRUCTION_SIZE, MACHINE_X86_64, QUESTION_MAX } from "../abi";
import * as answer from "../base/answer";
import { input } from "../base/memory";
import { ascii } from "../base/writer";
import { by, decode, ends, isBranch, isCall, size } from "./instruction";

const TOO_SHORT = "is shorter than a jump";
const UNKNOWN = "begins with an instruction that memtrack does not know";
const RETURNS = "calls a function that returns to its first instructions";
const JUMPS = "jumps into its first instructions";

/**
 * Checks the first `overwritten` bytes of a function. Its code is in the input region, as far as it was copied; `length` is the
 * function's own. The answer's text is why they may not be overwritten; none if they may.
 * @param machine MACHINE_...
 */
export function checkPrologue(machine: u32, length: u64, overwritten: u32): u32 {
  if (length < overwritten || overwritten > QUESTION_MAX - INSTRUCTION_SIZE) return refuse(TOO_SHORT);
  const why = machine == MACHINE_X86_64 ? refusalOfX86(overwritten) : refusalOfArm64(overwritten);
  return why.length ? refuse(why) : answer.say(0);
}

function refuse(why: string): u32 {
  answer.begin();
  ascii(why);
  return answer.end();
}

function refusalOfX86(overwritten: u32): string {
  for (let at: u32 = 0; at < overwritten;) {
    decode(input + at);
    if (!size) return UNKNOWN;
    at += size;
    if (isCall && at < overwritten) return RETURNS;
    const target = <i64>at + by;
    // What follows a return or a jump is reached by another jump.
    if ((ends && at < overwritten) || (isBranch && target >= 0 && target < <i64>overwritten)) return JUMPS;
  }
  return "";
}

function refusalOfArm64(overwritten: u32): string {
  for (let at: u32 = 0; at < overwritten; at += sizeof<u32>()) {
    const instruction = load<u32>(input + at);
    if (!isBranchOfArm64(instruction)) continue;
    const calls = instruction >> 26 == 0x25;
    if (!calls) return JUMPS;
    if (at + sizeof<u32>() < overwritten) return RETURNS;
  }
  return "";
}

/**
 * Whether an instruction is a branch: b, bl, b.cond, cbz, tbz, br, blr, ret, and exceptions. All are in two groups of the encoding
 * (Arm Architecture Reference Manual, A64, "Branches, exception generating and system instructions").
 */
function isBranchOfArm64(instruction: u32): bool {
  const isInGroup = ((instruction >> 26) & 7) == 5; // x101xx
  const isHint = instruction >> 12 == 0xd5032; // bti, paciasp, nop
  return isInGroup && !isHint;
}
