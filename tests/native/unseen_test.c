// SPDX-License-Identifier: Apache-2.0
//
// A block that is released past the hooks leaves its row when the allocator hands it out again, whichever functions allocated it
// and got it again, and exactly once. Where hooks see every release, nothing is found.
#define _GNU_SOURCE
#include "support.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "core/account.h"
#include "hook/heap.h"
#include "hook/openssl.h"
#include "hook/plugin.h"
#include "hook/release.h"
#include "hook/state.h"
#include "hook/unseen.h"
#include "hook/watch.h"
#include "owner/naming.h"
#include "server/api.h"

void *_TSmalloc(size_t size, const char *path);
void *_TSrealloc(void *block, size_t size, const char *path);
char *_TSstrdup(const char *text, int64_t length, const char *path);
void _TSfree(void *block);

void *
_TSmalloc(size_t size, const char *path)
{
  (void)path;
  return malloc(size);
}

void *
_TSrealloc(void *block, size_t size, const char *path)
{
  (void)path;
  return realloc(block, size);
}

char *
_TSstrdup(const char *text, int64_t length, const char *path)
{
  (void)text;
  (void)length;
  (void)path;
  return NULL;
}

void
_TSfree(void *block)
{
  free(block);
}

// What a compiler does not know of free(): the block is looked at afterwards.
static void *
launder(void *block)
{
  __asm__ volatile("" : "+r"(block) : : "memory");
  return block;
}

static void
release_past_the_hooks(void *block)
{
  free(launder(block));
}

// ---- the functions ----

typedef uintptr_t (*hook)(uintptr_t, uintptr_t, uintptr_t);

static hook
hook_of(const char *name)
{
  const struct memtrack_redirect *const tables[] = {memtrack_plugin_heap, memtrack_plugin_api};
  for (int i = 0; i < 2; ++i) {
    for (const struct memtrack_redirect *each = tables[i]; each->symbol; ++each) {
      if (strcmp(each->symbol, name) == 0) {
        return (hook)each->hook;
      }
    }
  }
  return NULL;
}

static void *
allocate_plain(const char *name, size_t size)
{
  return (void *)hook_of(name)(size, (uintptr_t) "memory/test.c:1", 0);
}

// An alignment that every block has, so that the allocator takes no other way.
static void *
allocate_aligned(const char *name, size_t size)
{
  return (void *)hook_of(name)(16, size, 0);
}

static void *
allocate_aligned_last(const char *name, size_t size)
{
  return (void *)hook_of(name)(size, 16, 0);
}

static void *
allocate_zeroed(const char *name, size_t size)
{
  return (void *)hook_of(name)(1, size, 0);
}

static void *
allocate_into(const char *name, size_t size)
{
  void *block = NULL;
  assert_int_equal(hook_of(name)((uintptr_t)&block, 16, size), 0);
  return block;
}

static void *
allocate_anew(const char *name, size_t size)
{
  return (void *)hook_of(name)(0, size, (uintptr_t) "memory/test.c:1");
}

// A copy of a text of that length.
static void *
allocate_text(const char *name, size_t size)
{
  char text[4096];
  memset(text, 'x', size);
  text[size - 1] = '\0';
  return (void *)hook_of(name)((uintptr_t)text, size - 1, (uintptr_t) "memory/test.c:1");
}

static void *
allocate_openssl(const char *name, size_t size)
{
  (void)name;
  return memtrack_openssl_malloc(size, "file.c", 1);
}

static const struct family {
  const char *name;
  void *(*allocate)(const char *name, size_t size);
  bool hides; // the function clears what the block had
} families[] = {
  {"malloc", allocate_plain, false},
  {"calloc", allocate_zeroed, true},
  {"realloc", allocate_anew, false},
  {"memalign", allocate_aligned, false},
  {"aligned_alloc", allocate_aligned, false},
  {"posix_memalign", allocate_into, false},
  {"strdup", allocate_text, false},
  {"strndup", allocate_text, false},
  {"_Znwm", allocate_plain, false},
  {"_Znam", allocate_plain, false},
  {"_ZnwmSt11align_val_t", allocate_aligned_last, false},
  {"_ZnamSt11align_val_tRKSt9nothrow_t", allocate_aligned_last, false},
  {"_TSmalloc", allocate_plain, false},
  {"_TSrealloc", allocate_anew, false},
  {"_TSstrdup", allocate_text, false},
  {"CRYPTO_malloc", allocate_openssl, false},
};
enum { FAMILIES = sizeof(families) / sizeof(families[0]) };

