// SPDX-License-Identifier: Apache-2.0
//
// Which function a call calls, as far as its instructions tell: the slot of an imported function (its relocation has the name), at once
// or through the stub that the linker has made for it. A call through a register or a table is unknown, and so is any instruction that a
// linker does not write.
//
//   x86-64   call *slot(%rip)          ff 15 disp32            aarch64
//            call stub                 e8 disp32                 bl stub           imm26
//            stub: [endbr64] [bnd] jmp *slot(%rip)               stub: [bti] adrp x16, page; ldr x17, [x16, offset]
//
// The host reads the bytes; addresses are those in the module's file. Each answer is a number, 0 if it is not known.

import { CALL_SIZE, MACHINE_X86_64 } from "../abi";
import * as answer from "../base/answer";
import { input } from "../base/memory";

/** The slot of the call that ends at an address, whose last CALL_SIZE bytes are in the input region. */
export function slotOfCall(machine: u32, end: u64): u32 {
  const isDirect = machine == MACHINE_X86_64 && load<u16>(input + CALL_SIZE - 6) == 0x15ff;
  return answer.say(isDirect ? <i64>end + <i64>load<i32>(input + CALL_SIZE - 4) : 0);
}

/** The code that the call calls. */
export function codeOfCall(machine: u32, end: u64): u32 {
  if (machine == MACHINE_X86_64) {
    const isCall = load<u8>(input + CALL_SIZE - 5) == 0xe8;
    return answer.say(isCall ? <i64>end + <i64>load<i32>(input + CALL_SIZE - 4) : 0);
  }
  const instruction = load<u32>(input + CALL_SIZE - 4);
  const isCall = instruction >>> 26 == 0x25;
  return answer.say(isCall ? <i64>end - 4 + (((<i64>instruction) << 38) >> 36) : 0);
}

/** The slot of the stub at an address, whose first STUB_SIZE bytes are in the input region. */
export function slotOfStub(machine: u32, start: u64): u32 {
  let at: usize = 0;
  if (machine == MACHINE_X86_64) {
    if (load<u32>(input) == 0xfa1e0ff3) at += 4; // endbr64
    if (load<u8>(input + at) == 0xf2) at += 1; // bnd
    const isStub = load<u16>(input + at) == 0x25ff;
    return answer.say(isStub ? <i64>(start + at + 6) + <i64>load<i32>(input + at + 2) : 0);
  }
  if (load<u32>(input) == 0xd503245f) at += 4; // bti c
  const adrp = load<u32>(input + at);
  const ldr = load<u32>(input + at + 4);
  if ((adrp & 0x9f00001f) != 0x90000010 || (ldr & 0xffc003ff) != 0xf9400211) return answer.say(0);
  const pages = (((((<i64>(adrp >>> 5)) & 0x7ffff) << 2) | ((<i64>(adrp >>> 29)) & 3)) << 43) >> 43;
  return answer.say(((<i64>(start + at)) & ~0xfff) + (pages << 12) + ((<i64>((ldr >>> 10) & 0xfff)) << 3));
}
