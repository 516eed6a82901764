// SPDX-License-Identifier: Apache-2.0
//
// The OpenSSL hook with the real libcrypto: found, installed, removed; every block is compared with the test's own counts,
// whichever thread releases it.
#define _GNU_SOURCE
#include "support.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/account.h"
#include "hook/openssl.h"

static struct memtrack_reason reason;

static uint64_t
in_use(void)
{
  struct sums sums = sum_site(MEMTRACK_SITE_UNKNOWN);
  return sums.alloc_bytes - sums.free_bytes;
}

static uint64_t
live(void)
{
  struct sums sums = sum_site(MEMTRACK_SITE_UNKNOWN);
  return sums.allocs - sums.frees;
}

static uint64_t
untagged(void)
{
  return sum_site(MEMTRACK_SITE_PRE_ARMING + MEMTRACK_CLASS_OPENSSL).frees;
}

static void
three_values_are_found_in_any_order_and_counted(void **state)
{
  (void)state;
  const uintptr_t values[3] = {101, 102, 103};
  uintptr_t words[64]       = {0};
  unsigned places           = 0;
  assert_null(memtrack_find_three(words, 64, values, &places));
  assert_int_equal(places, 0);
  words[5] = 103, words[6] = 101, words[7] = 102;
  assert_ptr_equal(memtrack_find_three(words, 64, values, &places), words + 5);
  assert_int_equal(places, 1);
  places    = 0;
  words[61] = 101, words[62] = 102, words[63] = 103;
  words[20] = 101, words[21] = 102, words[22] = 102; // two of them are not three
  assert_ptr_equal(memtrack_find_three(words, 64, values, &places), words + 5);
  assert_int_equal(places, 2);
  places = 0;
  assert_null(memtrack_find_three(words, 2, values, &places));
}

static void
the_hook_is_installed_and_proved_and_writes_three_words(void **state)
{
  (void)state;
  void *before[3], *now[3];
  char *maps = maps_text();
  CRYPTO_get_mem_functions((void *)&before[0], (void *)&before[1], (void *)&before[2]);
  assert_int_equal(memtrack_openssl_find(&reason), 0);
  assert_int_equal(memtrack_openssl_install(&reason), 0);
  CRYPTO_get_mem_functions((void *)&now[0], (void *)&now[1], (void *)&now[2]);
  assert_ptr_equal(now[0], memtrack_openssl_malloc);
  assert_ptr_equal(now[1], memtrack_openssl_realloc);
  assert_ptr_equal(now[2], memtrack_openssl_free);
  memtrack_openssl_remove();
  CRYPTO_get_mem_functions((void *)&now[0], (void *)&now[1], (void *)&now[2]);
  assert_memory_equal(now, before, sizeof(now));
  char *maps_now = maps_text();
  assert_string_equal(maps_now, maps);
  free(maps);
  free(maps_now);
}

static void
openssl_objects_are_charged_by_file_and_line_and_return_to_nothing(void **state)
{
  (void)state;
  assert_int_equal(memtrack_openssl_install(&reason), 0);
  // The first round fills caches; blocks of the second round are all released.
  for (int round = 0; round < 2; ++round) {
    uint64_t bytes = in_use(), blocks = live();
    SSL_CTX *context = SSL_CTX_new(TLS_method());
    SSL *connections[50];
    for (int i = 0; i < 50; ++i) {
      connections[i] = SSL_new(context);
      assert_non_null(connections[i]);
    }
    assert_true(in_use() > bytes + 50 * 1000);
    for (int i = 0; i < 50; ++i) {
      SSL_free(connections[i]);
    }
    SSL_CTX_free(context);
    if (round == 1) {
      assert_int_equal(live(), blocks);
      assert_int_equal(in_use(), bytes);
    }
  }
  char *text = dump_text(2, false);
  assert_non_null(strstr(text, "memory/OpenSSL/ssl/ssl_lib.c:"));
  assert_non_null(strstr(text, "SSL Allocated Memory"));
  free(text);
  memtrack_openssl_remove();
}

static void
realloc_grows_shrinks_moves_and_knows_null_and_zero(void **state)
{
  (void)state;
  assert_int_equal(memtrack_openssl_install(&reason), 0);
  uint64_t bytes = in_use(), blocks = live();
  char *block = CRYPTO_realloc(NULL, 100, "a.c", 1);
  assert_int_equal(in_use() - bytes, 100);
  memset(block, 7, 100);
  for (size_t size = 100; size < 2000000; size = size * 3 + 1) {
    block = CRYPTO_realloc(block, size, "b.c", 2);
    assert_int_equal(in_use() - bytes, size);
    assert_int_equal(live() - blocks, 1);
    for (int i = 0; i < 100; ++i) {
      assert_int_equal(block[i], 7);
    }
  }
  for (size_t size = 1000; size > 0; size /= 2) {
    block = CRYPTO_realloc(block, size, "c.c", 3);
    assert_int_equal(in_use() - bytes, size);
  }
  assert_null(CRYPTO_realloc(block, 0, "d.c", 4));
  assert_int_equal(in_use(), bytes);
  assert_int_equal(live(), blocks);
  assert_null(CRYPTO_malloc(0, "e.c", 5));
  CRYPTO_free(NULL, "f.c", 6);
  assert_int_equal(live(), blocks);
  memtrack_openssl_remove();
}

