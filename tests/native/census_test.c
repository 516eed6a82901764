// SPDX-License-Identifier: Apache-2.0
//
// The search's census finds the tags that the hooks write: the core reads what core/tag.h writes, bit by bit.
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "core/instance.h"
#include "core/tag.h"

#define KEY         0x0123456789abcdefu
#define OPENSSL_KEY 0xfedcba9876543210u
#define SITE        300u
#define OPENSSL     301u
#define EPOCH       5u
#define SIZE        (8u << 20)

static struct memtrack_core search;
static char *memory;
static uint64_t used;

static uint32_t
number(uint32_t index, uint32_t field)
{
  uint32_t value;
  assert_true(memtrack_call(&search, findings, index) != 0);
  memcpy(&value, memtrack_core_at(&search, search.output) + field, sizeof(value));
  return value;
}

static void
begin(void)
{
  const uint32_t list[] = {SITE, MEMTRACK_CLASS_HEAP, 100, OPENSSL, MEMTRACK_CLASS_OPENSSL, 100};
  memset(memory, 0, SIZE);
  used = 16;
  memtrack_call(&search, searchBegin);
  memtrack_call(&search, searchKeys, KEY, OPENSSL_KEY, 4096u << MEMTRACK_EPOCH_BITS, EPOCH);
  memcpy(memtrack_core_at(&search, search.input), list, sizeof(list));
  memtrack_call(&search, searchWatch, sizeof(list));
}

static void
pass(void)
{
  uint8_t *window = memtrack_core_at(&search, memtrack_call(&search, windowAt));
  memtrack_call(&search, beginPass, 0);
  for (uint64_t at = 0; at < SIZE; at += MEMTRACK_SEARCH_PIECE) {
    memcpy(window, memory + at, MEMTRACK_SEARCH_PIECE);
    memtrack_call(&search, scanPiece, (uintptr_t)memory + at, MEMTRACK_SEARCH_PIECE, MEMTRACK_PIECE_MEMORY);
  }
  memtrack_call(&search, endPass, 1);
  while (memtrack_call(&search, nextRequest) != MEMTRACK_REQUEST_NONE) {
    memtrack_call(&search, answerRequest, 0);
  }
}

// A block of `size` bytes with so much slack, which makes its end a multiple of 8; not one whose tag begins a piece.
static char *
block(uint64_t size, uint64_t slack, uint32_t site, uint64_t key)
{
  char *start = memory + used;
  if (((uintptr_t)start + size + slack - MEMTRACK_TAG_SIZE) % MEMTRACK_SEARCH_PIECE == 0) {
    start += 16;
  }
  memtrack_tag_write(start, size + slack, size, site << MEMTRACK_EPOCH_BITS | (size + slack) % EPOCH, key);
  used = (start - memory + size + slack + 31) & ~15ull;
  assert_true(used < SIZE);
  return start;
}

static void
every_tag_is_found(void **state)
{
  (void)state;
  uint32_t count = 0;
  begin();
  for (uint64_t size = 0; size < 1000; size += 7) {
    for (uint64_t slack = MEMTRACK_TAG_SIZE; slack < 80; ++slack) {
      if ((size + slack) % 8 == 0) {
        block(size, slack, SITE, KEY);
        ++count;
      }
    }
  }
  pass();
  assert_int_equal(number(0, MEMTRACK_FINDING_BLOCKS), count);
  assert_int_equal(number(1, MEMTRACK_FINDING_BLOCKS), 0);
  pass();
  assert_int_equal(number(0, MEMTRACK_FINDING_WATCHED), MEMTRACK_WATCHED_MAX);
}

static void
a_tag_is_one_of_its_class_s_key(void **state)
{
  (void)state;
  begin();
  block(40, 8, SITE, KEY);
  block(40, 8, SITE, OPENSSL_KEY);
  block(40, 8, OPENSSL, KEY);
  block(40, 8, OPENSSL, OPENSSL_KEY);
  block(56, 16, OPENSSL, OPENSSL_KEY);
  block(40, 8, SITE, KEY + 1);
  pass();
  assert_int_equal(number(0, MEMTRACK_FINDING_BLOCKS), 1);
  assert_int_equal(number(1, MEMTRACK_FINDING_BLOCKS), 2);
}

static void
a_block_with_a_guard_is_found_and_a_released_one_is_not(void **state)
{
  (void)state;
  begin();
  for (uint64_t slack = MEMTRACK_TAG_GUARDED; slack < 100; slack += 8) {
    char *guarded = block(40, slack, SITE, KEY);
    memtrack_tag_guard(guarded, 40 + slack, 40, KEY);
    memtrack_tag_clear(block(40, slack, SITE, KEY), 40 + slack);
  }
  pass();
  assert_int_equal(number(0, MEMTRACK_FINDING_BLOCKS), 7);
}

static void
large_blocks_are_found_where_allocators_place_them(void **state)
{
  (void)state;
  begin();
  used = 0;
  block(300000, 4096 - 300000 % 4096 + 4096, SITE, KEY);
  used = (used + 4095) & ~4095ull;
  used += 16;
  block(2000000, 24, SITE, KEY);
  used = (used + 4095) & ~4095ull;
  block(100000, 24, SITE, KEY);
  pass();
  assert_int_equal(number(0, MEMTRACK_FINDING_BLOCKS), 3);
}

static int
open_search(void **state)
{
  (void)state;
  memory = aligned_alloc(MEMTRACK_SEARCH_PIECE, SIZE);
  return memory && memtrack_core_open(&search, MEMTRACK_ROLE_SEARCH, 0) == 0 ? 0 : -1;
}

static int
close_search(void **state)
{
  (void)state;
  memtrack_core_close(&search);
  free(memory);
  return 0;
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_tag_is_found),
    cmocka_unit_test(a_tag_is_one_of_its_class_s_key),
    cmocka_unit_test(a_block_with_a_guard_is_found_and_a_released_one_is_not),
    cmocka_unit_test(large_blocks_are_found_where_allocators_place_them),
  };
  return cmocka_run_group_tests(tests, open_search, close_search);
}
