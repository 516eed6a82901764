// SPDX-License-Identifier: Apache-2.0
//
// Of server_heap_test.c: a library of the server, by its name, whose calls go to hooks. No call at a function's end becomes a jump.
#include <stddef.h>

#define KEEPS_FRAME(block) __asm__ volatile("" : "+r"(block) : : "memory")
#define NOINLINE           __attribute__((noinline, noclone))

void *(*server_malloc)(size_t);
void *(*server_realloc)(void *, size_t);
int (*server_posix_memalign)(void **, size_t, size_t);

// Allocates for its callers.
NOINLINE void *
test_server_malloc(size_t size)
{
  void *block = server_malloc(size);
  KEEPS_FRAME(block);
  return block;
}

#define CALLS(name)                         \
  NOINLINE void *name(size_t size)          \
  {                                         \
    void *block = test_server_malloc(size); \
    KEEPS_FRAME(block);                     \
    return block;                           \
  }
CALLS(first_call)
CALLS(second_call)
CALLS(take_object)
CALLS(test_server_header)

NOINLINE void *
take_chunk(size_t size)
{
  void *block = NULL;
  int result  = server_posix_memalign(&block, 64, size);
  KEEPS_FRAME(block);
  return result ? NULL : block;
}

NOINLINE void *
resize_there(void *block, size_t size)
{
  void *moved = server_realloc(block, size);
  KEEPS_FRAME(moved);
  return moved;
}

static void *const with_lists[3]    = {(void *)take_chunk};
static void *const without_lists[3] = {(void *)take_object};

const void *
test_server_lists(void)
{
  return with_lists;
}

const void *
test_server_no_lists(void)
{
  return without_lists;
}
