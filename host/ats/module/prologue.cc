/* SPDX-License-Identifier: Apache-2.0 */
#include "module/prologue.h"

#include <stdint.h>

#include "core/ask.h"

#if defined(__x86_64__)
#define MACHINE MEMTRACK_MACHINE_X86_64
#elif defined(__aarch64__)
#define MACHINE MEMTRACK_MACHINE_ARM64
#else
#error "the core knows the instructions of x86-64 and aarch64 only"
#endif

int
memtrack_prologue_check(const char *symbol, const unsigned char *code, size_t length, size_t size, struct memtrack_reason *reason)
{
  memtrack_answer answer;
  size_t needed = size + MEMTRACK_INSTRUCTION_SIZE;
  bool told     = memtrack_ask(&answer, (const char *)code, length < needed ? length : needed, [=](memtrack_core *core) {
    return memtrack_call(core, checkPrologue, (uint32_t)MACHINE, (uint64_t)length, (uint32_t)size);
  });
  if (told && answer.length == 0) {
    return 0;
  }
  return memtrack_reason_set(reason, "no jump can be written at %s, %lu bytes: it %s", symbol, (unsigned long)length,
                             told ? answer.text : "cannot be checked");
}
