// SPDX-License-Identifier: Apache-2.0
//
// The hooks of the functions that allocators add to the standard ones, with hostile arguments: a release that is told a size
// reaches its counterpart without one, a question for the size answers what the program may use. One test for each function.
//
// The C library has none of these functions. This program is an allocator that has all: it defines malloc and free as well, because
// memtrack asks of which module malloc is. Under a sanitizer, whose allocator is linked into the program, it need not.
#define _GNU_SOURCE
#include "hostile.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "hook/extensions.h"
#include "hook/heap.h"
#include "hook/openssl.h"
#include "hook/plugin.h"
#include "hook/state.h"
#include "server/api.h"

// ---- the allocator ----

// What it is told in a release. The thread's own: others release as well.
static _Thread_local struct {
  void *freed;     // of free(), by which every release ends
  unsigned frees;  // how often
  unsigned sizes;  // releases that were told a size
  unsigned others; // calls of a counterpart other than free()
  int64_t more;    // the alignment, or the flags, that it was told
} told;

#if MT_SANITIZED
#define HAS_FREED(block) true // a leak or a second release is the sanitizer's to report
#else
#define HAS_FREED(block) (told.freed == (block) && told.frees == 1)

static void *(*librarys_malloc)(size_t);
static void (*librarys_free)(void *);

// Both at the first call: after an error dlsym() itself calls free().
static void
look_up(void)
{
  *(void **)&librarys_malloc = dlsym(RTLD_NEXT, "malloc");
  *(void **)&librarys_free   = dlsym(RTLD_NEXT, "free");
}

void *
malloc(size_t size)
{
  if (!librarys_malloc) {
    look_up();
  }
  return librarys_malloc(size);
}

void
free(void *block)
{
  if (!librarys_free) {
    look_up();
  }
  told.freed = block;
  ++told.frees;
  librarys_free(block);
}
#endif

static void
release_as_told(void *block, int64_t more)
{
  ++told.others;
  told.more = more;
  free(block);
  errno = 77; // a hook keeps it
}

#define RELEASES_(name)        \
  void name(void *block);      \
  void name(void *block)       \
  {                            \
    release_as_told(block, 0); \
  }
#define RELEASES_WITH_(name, type)   \
  void name(void *block, type more); \
  void name(void *block, type more)  \
  {                                  \
    release_as_told(block, more);    \
  }
// mi_free_aligned is lacking, as dallocx is in TCMalloc: free() takes its blocks.
RELEASES_WITH_(dallocx, int)
RELEASES_(tc_free)
RELEASES_(tc_delete)
RELEASES_(tc_deletearray)
RELEASES_WITH_(tc_delete_aligned, size_t)
RELEASES_WITH_(tc_deletearray_aligned, size_t)
RELEASES_(mi_free)

#define PLAIN_   (void *block, size_t size MT_UNUSED)
#define ALIGNED_ (void *block, size_t size MT_UNUSED, size_t align MT_UNUSED)
#define RELEASES_SIZED_(name, parameters, unsized, arguments) \
  void name parameters;                                       \
  void name parameters                                        \
  {                                                           \
    ++told.sizes;                                             \
    unsized arguments;                                        \
  }
RELEASES_SIZED_(free_sized, PLAIN_, free, (block))
RELEASES_SIZED_(free_aligned_sized, (void *block, size_t align MT_UNUSED, size_t size MT_UNUSED), free, (block))
RELEASES_SIZED_(sdallocx, (void *block, size_t size MT_UNUSED, int flags), dallocx, (block, flags))
RELEASES_SIZED_(tc_free_sized, PLAIN_, tc_free, (block))
RELEASES_SIZED_(tc_delete_sized, PLAIN_, tc_delete, (block))
RELEASES_SIZED_(tc_deletearray_sized, PLAIN_, tc_deletearray, (block))
RELEASES_SIZED_(tc_delete_sized_aligned, ALIGNED_, tc_delete_aligned, (block, align))
RELEASES_SIZED_(tc_deletearray_sized_aligned, ALIGNED_, tc_deletearray_aligned, (block, align))
RELEASES_SIZED_(mi_free_size, PLAIN_, mi_free, (block))
RELEASES_SIZED_(mi_free_size_aligned, ALIGNED_, free, (block))

