// SPDX-License-Identifier: Apache-2.0
//
// The hooks of the C library's allocation functions, with hostile arguments: each answers as the function itself, and touches only
// what the function itself would touch. One test for each function.
#define _GNU_SOURCE
#include "hostile.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hook/heap.h"
#include "hook/release.h"

// Declared without the underscores.
extern char *__strdup(const char *);
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void *__libc_valloc(size_t);
extern void *__libc_pvalloc(size_t);
extern void *__libc_realloc(void *, size_t);
extern void __libc_free(void *);
extern char *__strndup(const char *, size_t);
extern void *ats_malloc(size_t);

static const struct memtrack_redirect *const tables[] = {memtrack_plugin_heap,
                                                         memtrack_library_heap,
                                                         memtrack_shared_heap,
                                                         memtrack_server_heap,
                                                         memtrack_server_own_heap,
                                                         memtrack_heap_aliases,
                                                         NULL};

// Of the fast and small bins, a large bin, and mmap(); then sizes that cannot be allocated, near every overflow.
static const size_t POSSIBLE[]   = {0, 1, 7, 8, 16, 24, 25, 40, 1000, 1032, 1033, 5000, 200000};
static const size_t IMPOSSIBLE[] = {(size_t)PTRDIFF_MAX - 16,
                                    PTRDIFF_MAX,
                                    (size_t)PTRDIFF_MAX + 1,
                                    SIZE_MAX - 4096,
                                    SIZE_MAX - 16,
                                    SIZE_MAX - 9,
                                    SIZE_MAX - 8,
                                    SIZE_MAX - 7,
                                    SIZE_MAX - 1,
                                    SIZE_MAX};

// A correct program writes all bytes that it has asked for, and finds them again.
static void
use(void *block, size_t size, uint8_t with)
{
  answer("allocated", block != NULL);
  if (block) {
    memset(block, with, size);
  }
}

static void
find_again(const void *block, size_t size, uint8_t with)
{
  size_t good = 0;
  while (good < size && ((const uint8_t *)block)[good] == with) {
    ++good;
  }
  answer("bytes", good);
}

// ---- malloc and its like ----

typedef void *(*malloc_like)(size_t);

static void
allocate(function tested)
{
  void *blocks[2][sizeof(POSSIBLE) / sizeof(*POSSIBLE)];
  for (int round = 0; round < 2; ++round) {
    FOR_EACH (i, POSSIBLE) {
      WITH_ERRNO(blocks[round][i] = ((malloc_like)tested)(POSSIBLE[i]));
      use(blocks[round][i], POSSIBLE[i], i);
    }
  }
  FOR_EACH (i, POSSIBLE) {
    find_again(blocks[0][i], POSSIBLE[i], i);
    find_again(blocks[1][i], POSSIBLE[i], i);
    WITH_ERRNO(give_back(blocks[0][i]));
    WITH_ERRNO(give_back(blocks[1][i]));
  }
  FOR_EACH (i, IMPOSSIBLE) {
    WITH_ERRNO(answer("impossible", ((malloc_like)tested)(IMPOSSIBLE[i]) != NULL));
  }
}

static void
allocate_pages(function tested)
{
  allocate(tested);
  void *block = ((malloc_like)tested)(100);
  answer("aligned", (uintptr_t)block % 4096);
  give_back(block);
}

typedef void *(*calloc_like)(size_t, size_t);

// Also in memory that was in use, up to its last byte and the tag.
static void
allocate_zeros(function tested)
{
  calloc_like f = (calloc_like)tested;
  for (int round = 0; round < 10; ++round) {
    FOR_EACH (i, POSSIBLE) {
      void *block;
      WITH_ERRNO(block = f(round % 3 ? 1 : POSSIBLE[i], round % 3 ? POSSIBLE[i] : 1));
      find_again(block, POSSIBLE[i], 0);
      use(block, POSSIBLE[i], 0xff);
      give_back(block);
    }
  }
  FOR_EACH (i, IMPOSSIBLE) {
    WITH_ERRNO(answer("impossible", f(1, IMPOSSIBLE[i]) != NULL));
    WITH_ERRNO(answer("impossible", f(IMPOSSIBLE[i], 1) != NULL));
    WITH_ERRNO(answer("overflow", f(IMPOSSIBLE[i], 16) != NULL));
  }
  WITH_ERRNO(answer("overflow to 0", f((size_t)1 << 32, (size_t)1 << 32) != NULL));
  WITH_ERRNO(answer("overflow to 8", f(((size_t)1 << 61) + 1, 8) != NULL));
}