// The sanitizers' aligned_alloc() refuses sizes that are no multiple of the alignment, and they want operator delete for operator
// new.
static bool
is_possible(int family)
{
  return !MT_SANITIZED || (strcmp(families[family].name, "aligned_alloc") != 0 && strncmp(families[family].name, "_Zn", 3) != 0);
}

// One call for all of them.
static MT_NOINLINE void *
allocate(int family, size_t size)
{
  const struct family *each = launder((void *)(uintptr_t)&families[family]);
  return launder(each->allocate(each->name, size));
}

// Whether the allocator hands a block out again as it was, and at once.
static bool
keeps_words(size_t size)
{
  const char *tunables = getenv("GLIBC_TUNABLES"), *preloaded = getenv("LD_PRELOAD");
  if ((tunables && strstr(tunables, "tcache_count=0")) || (preloaded && strstr(preloaded, "malloc_debug"))) {
    return false; // not always
  }
  uint64_t *block = launder(malloc(size));
  size_t last     = malloc_usable_size(block) / 8 - 1;
  block[last]     = 4711;
  free(launder(block));
  uint64_t *again = launder(malloc(size));
  bool keeps      = again == block && again[last] == 4711;
  free(again);
  return keeps;
}

static uint64_t
alive(void)
{
  struct sums sums = sum_site(MEMTRACK_SITE_UNKNOWN);
  return sums.allocs - sums.frees;
}

static uint64_t
bytes_alive(void)
{
  struct sums sums = sum_site(MEMTRACK_SITE_UNKNOWN);
  return sums.alloc_bytes - sums.free_bytes;
}

static void
forget_noted(void)
{
  while (memtrack_unseen_next() != MEMTRACK_SITE_UNKNOWN) {
  }
}

static uint32_t
site_of(const void *block)
{
  uint32_t birth = 0;
  uint64_t size, usable = malloc_usable_size((void *)block);
  assert_true(memtrack_tag_read(block, usable, memtrack_hooks.key, &birth, &size) ||
              memtrack_tag_read_guarded(block, usable, memtrack_hooks.key, &birth, &size) ||
              memtrack_tag_read(block, usable, memtrack_hooks.openssl_key, &birth, &size));
  return birth >> MEMTRACK_EPOCH_BITS;
}

// ---- what is met ----

// A block of one function is released past the hooks, and a function is asked for a block of the same size. Returns whether the
// first was met, or one of those before it that were not met then.
static bool
hand_out(int first, int next, size_t size)
{
  void *block   = allocate(first, size);
  uint32_t site = site_of(block);
  forget_noted();
  uint64_t blocks = alive(), bytes = bytes_alive(), count = memtrack_unseen_count();
  release_past_the_hooks(block);
  void *again  = allocate(next, size);
  uint64_t met = memtrack_unseen_count() - count;
  uint32_t of  = memtrack_unseen_next();
  assert_true(met <= 1);
  assert_int_equal(of != MEMTRACK_SITE_UNKNOWN, met);
  assert_true(!met || again != block || of == site);
  assert_int_equal(memtrack_unseen_next(), MEMTRACK_SITE_UNKNOWN);
  assert_int_equal(alive(), blocks + 1 - met);
  assert_int_equal(bytes_alive(), bytes + size * (1 - met));
  memtrack_release(again, MEMTRACK_CLASS_HEAP);
  free(again);
  assert_int_equal(alive(), blocks - met);
  return met;
}

static void
each_function_hands_out_what_each_has_allocated(void **state)
{
  (void)state;
  enum { SIZE = 88 }; // of which every function asks for a block of the same size class
  bool keeps = !MT_SANITIZED && keeps_words(SIZE + MEMTRACK_TAG_SIZE);
  int met    = 0;
  for (int first = 0; first < FAMILIES; ++first) {
    for (int next = 0; next < FAMILIES; ++next) {
      if (is_possible(first) && is_possible(next)) {
        met += hand_out(first, next, SIZE);
      }
    }
  }
  // The functions that clear hide the others' blocks, and the C library's calloc() does not take from the thread's cache.
  assert_true(!keeps || met >= (FAMILIES - 2) * (FAMILIES - 2));
}