static void
an_allocation_that_fails_changes_nothing(void **state)
{
  (void)state;
  assert_int_equal(memtrack_openssl_install(&reason), 0);
  uint64_t bytes = in_use(), blocks = live();
  char *block = memtrack_openssl_malloc(50, "a.c", 1);
  memset(block, 9, 50);
  const size_t impossible[] = {SIZE_MAX, SIZE_MAX - 7, SIZE_MAX / 2};
  for (int i = 0; i < 3; ++i) {
    assert_null(memtrack_openssl_malloc(impossible[i], "a.c", 1));
    assert_null(memtrack_openssl_realloc(block, impossible[i], "a.c", 1));
    assert_int_equal(in_use() - bytes, 50);
    assert_int_equal(block[49], 9);
  }
  memtrack_openssl_free(block, "a.c", 1);
  assert_int_equal(in_use(), bytes);
  assert_int_equal(live(), blocks);
  memtrack_openssl_remove();
}

static void
blocks_of_another_arming_and_foreign_ones_are_counted_apart(void **state)
{
  (void)state;
  void *plain = CRYPTO_malloc(64, "before.c", 1);
  assert_int_equal(memtrack_openssl_install(&reason), 0);
  void *old = CRYPTO_malloc(64, "old.c", 1);
  memtrack_openssl_remove();
  assert_int_equal(memtrack_openssl_install(&reason), 0);
  uint64_t bytes = in_use(), blocks = live(), apart = untagged();
  CRYPTO_free(plain, "x.c", 1);
  CRYPTO_free(old, "x.c", 1);
  CRYPTO_free(malloc(10), "x.c", 1);
  void *grown = CRYPTO_realloc(malloc(10), 1000, "x.c", 2);
  assert_int_equal(untagged() - apart, 4);
  assert_int_equal(in_use() - bytes, 1000);
  CRYPTO_free(grown, "x.c", 1);
  assert_int_equal(in_use(), bytes);
  assert_int_equal(live(), blocks);
  // A tagged block released by the C library stays charged to its site, and is harmless.
  free(CRYPTO_malloc(33, "bypassed.c", 1));
  assert_int_equal(in_use() - bytes, 33);
  memtrack_openssl_remove();
}

#define SLOTS      4096
#define OPERATIONS 150000
static _Atomic(void *) shared_blocks[SLOTS];
static _Atomic int64_t shadow_bytes, shadow_blocks;

// The first bytes of each block contain the requested size: the reference for memtrack's counts.
static void
shadow_release(void *block)
{
  if (block) {
    uint64_t size;
    memcpy(&size, block, sizeof(size));
    atomic_fetch_sub(&shadow_bytes, size);
    atomic_fetch_sub(&shadow_blocks, 1);
    CRYPTO_free(block, "random.c", 999);
  }
}

static void *
random_operations(void *argument)
{
  uint64_t seed = (intptr_t)argument * 7919 + 20261122;
  for (int i = 0; i < OPERATIONS; ++i) {
    uint64_t r    = random_next(&seed);
    uint64_t size = 8 + r % (r >> 60 ? 300 : 20000);
    void *block   = atomic_exchange(&shared_blocks[r >> 20 & (SLOTS - 1)], NULL);
    if (block && r >> 40 & 1) {
      uint64_t old;
      memcpy(&old, block, sizeof(old));
      block = CRYPTO_realloc(block, size, "random.c", 1000 + r % 50);
      atomic_fetch_add(&shadow_bytes, (int64_t)size - (int64_t)old);
    } else {
      shadow_release(block);
      block = CRYPTO_malloc(size, "random.c", r % 50);
      atomic_fetch_add(&shadow_bytes, size);
      atomic_fetch_add(&shadow_blocks, 1);
    }
    memcpy(block, &size, sizeof(size));
    shadow_release(atomic_exchange(&shared_blocks[r >> 20 & (SLOTS - 1)], block));
  }
  return NULL;
}

