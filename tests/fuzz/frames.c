// SPDX-License-Identifier: Apache-2.0
//
// Call frame information: a CIE and an FDE of any bytes behind valid lengths. Nothing outside of them is read, and what is said of
// a frame fits into it. The unwinder's lookup is replaced (ld --wrap), so that it finds these two.
#include "fuzz.h"

#include <sanitizer/asan_interface.h>

#include "symbol/eh_frame.h"

#define GAP 64u // between them, unreadable

struct bases {
  void *text, *data, *function;
};

static const uint8_t *fde;

const uint8_t *__wrap__Unwind_Find_FDE(void *address, struct bases *bases);

const uint8_t *
__wrap__Unwind_Find_FDE(void *address, struct bases *bases)
{
  (void)address;
  *bases = (struct bases){.function = (void *)0x1000};
  return fde;
}

static void
put(uint8_t *at, uint32_t number)
{
  memcpy(at, &number, sizeof(number));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct input input = {data, size};
  uintptr_t ip       = 0x1001 + take(&input, 2);
  size_t cie         = take(&input, 1) % (input.size + 1);
  size_t rest        = input.size - cie;
  uint8_t *memory    = malloc(8 + cie + GAP + 8 + rest);
  uint8_t *second    = memory + 8 + cie + GAP;
  put(memory, 4 + cie);
  put(memory + 4, 0);
  memcpy(memory + 8, input.at, cie);
  put(second, 4 + rest);
  put(second + 4, second + 4 - memory);
  memcpy(second + 8, input.at + cie, rest);
  ASAN_POISON_MEMORY_REGION(memory + 8 + cie, GAP);
  fde                         = second;
  struct memtrack_frame frame = {0};
  if (memtrack_eh_frame_read(ip, &frame)) {
    CLAIM(frame.to_caller >= 1);
  }
  ASAN_UNPOISON_MEMORY_REGION(memory + 8 + cie, GAP);
  free(memory);
  return 0;
}
