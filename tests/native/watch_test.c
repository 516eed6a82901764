// SPDX-License-Identifier: Apache-2.0
//
// "Written past its end" is said and counted only of an overrun that a guard proves. A block that looks damaged is charged to its
// site, which is then watched: its next blocks have guards.
#include "support.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/atomic.h"
#include "core/key.h"
#include "hook/block.h"
#include "hook/release.h"
#include "hook/watch.h"

#define KEY   0x0123456789abcdefu
#define CLASS MEMTRACK_CLASS_HEAP
#define CALL  0x1000u // of site 0; the following sites are 16 bytes apart

enum { SITES = 24, WATCHED_SECONDS = 600 };

#if MT_SANITIZED
#define FOREIGN 1000000
#else
#define FOREIGN 20000000
#endif

static uint64_t
damaged(void)
{
  return memtrack_load(&memtrack_hooks.damaged);
}

static bool
watching(void)
{
  return memtrack_load(&memtrack_hooks.quick_size) == 0;
}

static void *
allocate(size_t size, int site)
{
  uint64_t address = CALL + 16 * site;
  size_t margin    = memtrack_watch_margin_of(size, address);
  void *block      = malloc(size + margin);
  memtrack_block_record_by(margin, block, size, KEY, address, memtrack_attributes(CLASS, 0, 0), NULL);
  return block;
}

static void *
plain_realloc(void *block, size_t size, const char *text)
{
  (void)text;
  return realloc(block, size);
}

static void *
reallocate(void *block, size_t size, int site)
{
  uint64_t address = CALL + 16 * site;
  uint32_t birth;
  return memtrack_block_resize(block, size, KEY, address, memtrack_attributes(CLASS, 0, 0), NULL, plain_realloc,
                               memtrack_birth_untagged(CLASS), memtrack_watch_margin_of(size, address), &birth);
}

static void
release(void *block)
{
  memtrack_release(block, CLASS);
  free(block);
}

// A block without a guard whose tag's first byte was overwritten. The size leaves no padding before the tag.
static void
damage(int site)
{
  unsigned char *block = allocate(40, site);
  size_t usable        = malloc_usable_size(block);
  block[usable - 8] ^= 1;
  release(block);
}

static void
end_watches(void)
{
  for (int i = 0; i <= WATCHED_SECONDS; ++i) {
    memtrack_watch_poll();
  }
  assert_false(watching());
}

static struct sums
sums_of(int site)
{
  void *block    = allocate(1, site);
  uint64_t end   = malloc_usable_size(block);
  uint32_t birth = 0;
  uint64_t size;
  assert_true(memtrack_tag_read(block, end, KEY, &birth, &size) || memtrack_tag_read_guarded(block, end, KEY, &birth, &size));
  release(block);
  return sum_site(birth >> MEMTRACK_EPOCH_BITS);
}

static void
a_block_that_looks_damaged_is_charged_and_nothing_is_said(void **state)
{
  (void)state;
  struct sums before = sums_of(0);
  uint64_t count     = damaged();
  damage(0);
  struct sums after = sums_of(0);
  assert_int_equal(damaged(), count);
  assert_true(watching());
  assert_int_equal(after.allocs - before.allocs, 2);
  assert_int_equal(after.frees - before.frees, 2);
  assert_int_equal(after.free_bytes - before.free_bytes, 41);
  end_watches();
}

static void
overruns_of_a_watched_site_are_proved_each_and_others_do_not_pay(void **state)
{
  (void)state;
  static const size_t lengths[] = {1, 2, 8};
  damage(1);
  uint64_t count = damaged();
  for (size_t size = 1; size < 300; ++size) {
    for (int i = 0; i < 3; ++i) {
      char *block = allocate(size, 1);
      memset(block, 'x', size);
      memset(block + size, 0, lengths[i]);
      release(block);
      assert_int_equal(damaged(), ++count);
    }
    release(allocate(size, 1));
    assert_int_equal(damaged(), count);
  }
  assert_int_equal(memtrack_watch_margin(100, CALL + 16), MEMTRACK_TAG_GUARDED);
  assert_int_equal(memtrack_watch_margin(100, 0), MEMTRACK_TAG_GUARDED); // a library's call may be of that site
  assert_int_equal(memtrack_watch_margin(100, CALL + 32), MEMTRACK_TAG_SIZE);
  assert_int_equal(memtrack_watch_margin(SIZE_MAX - 20, CALL), 0);
  end_watches();
}

static void
a_watch_lasts_as_long_as_there_is_damage(void **state)
{
  (void)state;
  damage(2);
  for (int minutes = 0; minutes < 30; ++minutes) {
    for (int i = 0; i < 60; ++i) {
      memtrack_watch_poll();
    }
    char *block = allocate(5, 2);
    block[5]    = 0;
    release(block);
  }
  assert_true(watching());
  end_watches();
}

// The table is full, and places are given again.
static void
more_damaged_sites_than_can_be_watched(void **state)
{
  (void)state;
  for (int round = 0; round < 3; ++round) {
    unsigned watched = 0;
    for (int site = 0; site < SITES; ++site) {
      damage(site);
    }
    for (int site = 0; site < SITES; ++site) {
      watched += memtrack_watch_margin(1, CALL + 16 * site) == MEMTRACK_TAG_GUARDED;
    }
    assert_int_equal(watched, 16);
    end_watches();
  }
}