static void
random_operations_of_many_threads_agree_with_a_shadow_to_the_byte(void **state)
{
  (void)state;
  pthread_t threads[4];
  assert_int_equal(memtrack_openssl_install(&reason), 0);
  uint64_t bytes = in_use(), blocks = live(), apart = untagged();
  for (intptr_t i = 0; i < 4; ++i) {
    pthread_create(&threads[i], NULL, random_operations, (void *)i);
  }
  for (int i = 0; i < 4; ++i) {
    pthread_join(threads[i], NULL);
  }
  assert_true(shadow_blocks > SLOTS / 2);
  assert_int_equal(in_use() - bytes, shadow_bytes);
  assert_int_equal(live() - blocks, shadow_blocks);
  for (int i = 0; i < SLOTS; ++i) {
    shadow_release(shared_blocks[i]);
  }
  assert_int_equal(in_use(), bytes);
  assert_int_equal(live(), blocks);
  assert_int_equal(untagged(), apart);
  assert_int_equal(memtrack_account_lost(), 0);
  memtrack_openssl_remove();
}

static _Atomic bool toggling;

static void *
operations_until_toggled(void *argument)
{
  uint64_t seed = (intptr_t)argument * 104729 + 7;
  while (atomic_load(&toggling)) {
    uint64_t r     = random_next(&seed);
    uint64_t size  = 8 + r % 2000;
    void **slot    = (void **)&shared_blocks[r >> 20 & (SLOTS - 1)];
    uint8_t *block = __atomic_exchange_n(slot, NULL, __ATOMIC_ACQ_REL);
    // The first and last byte detect writes by others into the block.
    if (block) {
      uint64_t old;
      memcpy(&old, block, sizeof(old));
      assert_int_equal(old >= 9 ? block[old - 1] : 0x5a, 0x5a);
      block = r >> 40 & 1 ? CRYPTO_realloc(block, size, "toggled.c", 1) : (CRYPTO_free(block, "toggled.c", 2), NULL);
    }
    block = block ? block : CRYPTO_malloc(size, "toggled.c", 3);
    if (size >= 9) {
      block[size - 1] = 0x5a;
    }
    memcpy(block, &size, sizeof(size));
    CRYPTO_free(__atomic_exchange_n(slot, block, __ATOMIC_ACQ_REL), "toggled.c", 4);
  }
  return NULL;
}

// Like an operator's `traffic_ctl config set`, a few hundred times under load: each block stays intact, whoever allocates or
// releases it, and no arming counts more releases than allocations.
static void
switching_on_and_off_under_load_harms_no_block(void **state)
{
  (void)state;
  pthread_t threads[3];
  atomic_store(&toggling, true);
  memset((void *)shared_blocks, 0, sizeof(shared_blocks));
  for (intptr_t i = 0; i < 3; ++i) {
    pthread_create(&threads[i], NULL, operations_until_toggled, (void *)i);
  }
  for (int i = 0; i < 300; ++i) {
    assert_int_equal(memtrack_openssl_install(&reason), 0);
    sched_yield();
    memtrack_openssl_remove();
    sched_yield();
  }
  atomic_store(&toggling, false);
  for (int i = 0; i < 3; ++i) {
    pthread_join(threads[i], NULL);
  }
  struct sums sums = sum_site(MEMTRACK_SITE_UNKNOWN);
  assert_true(sums.allocs >= sums.frees);
  assert_true(sums.alloc_bytes >= sums.free_bytes);
  for (int i = 0; i < SLOTS; ++i) {
    CRYPTO_free(shared_blocks[i], "toggled.c", 5);
  }
}

static void
a_disarmed_child_allocates_without_accounting(void **state)
{
  (void)state;
  assert_int_equal(memtrack_openssl_install(&reason), 0);
  memtrack_openssl_disarm();
  uint64_t blocks = live();
  void *block     = CRYPTO_realloc(CRYPTO_malloc(10, "child.c", 1), 20, "child.c", 2);
  assert_int_equal(malloc_usable_size(block) >= 20, 1);
  CRYPTO_free(block, "child.c", 3);
  assert_null(CRYPTO_malloc(0, "child.c", 4));
  assert_int_equal(live(), blocks);
  memtrack_openssl_remove();
}

static int
open_once(void **state)
{
  (void)state;
  OPENSSL_init_ssl(0, NULL);
  open_accounting(4096);
  return 0;
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(three_values_are_found_in_any_order_and_counted),
    cmocka_unit_test(the_hook_is_installed_and_proved_and_writes_three_words),
    cmocka_unit_test(openssl_objects_are_charged_by_file_and_line_and_return_to_nothing),
    cmocka_unit_test(realloc_grows_shrinks_moves_and_knows_null_and_zero),
    cmocka_unit_test(an_allocation_that_fails_changes_nothing),
    cmocka_unit_test(blocks_of_another_arming_and_foreign_ones_are_counted_apart),
    cmocka_unit_test(random_operations_of_many_threads_agree_with_a_shadow_to_the_byte),
    cmocka_unit_test(switching_on_and_off_under_load_harms_no_block),
    cmocka_unit_test(a_disarmed_child_allocates_without_accounting),
  };
  return cmocka_run_group_tests(tests, open_once, NULL);
}