#define SIZES_(name)                  \
  size_t name(void *block);           \
  size_t name(void *block)            \
  {                                   \
    return malloc_usable_size(block); \
  }
SIZES_(sallocx) // the flags that follow are of no effect
SIZES_(malloc_size)
SIZES_(tc_malloc_size)
SIZES_(mi_usable_size)
SIZES_(mi_malloc_size)
SIZES_(mi_malloc_usable_size)

// ---- the scenarios ----

static const struct memtrack_redirect *const tables[] = {memtrack_extensions, NULL};

static const size_t POSSIBLE[] = {0, 1, 8, 24, 25, 40, 1000, 1033, 200000};

typedef size_t (*size_of)(void *, int flags);

void *_TSmalloc(size_t size, const char *path);

void *
_TSmalloc(size_t size, const char *path)
{
  (void)path;
  return size ? malloc(size) : NULL;
}

// Further kinds of blocks: of TSmalloc and of OpenSSL, whose tags have another key. The last kind of make_block() is no block.
enum { OF_THE_API = KINDS, OF_OPENSSL, ALL_KINDS };

static void *
make(unsigned kind, size_t size)
{
  switch (kind) {
  case OF_THE_API:
    return ((void *(*)(size_t, const char *))hook_of(memtrack_plugin_api, "_TSmalloc"))(size, "");
  case OF_OPENSSL:
    return memtrack_openssl_malloc(size, "a.c", 1);
  default:
    return make_block(kind, size);
  }
}

static uint64_t
live(void)
{
  struct sums sums = sum_site(MEMTRACK_SITE_UNKNOWN);
  return sums.allocs - sums.frees;
}

static function without_hook; // the tested function itself: set by the test
static bool align_first;      // as free_aligned_sized() takes its arguments

// `more` is an alignment or flags. Arguments behind those that the function takes do no harm.
static void
release_with(function tested, void *block, size_t size, size_t more)
{
  void (*f)(void *, size_t, size_t) = (void (*)(void *, size_t, size_t))tested;
  told.freed                        = POISON;
  told.frees = told.sizes = told.others = 0;
  told.more                             = -1;
  if (align_first) {
    WITH_ERRNO(f(block, more, size));
  } else {
    WITH_ERRNO(f(block, size, more));
  }
  answer("released", HAS_FREED(block));
  answer("by another function than free()", told.others);
  answer("with", told.more);
  answer("told a size by the caller alone", told.sizes == (tested == without_hook));
}

// The size may be any from the one that was asked for to the one that the allocator answers.
static void
release(function tested)
{
  for (unsigned kind = 0; kind < ALL_KINDS; ++kind) {
    uint64_t before = live();
    FOR_EACH (i, POSSIBLE) {
      size_t size = POSSIBLE[i], align = kind == 2 || kind == 5 ? 64 : 16;
      for (int round = 0; round < 2; ++round) {
        void *block = make(kind, size);
        size_t room = ((size_of)hook_of(memtrack_extensions, "sallocx"))(block, 0);
        if (block) {
          memset(block, 0xff, size);
        }
        release_with(tested, block, round ? room : size, align);
      }
    }
    // A block that OpenSSL does not release stays in its row, until the allocator hands it out again.
    answer("counted as released", kind == OF_OPENSSL || live() <= before);
  }
  release_with(tested, NULL, SIZE_MAX, (size_t)POISON);
}

static void
release_aligned_first(function tested)
{
  align_first = true;
  release(tested);
  align_first = false;
}

static void
release_nowhere(function tested)
{
  ((void (*)(void *, size_t, size_t))tested)(POISON, 16, 16);
}

