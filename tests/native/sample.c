// SPDX-License-Identifier: Apache-2.0
//
// A C module whose allocations symbol_test.c looks up. Each sample_NAME allocates once, in the line marked `site: NAME`.
#include <stdlib.h>

#define NOINLINE __attribute__((noinline))
#define INLINE   static inline __attribute__((always_inline))

// Otherwise the compiler removes pairs of malloc and free.
#define KEEP(block) __asm__ volatile("" : : "r"(block) : "memory")

void sample_direct(void);
void sample_buried(void);
void sample_inlined(void);
void sample_chained(void);
void sample_nested(void);
void sample_wrapped(void);
void sample_named(void);

void
sample_direct(void)
{
  void *block = malloc(10); // site: direct
  KEEP(block);
  free(block);
}

static NOINLINE void
bury(size_t size)
{
  void *block = malloc(size); // site: buried
  KEEP(block);
  free(block);
}

void
sample_buried(void)
{
  bury(20);
  KEEP(0);
}

INLINE void
use(size_t size)
{
  void *block = malloc(size); // site: inlined
  KEEP(block);
  free(block);
}

void
sample_inlined(void)
{
  KEEP(0);
  use(30); // site: inlined/1
}

INLINE void
third(size_t size)
{
  void *block = malloc(size); // site: chained
  KEEP(block);
  free(block);
}

INLINE void
second(size_t size)
{
  third(size + 1); // site: chained/1
}

INLINE void
first(size_t size)
{
  if (size) {
    second(size + 1); // site: chained/2
  }
}

void
sample_chained(void)
{
  first(30); // site: chained/3
  KEEP(0);
}

// An allocator is never the site, whether inlined into another function...
INLINE void *
array_alloc(size_t count, size_t size)
{
  void *block = malloc(count * size);
  KEEP(block);
  return block;
}

INLINE void *
copy(size_t size)
{
  return array_alloc(size, 1); // site: nested
}

void
sample_nested(void)
{
  free(copy(40)); // site: nested/1
}

// ... or standing alone.
static NOINLINE void *
checked_malloc(size_t size)
{
  void *block = malloc(size);
  if (!block) {
    abort();
  }
  return block;
}

void
sample_wrapped(void)
{
  void *block = checked_malloc(50); // site: wrapped
  KEEP(block);
  free(block);
}

// Named like an allocator, but not one: its result is not plain memory.
struct buffer {
  int size;
};

static NOINLINE struct buffer *
buffer_alloc(int size)
{
  struct buffer *buffer = malloc(sizeof(*buffer)); // site: named
  buffer->size          = size;
  return buffer;
}

void
sample_named(void)
{
  free(buffer_alloc(60));
}

// Hand-written: an exported function without a size, and behind it one that is not exported.
__asm__(".pushsection .text\n"
        ".globl sample_sizeless\n.type sample_sizeless,@function\nsample_sizeless:\n.fill 16, 1, 0\n"
        ".type behind,@function\nbehind:\n.fill 16, 1, 0\n"
        ".popsection");

// Variables, in .bss and in .data.
char sample_exported[64];
static long sample_hidden[4] = {1};

void *
sample_variable(int which)
{
  return which ? (void *)&sample_hidden[2] : (void *)&sample_exported[63];
}