typedef void *(*memalign_like)(size_t, size_t);

static void
allocate_aligned(function tested)
{
  static const size_t ALIGN[] = {1, 2, 8, 16, 32, 64, 4096, 65536};
  memalign_like f             = (memalign_like)tested;
  FOR_EACH (a, ALIGN) {
    FOR_EACH (i, POSSIBLE) {
      size_t size = (POSSIBLE[i] + ALIGN[a] - 1) / ALIGN[a] * ALIGN[a]; // as ISO C asks of aligned_alloc()
      void *block;
      WITH_ERRNO(block = f(ALIGN[a], size));
      use(block, size, a);
      answer("aligned", (uintptr_t)block % ALIGN[a]);
      find_again(block, size, a);
      give_back(block);
    }
    FOR_EACH (i, IMPOSSIBLE) {
      WITH_ERRNO(answer("impossible", f(ALIGN[a], IMPOSSIBLE[i] / ALIGN[a] * ALIGN[a]) != NULL));
    }
  }
}

static void
allocate_oddly_aligned(function tested)
{
#if MT_SANITIZED // whose allocators and headers take these for mistakes
  static const size_t ALIGN[] = {16};
#else
  static const size_t ALIGN[] = {
    0, 3, 24, 48, 1000, (size_t)1 << 62, ((size_t)1 << 63) - 1, (size_t)1 << 63, ((size_t)1 << 63) + 1, SIZE_MAX};
#endif
  allocate_aligned(tested);
  FOR_EACH (a, ALIGN) {
    void *block;
    WITH_ERRNO(block = ((memalign_like)tested)(ALIGN[a], 240));
    use(block, 240, a);
    give_back(block);
  }
}

typedef int (*posix_memalign_like)(void **, size_t, size_t);

// The variable is the last before a page without access, and keeps its value where the function fails.
static void
allocate_to_variable(function tested)
{
  static const size_t ALIGN[] = {0, 1, 3, 4, 8, 12, 16, 64, 4096, 65536, SIZE_MAX};
  posix_memalign_like f       = (posix_memalign_like)tested;
  void **variable             = before_guard(NULL, sizeof(*variable));
  FOR_EACH (a, ALIGN) {
    FOR_EACH (i, POSSIBLE) {
      *variable = POISON;
      WITH_ERRNO(answer("result", f(variable, ALIGN[a], POSSIBLE[i])));
      answer("untouched", *variable == POISON);
      if (*variable != POISON) {
        answer("aligned", (uintptr_t)*variable & (ALIGN[a] - 1));
        use(*variable, POSSIBLE[i], i);
        give_back(*variable);
      }
    }
    FOR_EACH (i, IMPOSSIBLE) {
      *variable = POISON;
      WITH_ERRNO(answer("result", f(variable, ALIGN[a], IMPOSSIBLE[i])));
      answer("untouched", *variable == POISON);
    }
  }
}

static void
allocate_to_nowhere(function tested)
{
  ((posix_memalign_like)tested)(POISON, 16, 24);
}

// ---- realloc and its like ----

typedef void *(*realloc_like)(void *, size_t);
typedef void *(*reallocarray_like)(void *, size_t, size_t);

static const size_t RESIZED[] = {0, 1, 24, 40, 1000, 1033, 200000};

static void
resize_with(void *(*resize)(function, void *, size_t), function tested)
{
  for (unsigned kind = 0; kind < KINDS; ++kind) {
    FOR_EACH (from, RESIZED) {
      FOR_EACH (to, RESIZED) {
        size_t old = kind == KINDS - 1 ? 0 : RESIZED[from], size = RESIZED[to];
        void *block = make_block(kind, old), *moved;
        if (block) {
          memset(block, kind, old);
        }
        size_t refused = IMPOSSIBLE[to % (sizeof(IMPOSSIBLE) / sizeof(*IMPOSSIBLE))];
        WITH_ERRNO(answer("impossible", resize(tested, block, refused) != NULL));
        WITH_ERRNO(moved = resize(tested, block, size));
        answer("moved", moved != NULL);
        if (moved) {
          find_again(moved, old < size ? old : size, kind);
          use(moved, size, 0xee);
          WITH_ERRNO(give_back(moved));
        }
      }
    }
  }
}

