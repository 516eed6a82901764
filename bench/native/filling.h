// SPDX-License-Identifier: Apache-2.0
//
// What a heap is filled with whose search is measured: blocks of 16 to 2,000 bytes that hold pointers to each other, texts, small
// numbers and zeros.
#ifndef FILLING_H
#define FILLING_H

#include <stdint.h>
#include <string.h>

#include "../../harness/random.h"

// Usable bytes of the next block, as of an allocator whose blocks have 8 bytes of header.
static inline uint64_t
filling_size(uint64_t *state)
{
  return ((16 + random_next(state) % 2000) & ~15ull) + 8;
}

// Three words of 16 are pointers into the heap, two are text, three are small numbers, the rest is zero.
static inline uint64_t
filling_word(uint64_t *state, uint64_t heap, uint64_t heap_size)
{
  uint64_t r = random_next(state);
  switch (r >> 60) {
  case 0:
  case 1:
  case 2:
    return heap + (r % heap_size & ~15ull);
  case 3:
  case 4:
    return 0x6874696d73656420 ^ (r & 0x0f0f0f0f0f0f0f0f);
  case 5:
  case 6:
  case 7:
    return r % 10000;
  default:
    return 0;
  }
}

static inline void
filling_write(uint64_t *state, char *block, uint64_t size, uint64_t heap, uint64_t heap_size)
{
  for (uint64_t i = 0; i + 8 <= size; i += 8) {
    uint64_t value = filling_word(state, heap, heap_size);
    memcpy(block + i, &value, 8);
  }
}

#endif
