// SPDX-License-Identifier: Apache-2.0
//
// Lengths and branches of x86-64 instructions that compilers put at a function's beginning (Intel 64 and IA-32 Architectures Software
// Developer's Manual, volume 2, chapter 2 and appendix A). Any other instruction is unknown. At most INSTRUCTION_SIZE bytes are read.

// What follows an opcode.
enum Operands {
  UNKNOWN,
  NONE,
  MODRM,
  MODRM_8,
  MODRM_32,
  IMMEDIATE_8,
  IMMEDIATE_32,
  IMMEDIATE_64,
  BRANCH_8,
  BRANCH_32,
}

/** With a ModRM byte only: what moves, adds, compares a register or memory. */
const MODRMS: StaticArray<u8> = [
  0x01, 0x03, 0x09, 0x0b, 0x21, 0x23, 0x29, 0x2b, 0x31, 0x33, 0x38, 0x39, 0x3a, 0x3b, 0x63, 0x84, 0x85, 0x88, 0x89, 0x8a, 0x8b,
  0x8d,
];
/** The same after 0f: nop, and what moves or clears a vector register or extends a byte. */
const SECOND_MODRMS: StaticArray<u8> = [
  0x10, 0x11, 0x1e, 0x1f, 0x28, 0x29, 0x57, 0x6e, 0x6f, 0x7e, 0x7f, 0xb6, 0xb7, 0xbe, 0xbf, 0xd6, 0xef,
];

// The instruction that decode() found.
/** Its bytes; 0 if it is unknown. */
export let size: u32 = 0;
/** A call: it returns to what follows. */
export let isCall: bool = false;
/** A return or an unconditional jump: nothing goes on to what follows. */
export let ends: bool = false;
/** A jump or call to a place that it tells. */
export let isBranch: bool = false;
/** From its end to that place. */
export let by: i32 = 0;

/** Reads the instruction at `code`. */
export function decode(code: usize): void {
  let at = code;
  let isNarrow = false;
  let isWide = false;
  for (; isPrefix(load<u8>(at)); ++at) isNarrow = isNarrow || load<u8>(at) == 0x66;
  if ((load<u8>(at) & 0xf0) == 0x40) isWide = (load<u8>(at++) & 8) != 0;
  const isSecond = load<u8>(at) == 0x0f;
  if (isSecond) ++at;
  const opcode = load<u8>(at++);
  isCall = !isSecond && opcode == 0xe8;
  ends = !isSecond && (opcode == 0xc3 || opcode == 0xe9 || opcode == 0xeb);
  const operands = isSecond ? operandsOfSecond(opcode) : operandsOf(opcode);
  isBranch = operands == Operands.BRANCH_8 || operands == Operands.BRANCH_32;
  by = operands == Operands.BRANCH_8 ? <i32>load<i8>(at) : operands == Operands.BRANCH_32 ? load<i32>(at) : 0;
  size = operands == Operands.UNKNOWN ? 0 : <u32>(at - code) + sizeOf(operands, at, isNarrow, isWide);
}

function sizeOf(operands: Operands, at: usize, isNarrow: bool, isWide: bool): u32 {
  const immediate: u32 = isNarrow ? 2 : 4;
  switch (operands) {
    case Operands.MODRM:
      return modrmSize(at);
    case Operands.MODRM_8:
      return modrmSize(at) + 1;
    case Operands.MODRM_32:
      return modrmSize(at) + immediate;
    case Operands.IMMEDIATE_8:
    case Operands.BRANCH_8:
      return 1;
    case Operands.IMMEDIATE_32:
      return immediate;
    case Operands.IMMEDIATE_64:
      return isWide ? 8 : immediate;
    case Operands.BRANCH_32:
      return 4;
    default:
      return 0;
  }
}

/** Operand size, segment of thread-local memory, and the mandatory prefixes of vector instructions. */
function isPrefix(byte: u8): bool {
  return byte == 0x66 || byte == 0x64 || byte == 0xf2 || byte == 0xf3;
}

/** By opcode, without prefixes: push, mov, lea, and what prepares or compares a register. */
function operandsOf(opcode: u8): Operands {
  if (MODRMS.includes(opcode)) return Operands.MODRM;
  if (opcode >= 0x70 && opcode <= 0x7f) return Operands.BRANCH_8;
  if ((opcode >= 0x50 && opcode <= 0x57) || opcode == 0x90 || opcode == 0xc3) return Operands.NONE; // push, nop, ret
  if (opcode >= 0xb8 && opcode <= 0xbf) return Operands.IMMEDIATE_64; // with REX.W
  switch (opcode) {
    case 0x80:
    case 0x83:
    case 0xc1:
    case 0xc6:
      return Operands.MODRM_8;
    case 0x81:
    case 0xc7:
      return Operands.MODRM_32;
    case 0x6a:
      return Operands.IMMEDIATE_8;
    case 0x68:
      return Operands.IMMEDIATE_32;
    case 0xeb:
      return Operands.BRANCH_8;
    case 0xe8:
    case 0xe9:
      return Operands.BRANCH_32;
    default:
      return Operands.UNKNOWN;
  }
}

function operandsOfSecond(opcode: u8): Operands {
  if (opcode >= 0x80 && opcode <= 0x8f) return Operands.BRANCH_32; // conditional
  return SECOND_MODRMS.includes(opcode) ? Operands.MODRM : Operands.UNKNOWN;
}

/** Bytes of a ModRM byte, its SIB byte and its displacement. */
function modrmSize(at: usize): u32 {
  const mode = load<u8>(at) >> 6;
  const hasSib = mode != 3 && (load<u8>(at) & 7) == 4;
  const base = load<u8>(at + (hasSib ? 1 : 0)) & 7;
  const displacement: u32 = mode == 1 ? 1 : mode == 2 || (mode == 0 && base == 5) ? 4 : 0;
  return 1 + u32(hasSib) + displacement;
}