static void *
resize_plainly(function tested, void *block, size_t size)
{
  return ((realloc_like)tested)(block, size);
}

static void *
resize_an_array(function tested, void *block, size_t size)
{
  return ((reallocarray_like)tested)(block, 1, size);
}

static void
resize(function tested)
{
  resize_with(resize_plainly, tested);
}

static void
resize_array(function tested)
{
  reallocarray_like f = (reallocarray_like)tested;
  void *block         = malloc(24);
  memset(block, 7, 24);
  resize_with(resize_an_array, tested);
  WITH_ERRNO(answer("overflow to 0", f(block, (size_t)1 << 32, (size_t)1 << 32) != NULL));
  WITH_ERRNO(answer("overflow to 8", f(block, ((size_t)1 << 61) + 1, 8) != NULL));
  WITH_ERRNO(answer("overflow", f(NULL, SIZE_MAX, SIZE_MAX) != NULL));
  find_again(block, 24, 7);
  WITH_ERRNO(answer("none", f(block, 5, 0) != NULL));
  WITH_ERRNO(answer("none", f(malloc(1), 0, 5) != NULL));
  WITH_ERRNO(block = f(NULL, 0, SIZE_MAX));
  answer("allocated", block != NULL);
  give_back(block);
}

static void
resize_nothing(function tested)
{
  ((realloc_like)tested)(POISON, 24);
}

static void
resize_array_of_nothing(function tested)
{
  ((reallocarray_like)tested)(POISON, 1, 24);
}

// ---- strdup and its like ----

static const char *const TEXTS[] = {"", "a", "1234567", "12345678", "a text, longer than 32 bytes, with a tag behind it"};

static void
answer_copy(char *copy, const char *text, size_t length)
{
  answer("same", copy && strlen(copy) == length && memcmp(copy, text, length) == 0);
  give_back(copy);
}

// A text that ends at the end of memory.
static void
copy_text(function tested)
{
  char *(*f)(const char *) = (char *(*)(const char *))tested;
  FOR_EACH (i, TEXTS) {
    char *text = before_guard(TEXTS[i], strlen(TEXTS[i]) + 1), *copy;
    WITH_ERRNO(copy = f(text));
    answer_copy(copy, text, strlen(text));
  }
  char *large   = before_guard(NULL, 300000), *copy;
  large[299999] = '\0';
  WITH_ERRNO(copy = f(large));
  answer_copy(copy, large, 299999);
}

typedef char *(*strndup_like)(const char *, size_t);

// An array without a terminator, at the end of memory; a text that ends before the limit; an address of nothing with limit 0.
static void
copy_array(function tested)
{
  strndup_like f = (strndup_like)tested;
  char *copy;
  FOR_EACH (i, TEXTS) {
    size_t length = strlen(TEXTS[i]);
    char *array = before_guard(TEXTS[i], length), *text = before_guard(TEXTS[i], length + 1);
    WITH_ERRNO(copy = f(array, length));
    answer_copy(copy, array, length);
    WITH_ERRNO(copy = f(text, SIZE_MAX));
    answer_copy(copy, text, length);
    WITH_ERRNO(copy = f(text, length + 1));
    answer_copy(copy, text, length);
  }
  WITH_ERRNO(copy = f(POISON, 0));
  answer_copy(copy, "", 0);
  WITH_ERRNO(copy = f(NULL, 0));
  answer_copy(copy, "", 0);
}

static void
copy_nothing(function tested)
{
  ((strndup_like)tested)(NULL, 5); // for strdup(), too many arguments
}

static void
copy_from_nowhere(function tested)
{
  ((strndup_like)tested)(POISON, 5);
}

// ---- releases ----

