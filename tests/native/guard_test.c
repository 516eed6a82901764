// SPDX-License-Identifier: Apache-2.0
//
// The hooks of the heap, called as plugins and libraries call them, while watches begin and end: contents, counts and sizes are
// those of a shadow model, all bytes that malloc_usable_size() reports may be written, and each overrun of a guarded block is
// counted.
#include "support.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "hook/block.h"
#include "hook/heap.h"
#include "hook/release.h"
#include "hook/watch.h"
#include "owner/context.h"

#define KEY 0x0123456789abcdefu

enum { NEW = 6, NEW_ALIGNED = 7 }; // ways to allocate; the others are of the C library
enum { SLOTS = 128, STEPS = 40000, WATCHED_SECONDS = 600, TEXT = 300 };

static const struct memtrack_redirect *
find(const struct memtrack_redirect *table, const char *name)
{
  while (strcmp(table->symbol, name) != 0) {
    ++table;
  }
  return table;
}

#define CALL(table, name, type) ((type)find(table, name)->hook)

struct shadow {
  unsigned char *block;
  size_t size, room;
  unsigned how;
  bool guarded, overrun;
};

// A hook may be called with any of these arguments.
static void *
allocate(const struct memtrack_redirect *table, unsigned how, size_t size)
{
  static char text[TEXT + 1];
  void *block = NULL;
  memset(text, 'x', TEXT);
  text[size % TEXT] = '\0';
  switch (how) {
  case 0:
    return CALL(table, "calloc", void *(*)(size_t, size_t))(size, 1);
  case 1:
    return CALL(table, "realloc", void *(*)(void *, size_t))(NULL, size);
  case 2:
    return CALL(table, "memalign", void *(*)(size_t, size_t))(64, size);
  case 3:
    assert_int_equal(CALL(table, "posix_memalign", int (*)(void **, size_t, size_t))(&block, 32, size), 0);
    return block;
  case 4:
    return CALL(table, "strdup", char *(*)(const char *))(text);
  case 5:
    return CALL(table, "strndup", char *(*)(const char *, size_t))(text, TEXT);
  case NEW:
    return CALL(table, "_Znwm", void *(*)(size_t))(size);
  case NEW_ALIGNED:
    return CALL(table, "_ZnwmSt11align_val_t", void *(*)(size_t, size_t))(size, 64);
  default:
    return CALL(table, "malloc", void *(*)(size_t))(size);
  }
}

static void
fill(struct shadow *one)
{
  uint32_t birth;
  uint64_t size, usable = malloc_usable_size(one->block);
  one->guarded = memtrack_tag_read_guarded(one->block, usable, KEY, &birth, &size);
  if (!one->guarded) {
    assert_true(memtrack_tag_read(one->block, usable, KEY, &birth, &size));
  }
  one->size    = size;
  one->room    = CALL(memtrack_library_heap, "malloc_usable_size", size_t(*)(void *))(one->block);
  one->overrun = false;
  assert_true(one->room >= size);
  for (size_t i = 0; i < one->room; ++i) {
    one->block[i] = one->size + i;
  }
}

static void
check(const struct shadow *one, size_t size)
{
  for (size_t i = 0; i < size; ++i) {
    assert_int_equal(one->block[i], (unsigned char)(one->size + i));
  }
}

static void
release(struct shadow *one, bool by_plugin)
{
  const struct memtrack_redirect *table = by_plugin ? memtrack_plugin_heap : memtrack_library_heap;
  check(one, one->size);
  if (one->how == NEW_ALIGNED) {
    CALL(table, "_ZdlPvmSt11align_val_t", void (*)(void *, size_t, size_t))(one->block, one->size, 64);
  } else if (one->how == NEW) {
    CALL(table, "_ZdlPvm", void (*)(void *, size_t))(one->block, one->size);
  } else {
    CALL(table, "free", void (*)(void *))(one->block);
  }
  one->block = NULL;
}

static void
resize(struct shadow *one, const struct memtrack_redirect *table, size_t size)
{
  check(one, one->overrun ? one->size : one->room);
  one->block = CALL(table, "reallocarray", void *(*)(void *, size_t, size_t))(one->block, size, 1);
  check(one, size < one->size ? size : one->size);
}

