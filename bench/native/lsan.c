// SPDX-License-Identifier: Apache-2.0
//
// LeakSanitizer on a heap as that of search.c, but of its own allocator's blocks, which a table refers to. Each line has a word and
// GB/s of memory, by the clock: it does its work in a process of its own.
//
//   lsan mb=N rounds=N
#include <sanitizer/lsan_interface.h>
#include <stdlib.h>

#include "filling.h"
#include "support.h"

static char **volatile table; // in memory, where LeakSanitizer looks

const char *__lsan_default_options(void);
const char *
__lsan_default_options(void)
{
  return "leak_check_at_exit=0";
}

int
main(int argc, char **argv)
{
  arguments(argc, argv);
  uint64_t size   = argument_number("mb") << 20;
  uint64_t rounds = argument_number("rounds");
  arguments_done();
  uint64_t state = 1, used = 0, count = 0;
  table = malloc(size / 16);
  while (used < size) {
    uint64_t bytes = filling_size(&state);
    table[count]   = malloc(bytes);
    filling_write(&state, table[count], bytes, (uintptr_t)table[count / 2], size);
    used += bytes;
    ++count;
  }
  for (uint64_t round = 0; round < rounds; ++round) {
    uint64_t from = now();
    if (__lsan_do_recoverable_leak_check()) {
      fail("all blocks are referred to, but LeakSanitizer");
    }
    printf("lsan %.3f\n", (double)used / (now() - from));
  }
  return 0;
}