static void
release(function tested)
{
  void (*f)(void *) = (void (*)(void *))tested;
  for (int round = 0; round < 5; ++round) {
    for (unsigned kind = 0; kind < KINDS; ++kind) {
      FOR_EACH (i, POSSIBLE) {
        void *block = make_block(kind, POSSIBLE[i]);
        if (block) {
          memset(block, 0xff, POSSIBLE[i]);
        }
        WITH_ERRNO(f(block));
      }
    }
  }
}

static void
release_nothing(function tested)
{
  ((void (*)(void *))tested)(POISON);
}

// All usable bytes belong to the program.
static void
ask_size(function tested)
{
  size_t (*f)(void *) = (size_t(*)(void *))tested;
  WITH_ERRNO(answer("none", f(NULL)));
  for (unsigned kind = 0; kind < KINDS - 1; ++kind) {
    FOR_EACH (i, POSSIBLE) {
      void *block = make_block(kind, POSSIBLE[i]);
      size_t usable;
      WITH_ERRNO(usable = f(block));
      answer("enough", usable >= POSSIBLE[i]);
      memset(block, 0xff, POSSIBLE[i] ? usable : 0);
      answer("stable", f(block) == usable);
      give_back(block);
    }
  }
}

// ---- the tests ----

#define TEST_(symbol, run)                                         \
  static void hostile_##symbol(void **state)                       \
  {                                                                \
    (void)state;                                                   \
    compare_hooks(#symbol, (function)symbol, "free", tables, run); \
  }

TEST_(malloc, allocate)
TEST_(valloc, allocate_pages)
TEST_(pvalloc, allocate_pages)
TEST_(calloc, allocate_zeros)
TEST_(memalign, allocate_oddly_aligned)
TEST_(aligned_alloc, allocate_aligned)
TEST_(free, release)

// The server's.
void *
ats_malloc(size_t size)
{
  void *block = size ? malloc(size) : NULL;
  if (size && !block) {
    abort();
  }
  return block;
}

static void
allocate_of_server(function tested)
{
  FOR_EACH (i, POSSIBLE) {
    void *block;
    WITH_ERRNO(block = ((malloc_like)tested)(POSSIBLE[i]));
    use(block, POSSIBLE[i], i);
    find_again(block, block ? POSSIBLE[i] : 0, i);
    WITH_ERRNO(give_back(block));
  }
}

static void
allocate_too_much(function tested)
{
  ((malloc_like)tested)(PTRDIFF_MAX);
}

static void
hostile_ats_malloc(void **state)
{
  (void)state;
  compare_hooks("ats_malloc", (function)ats_malloc, "free", tables, allocate_of_server);
  compare_ends((function)ats_malloc, hook_of(memtrack_shared_heap, "ats_malloc"), allocate_too_much);
}

// With another allocator these are not hooked.
#define TEST_ALIAS_(symbol, run)                                   \
  static void hostile_##symbol(void **state)                       \
  {                                                                \
    (void)state;                                                   \
    if (MT_SANITIZED) {                                            \
      skip();                                                      \
    }                                                              \
    compare_hooks(#symbol, (function)symbol, "free", tables, run); \
  }
TEST_ALIAS_(__libc_malloc, allocate)
TEST_ALIAS_(__libc_realloc, resize)
TEST_ALIAS_(__libc_calloc, allocate_zeros)
TEST_ALIAS_(__libc_memalign, allocate_oddly_aligned)
TEST_ALIAS_(__libc_valloc, allocate_pages)
TEST_ALIAS_(__libc_pvalloc, allocate_pages)
TEST_ALIAS_(__libc_free, release)

static void
hostile_malloc_usable_size(void **state)
{
  (void)state;
  memtrack_rooms_told = false;
  compare_hooks("malloc_usable_size", (function)malloc_usable_size, "free", tables, ask_size);
  assert_true(memtrack_rooms_told); // the search must know
}

static void
compare_with_end(const char *symbol, function plain, scenario run, scenario end)
{
  compare_hooks(symbol, plain, "free", tables, run);
  compare_ends(plain, hook_of(memtrack_plugin_heap, symbol), end);
}

#define TEST_WITH_END_(symbol, run, end)                   \
  static void hostile_##symbol(void **state)               \
  {                                                        \
    (void)state;                                           \
    compare_with_end(#symbol, (function)symbol, run, end); \
  }

TEST_WITH_END_(posix_memalign, allocate_to_variable, allocate_to_nowhere)
TEST_WITH_END_(realloc, resize, resize_nothing)
TEST_WITH_END_(reallocarray, resize_array, resize_array_of_nothing)
TEST_WITH_END_(strdup, copy_text, copy_nothing)
TEST_WITH_END_(__strdup, copy_text, copy_from_nowhere)
TEST_WITH_END_(strndup, copy_array, copy_nothing)
TEST_WITH_END_(__strndup, copy_array, copy_nothing)

static void
a_release_of_no_block_ends_the_process_as_the_C_library_does(void **state)
{
  (void)state;
  const struct memtrack_redirect *const *table = tables;
  for (; *table; ++table) {
    if (*table != memtrack_heap_aliases) {
      compare_ends((function)free, hook_of(*table, "free"), release_nothing);
      compare_ends((function)malloc_usable_size, hook_of(*table, "malloc_usable_size"), release_nothing);
    }
  }
}

// ---- another tool ----

static unsigned tool_calls;

// Bound to the shared hook, as a library is that is loaded after memtrack.
static void *
tool_malloc(size_t size)
{
  if (++tool_calls > 3) {
    abort();
  }
  return ((malloc_like)hook_of(memtrack_shared_heap, "malloc"))(size);
}

// As heaptrack does, attached to the server: it redirects the slots and the words of data in all modules, memtrack.so's among them.
static void
a_tool_that_redirects_this_modules_words_is_called_once(void **state)
{
  (void)state;
  struct memtrack_reason reason;
  struct memtrack_slots slots;
  static const struct memtrack_redirect table[] = {{"malloc", (void *)tool_malloc}, {NULL, NULL}};
  const void *global[MEMTRACK_REDIRECTS_MAX]    = {(void *)malloc};
  if (MT_SANITIZED) {
    skip(); // the sanitizer's malloc() is in this module
  }
  unsigned words = MEMTRACK_WORDS_CALLS | MEMTRACK_WORDS_ADDRESSES | MEMTRACK_WORDS_UNBOUND;
  assert_int_equal(memtrack_slots_collect(&slots, (void *)tool_malloc, table, global, words, NULL), 0);
  assert_in_range(slots.count, 1, 100);
  assert_int_equal(memtrack_slots_apply(slots.list, slots.count, true, &reason), 0);
  void *block = tool_malloc(100);
  assert_int_equal(memtrack_slots_restore(&slots, &reason), 0);
  assert_non_null(block);
  assert_int_equal(tool_calls, 1);
  free(block);
  memtrack_slots_free(&slots);
}

static int
open_heap(void **state)
{
  struct memtrack_reason reason;
  return open_hostile(state) || memtrack_hook_heap_open(&reason);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(hostile_malloc),
    cmocka_unit_test(hostile_valloc),
    cmocka_unit_test(hostile_pvalloc),
    cmocka_unit_test(hostile_calloc),
    cmocka_unit_test(hostile_memalign),
    cmocka_unit_test(hostile_aligned_alloc),
    cmocka_unit_test(hostile_posix_memalign),
    cmocka_unit_test(hostile_realloc),
    cmocka_unit_test(hostile_reallocarray),
    cmocka_unit_test(hostile_strdup),
    cmocka_unit_test(hostile___strdup),
    cmocka_unit_test(hostile_strndup),
    cmocka_unit_test(hostile___strndup),
    cmocka_unit_test(hostile_free),
    cmocka_unit_test(hostile_ats_malloc),
    cmocka_unit_test(hostile___libc_malloc),
    cmocka_unit_test(hostile___libc_calloc),
    cmocka_unit_test(hostile___libc_memalign),
    cmocka_unit_test(hostile___libc_valloc),
    cmocka_unit_test(hostile___libc_pvalloc),
    cmocka_unit_test(hostile___libc_realloc),
    cmocka_unit_test(hostile___libc_free),
    cmocka_unit_test(hostile_malloc_usable_size),
    cmocka_unit_test(a_release_of_no_block_ends_the_process_as_the_C_library_does),
    cmocka_unit_test(a_tool_that_redirects_this_modules_words_is_called_once),
  };
  return cmocka_run_group_tests(tests, open_heap, NULL);
}