// Foreign blocks that have each field of a tag but the check, and one byte of a block in each other place. They are charged as
// untracked, but for one in 2^21, and nothing is said, whether sites are watched or not.
static void
foreign_blocks_are_never_said_to_be_damaged(void **state)
{
  (void)state;
  uint64_t seed = 4711, count = damaged(), twice = memtrack_load(&memtrack_hooks.twice);
  uint32_t birth                  = memtrack_account_alloc(CALL, memtrack_attributes(CLASS, 0, 0), NULL, 0);
  _Alignas(16) uint64_t block[16] = {0};
  struct sums before              = sum_site(birth >> MEMTRACK_EPOCH_BITS);
  print_message("seed %lu\n", seed);
  for (int i = 0; i < FOREIGN; ++i) {
    uint64_t r = random_next(&seed), code = i % 16;
    block[15] = (r & ((1ull << 37) - 1)) | code << 37 | (uint64_t)birth << 41;
    block[14] = code == 15 ? (48 + r % 16) << 16 | (i & 16 ? block[15] & 0xffff : ~block[15] & 0xffff) : r;
    memtrack_release_untagged(block, sizeof(block), CLASS);
  }
  struct sums after = sum_site(birth >> MEMTRACK_EPOCH_BITS);
  uint64_t charged  = after.frees - before.frees;
  double expected   = (double)FOREIGN / (1 << 21);
  print_message("%lu of %d are charged to a site, expected %.1f\n", charged, FOREIGN, expected);
  assert_true((charged - expected) * (charged - expected) <= 36 * expected + 36);
  assert_int_equal(damaged(), count);
  assert_int_equal(memtrack_load(&memtrack_hooks.twice), twice);
  for (uint64_t i = 0; i < charged; ++i) { // so that the rows are exact again
    memtrack_account_alloc(CALL, memtrack_attributes(CLASS, 0, 0), NULL, 0);
  }
  end_watches();
}

// Sites in use, and present epochs: no other is charged or watched.
static void
a_block_of_no_plugins_site_is_foreign(void **state)
{
  (void)state;
  uint32_t openssl = memtrack_account_alloc(0x77, memtrack_attributes(MEMTRACK_CLASS_OPENSSL, 1, 0), "a.c", 1);
  uint32_t ours    = memtrack_account_alloc(CALL, memtrack_attributes(CLASS, 0, 0), NULL, 0);
  assert_false(memtrack_watch_suspect(openssl));
  assert_false(memtrack_watch_suspect(ours | MEMTRACK_EPOCH_MASK));
  assert_false(memtrack_watch_suspect((MEMTRACK_SITE_OTHER + MEMTRACK_CLASS_IOBUFFER) << MEMTRACK_EPOCH_BITS));
  assert_false(memtrack_watch_suspect(memtrack_birth_untagged(CLASS)));
  assert_false(watching());
  assert_true(memtrack_watch_suspect((MEMTRACK_SITE_OTHER + CLASS) << MEMTRACK_EPOCH_BITS));
  assert_true(watching());
  memtrack_account_free(openssl, 1);
  memtrack_account_free(ours, 0);
  end_watches();
}

static void *
work(void *data)
{
  uint64_t seed = 1 + (uintptr_t)data;
  for (int i = 0; i < 5000; ++i) {
    uint64_t r = random_next(&seed);
    if (r % 64 == 0) {
      damage(r >> 32 & 31);
    } else {
      release(reallocate(allocate(1 + (r >> 16) % 100, r >> 32 & 31), 1 + (r >> 8) % 100, r >> 32 & 31));
    }
  }
  return NULL;
}

static void
threads_may_watch_while_the_task_thread_ends_watches(void **state)
{
  (void)state;
  pthread_t threads[4];
  uint64_t count     = damaged();
  struct sums before = sum_site(MEMTRACK_SITE_UNKNOWN);
  for (uintptr_t i = 0; i < 4; ++i) {
    assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
  }
  for (int i = 0; i < 20000; ++i) {
    memtrack_watch_poll();
  }
  for (int i = 0; i < 4; ++i) {
    pthread_join(threads[i], NULL);
  }
  struct sums after = sum_site(MEMTRACK_SITE_UNKNOWN);
  assert_int_equal(damaged(), count);
  assert_int_equal(after.allocs - after.frees, before.allocs - before.frees);
  end_watches();
}

static int
open_all(void **state)
{
  (void)state;
  open_accounting(256);
  memtrack_release_open();
  memtrack_store(&memtrack_hooks.key, KEY);
  memtrack_store(&memtrack_hooks.heap, true);
  return 0;
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_block_that_looks_damaged_is_charged_and_nothing_is_said),
    cmocka_unit_test(overruns_of_a_watched_site_are_proved_each_and_others_do_not_pay),
    cmocka_unit_test(a_watch_lasts_as_long_as_there_is_damage),
    cmocka_unit_test(more_damaged_sites_than_can_be_watched),
    cmocka_unit_test(foreign_blocks_are_never_said_to_be_damaged),
    cmocka_unit_test(a_block_of_no_plugins_site_is_foreign),
    cmocka_unit_test(threads_may_watch_while_the_task_thread_ends_watches),
  };
  return cmocka_run_group_tests(tests, open_all, NULL);
}
