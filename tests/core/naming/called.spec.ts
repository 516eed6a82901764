// SPDX-License-Identifier: Apache-2.0

import { CALL_SIZE, MACHINE_ARM64, MACHINE_X86_64 } from "../../../assembly/abi";
import { answerNumber } from "../../../assembly/base/answer";
import { input } from "../../../assembly/base/memory";
import { codeOfCall, slotOfCall, slotOfStub } from "../../../assembly/naming/called";
import { fresh } from "../support";

/** Puts these bytes at the end of a call's, or at the beginning of a stub's. */
function bytes(values: u8[], atEnd: bool): void {
  memory.fill(input, 0x90, 16);
  const at = atEnd ? input + CALL_SIZE - values.length : input;
  for (let i = 0; i < values.length; ++i) store<u8>(at + i, values[i]);
}

function callsSlot(machine: u32, values: u8[]): i64 {
  bytes(values, true);
  expect(slotOfCall(machine, 0x3d1f)).toBe(0);
  return answerNumber();
}

function callsCode(machine: u32, values: u8[]): i64 {
  bytes(values, true);
  expect(codeOfCall(machine, 0x3d20)).toBe(0);
  return answerNumber();
}

function stub(machine: u32, values: u8[]): i64 {
  bytes(values, false);
  expect(slotOfStub(machine, 0x2040)).toBe(0);
  return answerNumber();
}

describe("the function that a call calls", () => {
  test("on x86-64 is behind a slot, or behind the slot of a stub", () => {
    fresh();
    expect(callsSlot(MACHINE_X86_64, [0xff, 0x15, 0x01, 0x10, 0x00, 0x00])).toBe(0x3d1f + 0x1001);
    expect(callsSlot(MACHINE_X86_64, [0xe8, 0x01, 0x10, 0x00, 0x00])).toBe(0);
    expect(callsSlot(MACHINE_X86_64, [0xff, 0xd0])).toBe(0, "through a register");
    expect(callsCode(MACHINE_X86_64, [0xe8, 0x20, 0xe3, 0xff, 0xff])).toBe(0x2040);
    expect(callsCode(MACHINE_X86_64, [0xff, 0x55, 0x08])).toBe(0, "through a table");
    expect(stub(MACHINE_X86_64, [0xff, 0x25, 0x00, 0x01, 0x00, 0x00])).toBe(0x2040 + 6 + 0x100);
    expect(stub(MACHINE_X86_64, [0xf3, 0x0f, 0x1e, 0xfa, 0xff, 0x25, 0xfa, 0xff, 0xff, 0xff])).toBe(0x2040 + 10 - 6);
    expect(stub(MACHINE_X86_64, [0xf3, 0x0f, 0x1e, 0xfa, 0xf2, 0xff, 0x25, 0, 0, 0, 0])).toBe(0x2040 + 11);
    expect(stub(MACHINE_X86_64, [0x55, 0x48, 0x89, 0xe5])).toBe(0, "a function of the module's own");
  });

  test("on aarch64 is behind the slot of a stub", () => {
    fresh();
    expect(callsSlot(MACHINE_ARM64, [0x00, 0x00, 0x00, 0x94])).toBe(0);
    expect(callsCode(MACHINE_ARM64, [0x02, 0x00, 0x00, 0x94])).toBe(0x3d1c + 8);
    expect(callsCode(MACHINE_ARM64, [0xff, 0xff, 0xff, 0x97])).toBe(0x3d1c - 4);
    expect(callsCode(MACHINE_ARM64, [0x20, 0x00, 0x3f, 0xd6])).toBe(0, "blr x1");
    // adrp x16, 0x1f000; ldr x17, [x16, #0xf98]
    expect(stub(MACHINE_ARM64, [0xf0, 0x00, 0x00, 0xb0, 0x11, 0xce, 0x47, 0xf9])).toBe(0x2000 + 0x1d000 + 0xf98);
    // bti c before it
    expect(stub(MACHINE_ARM64, [0x5f, 0x24, 0x03, 0xd5, 0xf0, 0x00, 0x00, 0xb0, 0x11, 0xce, 0x47, 0xf9])).toBe(0x1f000 + 0xf98);
    expect(stub(MACHINE_ARM64, [0xfd, 0x7b, 0xbf, 0xa9, 0xfd, 0x03, 0x00, 0x91])).toBe(0);
  });
});