// All bytes of the size belong to the program, which writes them: the block is counted as released nevertheless.
static void
ask_size(function tested)
{
  size_of f = (size_of)tested;
  WITH_ERRNO(answer("none", f(NULL, 0)));
  for (unsigned kind = 0; kind < ALL_KINDS; ++kind) {
    uint64_t before = live();
    FOR_EACH (i, POSSIBLE) {
      size_t size = POSSIBLE[i], usable;
      void *block = make(kind, size);
      WITH_ERRNO(usable = f(block, -1));
      answer("enough", !block || usable >= size);
      if (block) {
        memset(block, 0xff, size ? usable : 0);
      }
      answer("stable", f(block, 0) == usable);
      ((void (*)(void *))hook_of(memtrack_library_heap, "free"))(block);
    }
    answer("counted as released", kind == OF_OPENSSL || live() == before);
  }
}

static void
ask_size_of_nothing(function tested)
{
  ((size_of)tested)(POISON, 0);
}

// ---- the tests ----

#define TEST_(symbol, run, end)                                             \
  static void hostile_##symbol(void **state)                                \
  {                                                                         \
    (void)state;                                                            \
    without_hook = (function)symbol;                                        \
    compare_hooks(#symbol, without_hook, "free", tables, run);              \
    compare_ends(without_hook, hook_of(memtrack_extensions, #symbol), end); \
  }

TEST_(free_sized, release, release_nowhere)
TEST_(free_aligned_sized, release_aligned_first, release_nowhere)
TEST_(sdallocx, release, release_nowhere)
TEST_(tc_free_sized, release, release_nowhere)
TEST_(tc_delete_sized, release, release_nowhere)
TEST_(tc_deletearray_sized, release, release_nowhere)
TEST_(tc_delete_sized_aligned, release, release_nowhere)
TEST_(tc_deletearray_sized_aligned, release, release_nowhere)
TEST_(mi_free_size, release, release_nowhere)
TEST_(mi_free_size_aligned, release, release_nowhere)
TEST_(sallocx, ask_size, ask_size_of_nothing)
TEST_(malloc_size, ask_size, ask_size_of_nothing)
TEST_(tc_malloc_size, ask_size, ask_size_of_nothing)
TEST_(mi_usable_size, ask_size, ask_size_of_nothing)
TEST_(mi_malloc_size, ask_size, ask_size_of_nothing)
TEST_(mi_malloc_usable_size, ask_size, ask_size_of_nothing)

static void
the_functions_of_mallocs_own_module_are_found(void **state)
{
  (void)state;
  for (const struct memtrack_definition *each = memtrack_extension_definitions; each->symbol; ++each) {
    assert_ptr_equal(each->original, plain_of(each->symbol));
  }
}

static int
open_extensions(void **state)
{
  struct memtrack_reason reason;
  memtrack_api_open();
  memtrack_hook_plugin_open(&reason); // which is refused, because this server has no function but _TSmalloc
  memtrack_hook_extensions_open();
  memtrack_store_ordered(&memtrack_hooks.openssl_key, memtrack_tag_key());
  memtrack_store_ordered(&memtrack_hooks.openssl_armed, true);
  return open_hostile(state) || memtrack_hook_heap_open(&reason);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(hostile_free_sized),
    cmocka_unit_test(hostile_free_aligned_sized),
    cmocka_unit_test(hostile_sdallocx),
    cmocka_unit_test(hostile_tc_free_sized),
    cmocka_unit_test(hostile_tc_delete_sized),
    cmocka_unit_test(hostile_tc_deletearray_sized),
    cmocka_unit_test(hostile_tc_delete_sized_aligned),
    cmocka_unit_test(hostile_tc_deletearray_sized_aligned),
    cmocka_unit_test(hostile_mi_free_size),
    cmocka_unit_test(hostile_mi_free_size_aligned),
    cmocka_unit_test(hostile_sallocx),
    cmocka_unit_test(hostile_malloc_size),
    cmocka_unit_test(hostile_tc_malloc_size),
    cmocka_unit_test(hostile_mi_usable_size),
    cmocka_unit_test(hostile_mi_malloc_size),
    cmocka_unit_test(hostile_mi_malloc_usable_size),
    cmocka_unit_test(the_functions_of_mallocs_own_module_are_found),
  };
  return cmocka_run_group_tests(tests, open_extensions, NULL);
}
