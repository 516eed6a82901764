/* SPDX-License-Identifier: Apache-2.0
 * Not a plugin: a library with a malloc() and a free() of its own, which it calls because late_reloads.so loads it with
 * RTLD_DEEPBIND. It ends the process if it gets a block of another allocator. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum { BLOCKS = 1024, BLOCK = 256 };

static union {
  void *next;
  char bytes[BLOCK];
} arena[BLOCKS];
static void *first;
static size_t used;

__attribute__((visibility("default"))) void *
malloc(size_t size)
{
  void *block = first;
  if (block) {
    first = *(void **)block;
    return block;
  }
  return size <= BLOCK && used < BLOCKS ? &arena[used++] : NULL;
}

__attribute__((visibility("default"))) void
free(void *block)
{
  if ((uintptr_t)block - (uintptr_t)arena >= sizeof(arena)) {
    abort();
  }
  *(void **)block = first;
  first           = block;
}

void *
late_own_make(void)
{
  return malloc(100);
}

void
late_own_drop(void *block)
{
  free(block);
}

void
late_own_pairs(size_t count)
{
  for (size_t i = 0; i < count; ++i) {
    void *block = malloc(1 + i % BLOCK);
    __asm__ volatile("" : "+r"(block) : : "memory");
    free(block);
  }
}
