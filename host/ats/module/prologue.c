/* SPDX-License-Identifier: Apache-2.0 */
#include "module/prologue.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define TOO_SHORT "is shorter than a jump"
#define UNKNOWN   "begins with an instruction that memtrack does not know"
#define RETURNS   "calls a function that returns to its first instructions"
#define JUMPS     "jumps into its first instructions"

#if defined(__x86_64__)

/* What follows an opcode. */
enum operands { UNKNOWN_OPCODE, NONE, MODRM, MODRM_8, MODRM_32, IMMEDIATE_8, IMMEDIATE_32, IMMEDIATE_64, BRANCH_8, BRANCH_32 };

/* By opcode, without prefixes: push, mov, lea, and what prepares or compares a register. */
static enum operands
operands_of(unsigned char opcode)
{
  static const unsigned char with_modrm[] = {0x01, 0x03, 0x09, 0x0b, 0x21, 0x23, 0x29, 0x2b, 0x31, 0x33, 0x38, 0x39,
                                             0x3a, 0x3b, 0x63, 0x84, 0x85, 0x88, 0x89, 0x8a, 0x8b, 0x8d, 0};
  if (opcode && strchr((const char *)with_modrm, opcode)) {
    return MODRM;
  }
  if (opcode >= 0x70 && opcode <= 0x7f) {
    return BRANCH_8;
  }
  if ((opcode >= 0x50 && opcode <= 0x57) || opcode == 0x90 || opcode == 0xc3) {
    return NONE; /* push, nop, ret */
  }
  switch (opcode) {
  case 0x80:
  case 0x83:
  case 0xc1:
  case 0xc6:
    return MODRM_8;
  case 0x81:
  case 0xc7:
    return MODRM_32;
  case 0x6a:
    return IMMEDIATE_8;
  case 0x68:
    return IMMEDIATE_32;
  case 0xeb:
    return BRANCH_8;
  case 0xe8:
  case 0xe9:
    return BRANCH_32;
  default:
    return opcode >= 0xb8 && opcode <= 0xbf ? IMMEDIATE_64 : UNKNOWN_OPCODE; /* 64 bits with REX.W */
  }
}

/* The same after 0f: conditional jumps, nop, and what moves or clears a vector register or extends a byte. */
static enum operands
operands_of_second(unsigned char opcode)
{
  static const unsigned char with_modrm[] = {0x10, 0x11, 0x1e, 0x1f, 0x28, 0x29, 0x57, 0x6e, 0x6f,
                                             0x7e, 0x7f, 0xb6, 0xb7, 0xbe, 0xbf, 0xd6, 0xef, 0};
  return opcode >= 0x80 && opcode <= 0x8f ? BRANCH_32 : opcode && strchr((const char *)with_modrm, opcode) ? MODRM : UNKNOWN_OPCODE;
}

/* Bytes of a ModRM byte, its SIB byte and its displacement. */
static size_t
modrm_size(const unsigned char *at)
{
  unsigned mode = *at >> 6, base = *at & 7;
  bool has_sib = mode != 3 && base == 4;
  base         = has_sib ? at[1] & 7 : base;
  return 1 + has_sib + (mode == 1 ? 1 : mode == 2 || (mode == 0 && base == 5) ? 4 : 0);
}

struct instruction {
  size_t size; /* 0: not known */
  bool is_call, ends;
  bool is_branch;
  int64_t by; /* a branch: from its end to its target */
};

static struct instruction
decode(const unsigned char *code)
{
  const unsigned char *at = code;
  bool wide = false, narrow = false, second;
  while (*at == 0x66 || *at == 0x64 || *at == 0xf2 || *at == 0xf3) {
    narrow |= *at++ == 0x66;
  }
  if ((*at & 0xf0) == 0x40) {
    wide = (*at++ & 8) != 0;
  }
  second = *at == 0x0f;
  at += second;
  unsigned char opcode      = *at++;
  enum operands operands    = second ? operands_of_second(opcode) : operands_of(opcode);
  size_t immediate          = narrow ? 2 : 4;
  struct instruction result = {.is_call = !second && opcode == 0xe8,
                               .ends    = !second && (opcode == 0xc3 || opcode == 0xe9 || opcode == 0xeb)};
  int32_t by;
  switch (operands) {
  case UNKNOWN_OPCODE:
    return result;
  case NONE:
    break;
  case MODRM:
  case MODRM_8:
  case MODRM_32:
    at += modrm_size(at) + (operands == MODRM_8 ? 1 : operands == MODRM_32 ? immediate : 0);
    break;
  case IMMEDIATE_8:
    at += 1;
    break;
  case IMMEDIATE_32:
    at += immediate;
    break;
  case IMMEDIATE_64:
    at += wide ? 8 : immediate;
    break;
  case BRANCH_8:
    result.is_branch = true;
    result.by        = *at < 0x80 ? *at : *at - 0x100;
    ++at;
    break;
  case BRANCH_32:
    memcpy(&by, at, sizeof(by));
    result.is_branch = true;
    result.by        = by;
    at += sizeof(by);
    break;
  }
  result.size = (size_t)(at - code);
  return result;
}

const char *
memtrack_prologue_check(const unsigned char *code, size_t length, size_t size)
{
  if (length < size) {
    return TOO_SHORT;
  }
  for (size_t at = 0; at < size;) {
    struct instruction found = decode(code + at);
    if (!found.size) {
      return UNKNOWN;
    }
    at += found.size;
    if (found.is_call && at < size) {
      return RETURNS;
    }
    int64_t target = (int64_t)at + found.by;
    /* What follows a return or a jump is reached by another jump. */
    if ((found.ends && at < size) || (found.is_branch && target >= 0 && target < (int64_t)size)) {
      return JUMPS;
    }
  }
  return NULL;
}

#elif defined(__aarch64__)

/* Whether an instruction is a branch: b, bl, b.cond, cbz, tbz, br, blr, ret, and exceptions. All are in two groups of the encoding.
 */
static bool
is_branch(uint32_t instruction)
{
  bool in_group = (instruction >> 26 & 7) == 5; /* x101xx */
  bool is_hint  = instruction >> 12 == 0xd5032; /* bti, paciasp, nop */
  return in_group && !is_hint;
}

const char *
memtrack_prologue_check(const unsigned char *code, size_t length, size_t size)
{
  if (length < size) {
    return TOO_SHORT;
  }
  for (size_t at = 0; at < size; at += sizeof(uint32_t)) {
    uint32_t instruction;
    memcpy(&instruction, code + at, sizeof(instruction));
    bool is_last_call = instruction >> 26 == 0x25 && at + sizeof(instruction) == size;
    if (is_branch(instruction) && !is_last_call) {
      return instruction >> 26 == 0x25 ? RETURNS : JUMPS;
    }
  }
  return NULL;
}

#else
#error "prologue.c knows the instructions of x86-64 and aarch64 only"
#endif