static void
a_block_that_grew_to_a_place_of_an_unseen_one(void **state)
{
  (void)state;
  if (MT_SANITIZED || !keeps_words(1000)) {
    skip();
  }
  uint64_t blocks = alive(), count = memtrack_unseen_count();
  hook resize = hook_of("realloc");
  void *small = (void *)resize(0, 40, 0), *gone = allocate(0, 992);
  release_past_the_hooks(gone);
  void *moved = (void *)resize((uintptr_t)small, 992, 0);
  bool met    = moved == gone;
  assert_int_equal(memtrack_unseen_count() - count, met);
  assert_int_equal(alive(), blocks + 2 - met);
  memtrack_release(moved, MEMTRACK_CLASS_HEAP);
  free(moved);
}

static void
a_block_with_a_guard(void **state)
{
  (void)state;
  enum { SIZE = 100 };
  if (MT_SANITIZED || !keeps_words(SIZE + MEMTRACK_TAG_GUARDED)) {
    skip();
  }
  unsigned char *block = allocate(0, 40);
  block[malloc_usable_size(block) - 8] ^= 1; // its site is watched from the release on
  memtrack_release(block, MEMTRACK_CLASS_HEAP);
  free(block);
  assert_int_equal(memtrack_hooks.quick_size, 0);
  uint64_t blocks = alive(), count = memtrack_unseen_count(), damaged = memtrack_hooks.damaged;
  block          = allocate(0, SIZE);
  size_t usable  = malloc_usable_size(block);
  uint32_t birth = 0;
  uint64_t size;
  assert_true(memtrack_tag_read_guarded(block, usable, memtrack_hooks.key, &birth, &size));
  memset(block, 0, SIZE + 8); // an unseen user's, which is no overrun of a living block
  release_past_the_hooks(block);
  void *again = allocate(0, SIZE);
  assert_ptr_equal(again, block);
  assert_int_equal(memtrack_unseen_count() - count, 1);
  assert_int_equal(memtrack_hooks.damaged, damaged);
  assert_int_equal(alive(), blocks + 1);
  memtrack_release(again, MEMTRACK_CLASS_HEAP);
  free(again);
  for (int i = 0; i <= 600; ++i) {
    memtrack_watch_poll();
  }
}

// ---- what is not ----

static void
a_tag_of_an_earlier_arming_is_none(void **state)
{
  (void)state;
  uint64_t key = memtrack_hooks.key, openssl = memtrack_hooks.openssl_key;
  for (int family = 0; family < FAMILIES; ++family) {
    if (!is_possible(family)) {
      continue;
    }
    memtrack_hooks.key         = key;
    memtrack_hooks.openssl_key = openssl;
    void *block                = allocate(family, 96);
    release_past_the_hooks(block);
    memtrack_hooks.key         = memtrack_tag_key();
    memtrack_hooks.openssl_key = memtrack_tag_key();
    uint64_t count = memtrack_unseen_count(), blocks = alive();
    void *again = allocate(0, 96);
    assert_int_equal(memtrack_unseen_count(), count);
    assert_int_equal(alive(), blocks + 1);
    memtrack_release(again, MEMTRACK_CLASS_HEAP);
    free(again);
  }
}

// Level 1 after level 2: OpenSSL releases its blocks past the hooks, as it should.
static void
blocks_of_openssl_are_none_once_it_is_not_tracked(void **state)
{
  (void)state;
  void *block = memtrack_openssl_malloc(96, "file.c", 1);
  release_past_the_hooks(block);
  memtrack_hooks.openssl_armed = false;
  uint64_t count               = memtrack_unseen_count();
  void *again                  = allocate(0, 96);
  assert_int_equal(memtrack_unseen_count(), count);
  memtrack_hooks.openssl_armed = true;
  memtrack_release(again, MEMTRACK_CLASS_HEAP);
  free(again);
}

static void
a_wrappers_block_is_charged_to_its_caller_once(void **state)
{
  (void)state;
  void *block   = allocate(0, 96);
  uint32_t site = site_of(block);
  memtrack_release(block, MEMTRACK_CLASS_HEAP);
  free(block);
  uint64_t held = alive() + memtrack_unseen_count(); // a block of an earlier test may be met
  memtrack_store(&memtrack_naming_wrappers[site], 1);
  for (int i = 0; i < 100; ++i) {
    block = allocate(0, 96);
    assert_int_equal(alive() + memtrack_unseen_count(), held + 1);
    memtrack_release(block, MEMTRACK_CLASS_HEAP);
    free(block);
    assert_int_equal(alive() + memtrack_unseen_count(), held);
  }
  memtrack_store(&memtrack_naming_wrappers[site], 0);
}

