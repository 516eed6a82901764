// SPDX-License-Identifier: Apache-2.0
//
// "Released twice" is reported for a block that is free, and for no other: the C library's mark alone proves nothing. With another
// allocator, or a sanitizer's, there is no mark, and nothing is reported.
#include "support.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "hook/release.h"

#define CACHED 7 // blocks of a size that glibc's per-thread cache holds

// The compiler knows the effect of free(), but not of this function.
static void *
launder(void *block)
{
  __asm__ volatile("" : "+r"(block) : : "memory");
  return block;
}

static uint64_t
said_of(void *block, size_t usable)
{
  uint64_t before = memtrack_load(&memtrack_hooks.twice);
  memtrack_release_untagged(launder(block), usable, MEMTRACK_CLASS_HEAP);
  return memtrack_load(&memtrack_hooks.twice) - before;
}

static void
skip_without_marks(void)
{
  if (!memtrack_hooks.freed_mark) {
    skip();
  }
}

static void
a_block_in_the_threads_cache_is_free_and_stays_where_it_was(void **state)
{
  (void)state;
  skip_without_marks();
  for (size_t size = 24; size <= 1000; size += 144) {
    void *blocks[CACHED];
    for (int i = 0; i < CACHED; ++i) {
      blocks[i] = launder(malloc(size));
    }
    for (int i = 0; i < CACHED; ++i) {
      free(blocks[i]);
    }
    for (int i = 0; i < CACHED; ++i) {
      assert_int_equal(said_of(blocks[i], size), 1);
    }
    // The cache returns the last block first.
    for (int i = CACHED - 1; i >= 0; --i) {
      assert_ptr_equal(launder(malloc(size)), blocks[i]);
    }
    for (int i = 0; i < CACHED; ++i) {
      free(blocks[i]);
    }
  }
}

static void
a_block_in_use_may_hold_the_mark(void **state)
{
  (void)state;
  skip_without_marks();
  for (size_t size = 24; size <= 100000; size += 1 + size / 3) {
    uintptr_t *block = malloc(size), copy[3];
    size_t usable    = malloc_usable_size(block);
    block[0]         = 4711;
    block[1]         = memtrack_hooks.freed_mark;
    block[2]         = 4712;
    memcpy(copy, block, sizeof(copy));
    assert_int_equal(said_of(block, usable), 0);
    assert_memory_equal(block, copy, sizeof(copy));
    free(block);
  }
}

struct other {
  pthread_barrier_t *wait; // NULL: end at once
  uintptr_t *block;
};

static void *
release_in_thread(void *data)
{
  struct other *other = data;
  other->block        = malloc(40);
  free(launder(other->block));
  if (other->wait) {
    pthread_barrier_wait(other->wait);
    pthread_barrier_wait(other->wait);
  }
  return NULL;
}

static void
a_block_in_another_threads_cache_cannot_be_told_from_one_in_use(void **state)
{
  (void)state;
  skip_without_marks();
  pthread_t thread;
  pthread_barrier_t wait;
  struct other other = {.wait = &wait};
  pthread_barrier_init(&wait, NULL, 2);
  assert_int_equal(pthread_create(&thread, NULL, release_in_thread, &other), 0);
  pthread_barrier_wait(&wait);
  assert_int_equal(said_of(other.block, 40), 0);
  pthread_barrier_wait(&wait);
  pthread_join(thread, NULL);
}

// The cache is empty: blocks that malloc() returns next come out of the arena, which costs time. Not more are asked for than the
// cache could hold, and none if the block's first word cannot be that of a cached block.
static void
a_stale_mark_costs_a_few_allocations_at_most(void **state)
{
  (void)state;
  skip_without_marks();
  enum { SIZE = 600 };
  uintptr_t *block = launder(malloc(SIZE)), *kept[CACHED];
  for (int i = 0; i < CACHED; ++i) { // empties the cache
    kept[i] = launder(malloc(SIZE));
  }
  for (int plausible = 0; plausible < 2; ++plausible) {
    struct mallinfo2 before = mallinfo2();
    block[0]                = ((uintptr_t)block >> 12) ^ (plausible ? 0 : 5);
    block[1]                = memtrack_hooks.freed_mark;
    assert_int_equal(said_of(block, SIZE), 0);
    struct mallinfo2 after = mallinfo2();
    assert_true(after.uordblks - before.uordblks <= (size_t)(plausible ? CACHED * (SIZE + 16) : 0));
  }
  for (int i = 0; i < CACHED; ++i) {
    free(kept[i]);
  }
  free(block);
}

static void
errno_is_kept(void **state)
{
  (void)state;
  skip_without_marks();
  void *block = launder(malloc(200));
  free(launder(block));
  errno = 4711;
  assert_int_equal(said_of(block, 200), 1);
  assert_int_equal(errno, 4711);
  assert_ptr_equal(launder(malloc(200)), block);
  free(block);
}

// Cached blocks of an ended thread returned to the allocator with their marks. The next thread receives such a block like any
// other.
static void *
use_blocks(void *data)
{
  unsigned *marked = data;
  void *blocks[CACHED];
  for (int i = 0; i < CACHED; ++i) {
    blocks[i] = launder(malloc(24));
    *marked += memtrack_release_marked(blocks[i], 24);
    assert_int_equal(said_of(blocks[i], 24), 0);
  }
  for (int i = 0; i < CACHED; ++i) {
    free(blocks[i]);
  }
  return NULL;
}

static void
a_block_out_of_an_ended_threads_cache_is_in_use(void **state)
{
  (void)state;
  skip_without_marks();
  unsigned marked = 0;
  for (int i = 0; i < 1000; ++i) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, use_blocks, &marked), 0);
    pthread_join(thread, NULL);
  }
  assert_true(marked > 0);
}

static int
open_release(void **state)
{
  (void)state;
  open_accounting(64);
  memtrack_release_open();
  return 0;
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_block_in_the_threads_cache_is_free_and_stays_where_it_was),
    cmocka_unit_test(a_block_in_use_may_hold_the_mark),
    cmocka_unit_test(a_stale_mark_costs_a_few_allocations_at_most),
    cmocka_unit_test(errno_is_kept),
    cmocka_unit_test(a_block_in_another_threads_cache_cannot_be_told_from_one_in_use),
    cmocka_unit_test(a_block_out_of_an_ended_threads_cache_is_in_use),
  };
  return cmocka_run_group_tests(tests, open_release, NULL);
}