// As the release of a block with a damaged tag does it.
static void
begin_watch(const struct shadow *one)
{
  uint32_t birth;
  uint64_t size, usable = malloc_usable_size(one->block);
  if (memtrack_tag_read(one->block, usable, KEY, &birth, &size)) {
    assert_true(memtrack_watch_suspect(birth));
  }
}

static void
every_family_is_exact_while_its_sites_are_watched_and_while_not(void **state)
{
  (void)state;
  static struct shadow slots[SLOTS];
  uint64_t seed = 5, expected = 0, live = 0, bytes = 0, guarded = 0, plain = 0;
  struct sums before = sum_site(MEMTRACK_SITE_UNKNOWN);
  print_message("seed %lu\n", seed);
  for (int i = 0; i < STEPS; ++i) {
    uint64_t r         = random_next(&seed);
    struct shadow *one = &slots[r % SLOTS];
    size_t size        = 1 + (r >> 40) % (r >> 20 & 15 ? 90 : 5000);

    const struct memtrack_redirect *table = r >> 8 & 1 ? memtrack_plugin_heap : memtrack_library_heap;
    if (!one->block) {
      one->how   = r >> 32 & 15;
      one->block = allocate(table, one->how, size);
      assert_non_null(one->block);
      fill(one);
      ++live;
      bytes += one->size;
      *(one->guarded ? &guarded : &plain) += 1;
    } else if ((r >> 24) % 8 == 0 && one->how != NEW && one->how != NEW_ALIGNED) {
      bytes -= one->size;
      expected += one->overrun;
      resize(one, table, size);
      fill(one);
      bytes += one->size;
    } else if ((r >> 24) % 8 == 1 && one->guarded) {
      memset(one->block + one->size, 0, 1 + (r >> 50) % MEMTRACK_TAG_ZONE);
      one->overrun = true;
    } else if ((r >> 24) % 64 == 2) {
      begin_watch(one);
    } else if ((r >> 24) % 1024 == 3) {
      for (int second = 0; second <= WATCHED_SECONDS; ++second) {
        memtrack_watch_poll();
      }
    } else {
      bytes -= one->size;
      --live;
      expected += one->overrun;
      release(one, r >> 9 & 1);
    }
    assert_int_equal(memtrack_load(&memtrack_hooks.damaged), expected);
  }
  struct sums after = sum_site(MEMTRACK_SITE_UNKNOWN);
  assert_int_equal((after.allocs - after.frees) - (before.allocs - before.frees), live);
  assert_int_equal((after.alloc_bytes - after.free_bytes) - (before.alloc_bytes - before.free_bytes), bytes);
  assert_true(guarded > 1000 && plain > 1000 && expected > 100);
  for (int i = 0; i < SLOTS; ++i) {
    if (slots[i].block) {
      release(&slots[i], true);
    }
  }
}

static void
a_size_without_room_for_a_tag_fails_like_the_c_librarys(void **state)
{
  (void)state;
  for (size_t less = 0; less < 60; ++less) {
    assert_null(CALL(memtrack_plugin_heap, "malloc", void *(*)(size_t))(SIZE_MAX - less));
    assert_null(CALL(memtrack_plugin_heap, "realloc", void *(*)(void *, size_t))(NULL, SIZE_MAX - less));
  }
}

static int
open_all(void **state)
{
  struct memtrack_reason reason;
  (void)state;
  open_accounting(256);
  memtrack_release_open();
  assert_int_equal(memtrack_hook_heap_open(&reason), 0);
  memtrack_store(&memtrack_hooks.key, KEY);
  memtrack_store(&memtrack_hooks.heap, true);
  memtrack_store(&memtrack_hooks.armed, true);
  memtrack_context.owner = 5;
  return 0;
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_family_is_exact_while_its_sites_are_watched_and_while_not),
    cmocka_unit_test(a_size_without_room_for_a_tag_fails_like_the_c_librarys),
  };
  return cmocka_run_group_tests(tests, open_all, NULL);
}