// ---- many, on many threads ----

enum { THREADS = 4, LIVE = 512, TURNS = MT_SANITIZED ? 20000 : 200000 };

struct churn {
  uint64_t seed;
  bool past;
  uint64_t released_past;
};

static void *
churn(void *data)
{
  struct churn *churn = data;
  void *blocks[LIVE]  = {NULL};
  uint64_t random     = churn->seed;
  for (int turn = 0; turn < TURNS; ++turn) {
    int at = (int)(random_next(&random) % LIVE);
    if (blocks[at] == NULL) {
      int family = (int)(random_next(&random) % FAMILIES);
      blocks[at] = is_possible(family) ? allocate(family, 1 + random_next(&random) % 600) : NULL;
    } else if (churn->past && random_next(&random) % 4 == 0) {
      release_past_the_hooks(blocks[at]);
      ++churn->released_past;
      blocks[at] = NULL;
    } else {
      memtrack_release(blocks[at], MEMTRACK_CLASS_HEAP);
      free(blocks[at]);
      blocks[at] = NULL;
    }
  }
  for (int at = 0; at < LIVE; ++at) {
    if (blocks[at]) {
      memtrack_release(blocks[at], MEMTRACK_CLASS_HEAP);
      free(blocks[at]);
    }
  }
  return NULL;
}

// Returns how many were released past the hooks.
static uint64_t
churn_on_threads(bool past)
{
  pthread_t threads[THREADS];
  struct churn churns[THREADS];
  uint64_t sum = 0;
  for (int i = 0; i < THREADS; ++i) {
    churns[i] = (struct churn){.seed = (uint64_t)i + 1, .past = past};
    assert_int_equal(pthread_create(&threads[i], NULL, churn, &churns[i]), 0);
  }
  for (int i = 0; i < THREADS; ++i) {
    pthread_join(threads[i], NULL);
    sum += churns[i].released_past;
  }
  return sum;
}

static void
nothing_is_met_where_hooks_see_every_release(void **state)
{
  (void)state;
  uint64_t count = memtrack_unseen_count(), blocks = alive();
  churn_on_threads(false);
  assert_int_equal(memtrack_unseen_count(), count);
  assert_int_equal(alive(), blocks);
}

static void
each_is_met_once_at_most(void **state)
{
  (void)state;
  uint64_t count = memtrack_unseen_count(), blocks = alive();
  uint64_t past = churn_on_threads(true), met = memtrack_unseen_count() - count;
  print_message("of %lu blocks that were released past the hooks %lu were met\n", (unsigned long)past, (unsigned long)met);
  assert_true(met <= past);
  // One that was not met stays in its row, or was released again by the call that frees what came to its place.
  assert_true(alive() - blocks <= past - met);
  if (!MT_SANITIZED && keeps_words(100)) {
    assert_true(met > past / 10);
  }
}

static int
open_once(void **state)
{
  (void)state;
  struct memtrack_reason reason;
  open_accounting(4096);
  memtrack_api_open();
  memtrack_hook_plugin_open(&reason);
  assert_int_equal(memtrack_hook_heap_open(&reason), 0);
  memtrack_release_open();
  memtrack_hooks.key         = memtrack_tag_key();
  memtrack_hooks.openssl_key = memtrack_tag_key();
  memtrack_hooks.quick_size  = MEMTRACK_QUICK_SIZE;
  memtrack_hooks.armed = memtrack_hooks.heap = memtrack_hooks.openssl_armed = true;
  return 0;
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(nothing_is_met_where_hooks_see_every_release), // before those that leave blocks
    cmocka_unit_test(each_function_hands_out_what_each_has_allocated),
    cmocka_unit_test(a_block_that_grew_to_a_place_of_an_unseen_one),
    cmocka_unit_test(a_block_with_a_guard),
    cmocka_unit_test(a_tag_of_an_earlier_arming_is_none),
    cmocka_unit_test(blocks_of_openssl_are_none_once_it_is_not_tracked),
    cmocka_unit_test(a_wrappers_block_is_charged_to_its_caller_once),
    cmocka_unit_test(each_is_met_once_at_most),
  };
  return cmocka_run_group_tests(tests, open_once, NULL);
}
