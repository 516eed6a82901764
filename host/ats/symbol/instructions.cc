/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/instructions.h"

#include "core/ask.h"
#include "core_abi.h"

#if defined(__x86_64__)
#define MACHINE MEMTRACK_MACHINE_X86_64
#elif defined(__aarch64__)
#define MACHINE MEMTRACK_MACHINE_ARM64
#else
#error "the core knows the instructions of x86-64 and aarch64 only"
#endif

#define ASK(question, bytes, size, address)                                                                     \
  memtrack_answer answer;                                                                                       \
  memtrack_ask(&answer, (const char *)(bytes), size,                                                            \
               [=](memtrack_core *core) { return memtrack_call(core, question, (uint32_t)MACHINE, address); }); \
  return answer.number

uint64_t
memtrack_slot_of_call(const unsigned char *call, uint64_t end)
{
  ASK(slotOfCall, call, MEMTRACK_CALL_SIZE, end);
}

uint64_t
memtrack_code_of_call(const unsigned char *call, uint64_t end)
{
  ASK(codeOfCall, call, MEMTRACK_CALL_SIZE, end);
}

uint64_t
memtrack_slot_of_stub(const unsigned char *stub, uint64_t start)
{
  ASK(slotOfStub, stub, MEMTRACK_STUB_SIZE, start);
}
