// SPDX-License-Identifier: Apache-2.0
//
// Which first instructions may be overwritten by a jump of 14 bytes (arm64: 16).

import { MACHINE_ARM64, MACHINE_X86_64 } from "../../../assembly/abi";
import { input } from "../../../assembly/base/memory";
import { checkPrologue } from "../../../assembly/control/prologue";
import { answered, freshControl } from "../support";

/** The answer for x86-64 code given as hexadecimal digits; what follows is nop. */
function x86(code: string, length: u64 = 100): string {
  freshControl();
  memory.fill(input, 0x90, 64);
  const bytes = code.split(" ");
  for (let i = 0; i < bytes.length; ++i) store<u8>(input + i, u8(parseInt(bytes[i], 16)));
  return answered(checkPrologue(MACHINE_X86_64, length, 14));
}

/** The answer for four instructions of arm64. */
function arm64(a: u32, b: u32, c: u32, d: u32, length: u64 = 64): string {
  freshControl();
  store<u32>(input, a);
  store<u32>(input, b, 4);
  store<u32>(input, c, 8);
  store<u32>(input, d, 12);
  return answered(checkPrologue(MACHINE_ARM64, length, 16));
}

describe("the first instructions of x86-64 may be overwritten", () => {
  test("by a call that returns behind the jump (increment of 10.2)", () => {
    expect(x86("41 54 49 89 f4 55 48 89 fd 53 e8 e1 fd ff ff 80 78 20", 87)).toBe("");
  });
  test("by a jump over a return, both behind the jump (dump of 10.2)", () => {
    expect(x86("48 8d 05 19 20 54 00 44 8b 00 45 85 c0 75 01 c3", 633)).toBe("");
  });
  test("by endbr64, a stack protector, an array's address", () => {
    expect(x86("f3 0f 1e fa 48 81 ec 18 01 00 00 64 48 8b 04 25 28 00 00 00")).toBe("");
  });
  test("by a comparison with a variable, and a far conditional jump", () => {
    expect(x86("83 3d 11 22 33 00 00 0f 84 80 00 00 00")).toBe("");
  });
  test("by a constant of 64 bits, and a vector that is cleared", () => {
    expect(x86("48 b8 1 2 3 4 5 6 7 8 66 0f ef c0")).toBe("");
  });
  test("by a frame, a stored constant, an index", () => {
    expect(x86("55 48 89 e5 c7 44 24 08 1 0 0 0 8b 44 98 10")).toBe("");
  });
});

describe("the first instructions of x86-64 may not be overwritten", () => {
  test("if they are shorter than the jump", () => {
    expect(x86("90", 13)).toBe("is shorter than a jump");
  });
  test("if a call returns to them", () => {
    expect(x86("55 e8 0 1 0 0 48 89 e5 41 54 41 55 41 56")).toBe("calls a function that returns to its first instructions");
  });
  test("if a jump leads to them", () => {
    const jumps = "jumps into its first instructions";
    expect(x86("31 c0 48 39 f8 75 fb")).toBe(jumps, "a loop");
    expect(x86("48 39 f8 75 fb")).toBe(jumps, "a loop to the entry");
    expect(x86("85 ff 74 02 31 c0")).toBe(jumps, "over an instruction");
    expect(x86("31 c0 c3")).toBe(jumps, "another function begins");
    expect(x86("e9 0 1 0 0")).toBe(jumps, "a thunk");
  });
  test("if one is not known", () => {
    const unknown = "begins with an instruction that memtrack does not know";
    expect(x86("ff 25 0 0 0 0 1 2 3 4 5 6 7 8")).toBe(unknown, "a jump that somebody wrote");
    expect(x86("cc")).toBe(unknown, "a breakpoint");
    expect(x86("0f 0b")).toBe(unknown, "ud2");
  });
});

describe("the first instructions of arm64", () => {
  test("may be a frame and a call that returns behind the jump", () => {
    expect(arm64(0xd503233f, 0xa9bd7bfd, 0x910003fd, 0x94000010)).toBe("");
  });
  test("may not be short, be returned to, or hold a branch", () => {
    const jumps = "jumps into its first instructions";
    expect(arm64(0xa9bd7bfd, 0x910003fd, 0xd65f03c0, 0, 12)).toBe("is shorter than a jump");
    expect(arm64(0xa9bd7bfd, 0x94000010, 0x910003fd, 0x910003fd)).toBe("calls a function that returns to its first instructions");
    expect(arm64(0xb4000040, 0x910003fd, 0x910003fd, 0x910003fd)).toBe(jumps, "a conditional jump");
    expect(arm64(0x910003fd, 0xd65f03c0, 0x910003fd, 0x910003fd)).toBe(jumps, "a return");
  });
});
