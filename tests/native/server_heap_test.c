// SPDX-License-Identifier: Apache-2.0
//
// The server's own heap: a row for the call that is not in a function which allocates for others, exact counts, nothing of what
// other rows have, and nothing while it is not tracked.
#define _GNU_SOURCE
#include "hostile.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "core/account.h"
#include "core/registry.h"
#include "hook/block.h"
#include "hook/heap.h"
#include "hook/state.h"
#include "module/module.h"
#include "owner/context.h"
#include "owner/naming.h"
#include "owner/server_call.h"
#include "owner/walk.h"
#include "symbol/eh_frame.h"

#define OWNER (7u << MEMTRACK_OWNER_SLOT_BITS | 2)
static void (*hook_free)(void *);
static void *(*library_malloc)(size_t);

// ---- the server: libtsutil.so, from server_part.c ----

static void *(*first_call)(size_t), *(*second_call)(size_t), *(*take_chunk)(size_t), *(*take_object)(size_t), *(*header)(size_t);
static void *(*resize_there)(void *, size_t);

static const struct memtrack_server server = {.allocators      = {"test_server_malloc"},
                                              .freelist_tables = {"test_server_lists", "test_server_no_lists"},
                                              .header_heaps    = {"test_server_header"}};

// ---- what is counted ----

struct count {
  uint64_t allocs, frees, bytes;
};

static struct count
count(void)
{
  struct sums sums = sum_site(MEMTRACK_SITE_UNKNOWN);
  return (struct count){sums.allocs, sums.frees, sums.alloc_bytes - sums.free_bytes};
}

static void
assert_counted(struct count before, uint64_t allocs, uint64_t frees, int64_t bytes)
{
  struct count now = count();
  assert_int_equal(now.allocs - before.allocs, allocs);
  assert_int_equal(now.frees - before.frees, frees);
  assert_int_equal(now.bytes - before.bytes, bytes);
}

static uint32_t
site_of(void *block)
{
  uint32_t birth;
  uint64_t size;
  return memtrack_tag_read(block, malloc_usable_size(block), memtrack_hooks.key, &birth, &size) ? birth >> MEMTRACK_EPOCH_BITS : 0;
}

static const char *
name_of(void *block)
{
  static char text[256];
  assert_int_not_equal(site_of(block), 0);
  memtrack_registry_text(site_of(block), text, sizeof(text));
  return text;
}

static void
track(bool server_heap)
{
  memtrack_store_ordered(&memtrack_hooks.server_heap, server_heap);
  memtrack_context.owner = MEMTRACK_OWNER_CORE;
}

static void
the_caller_of_an_allocating_function_is_the_site(void **state)
{
  (void)state;
  track(true);
  struct count before = count();
  void *blocks[]      = {first_call(100), first_call(20), second_call(3)};
  assert_counted(before, 3, 0, 123);
  assert_int_equal(site_of(blocks[0]), site_of(blocks[0]));
  assert_int_not_equal(site_of(blocks[0]), site_of(blocks[2]));
  assert_memory_equal(name_of(blocks[0]), "memory/core/libtsutil.so+0x", 27);
  memtrack_naming_resolve();
  assert_memory_equal(name_of(blocks[0]), "memory/core/libtsutil.so first_call+0x", 38);
  assert_memory_equal(name_of(blocks[2]), "memory/core/libtsutil.so second_call+0x", 39);
  for (int i = 0; i < 3; ++i) {
    hook_free(blocks[i]);
  }
  assert_counted(before, 3, 3, 0);
}

static void
while_a_plugin_runs_it_is_charged_to_the_plugin(void **state)
{
  (void)state;
  track(true);
  uint32_t owner         = memtrack_registry_owner("foo.so");
  memtrack_context.owner = owner;
  void *block            = first_call(100);
  memtrack_context.owner = MEMTRACK_OWNER_CORE;
  assert_non_null(strstr(name_of(block), "memory/plugin/libtsutil.so"));
  assert_non_null(strstr(name_of(block), " [via foo.so]"));
  hook_free(block);
}

static void
what_other_rows_have_is_not_counted(void **state)
{
  (void)state;
  track(true);
  struct count before = count();
  void *chunk = take_chunk(4096), *object = take_object(200);
  assert_counted(before, 0, 0, 0);
  memset(chunk, 1, 4096);
  hook_free(chunk);
  hook_free(object);
  assert_counted(before, 0, 0, 0);

  void *block = header(5000);
  assert_counted(before, 1, 0, 5000);
  hook_free(block);
  memtrack_context.owner = OWNER;
  block                  = header(5000);
  memtrack_context.owner = MEMTRACK_OWNER_CORE;
  assert_counted(before, 1, 1, 0);
  hook_free(block);
  assert_counted(before, 1, 1, 0);

  // Within a call that is counted already: TSmalloc.
  memtrack_context.inside = true;
  void *inner             = first_call(100);
  memtrack_context.inside = false;
  hook_free(inner);
  assert_counted(before, 1, 1, 0);
}

// An API function returns a block that the plugin owes: it moves to the plugin's row.
static void
a_block_that_a_plugin_gets_leaves_the_row(void **state)
{
  (void)state;
  track(true);
  struct count before = count();
  void *block         = first_call(100);
  memtrack_block_take_over(block);
  assert_int_equal(site_of(block), 0);
  assert_counted(before, 1, 1, 0);
  hook_free(block);
  assert_counted(before, 1, 1, 0);
}

static void
a_resized_block_is_counted_once(void **state)
{
  (void)state;
  track(true);
  struct count before = count();
  void *block         = resize_there(NULL, 10);
  block               = resize_there(block, 100000);
  assert_counted(before, 2, 1, 100000);
  hook_free(block);
  assert_counted(before, 2, 2, 0);

  // A block from before the tracking: nobody's release, and the new size is counted.
  uint64_t untracked = sum_site(MEMTRACK_SITE_PRE_ARMING + MEMTRACK_CLASS_HEAP).frees;
  before             = count();
  block              = resize_there(malloc(50), 60);
  assert_counted(before, 1, 0, 60);
  assert_int_equal(sum_site(MEMTRACK_SITE_PRE_ARMING + MEMTRACK_CLASS_HEAP).frees, untracked);
  hook_free(block);

  errno = 0;
  block = first_call(10);
  assert_null(resize_there(block, PTRDIFF_MAX - 100));
  assert_int_equal(errno, ENOMEM);
  assert_int_not_equal(site_of(block), 0);
  hook_free(block);
  assert_counted(before, 2, 2, 0);
}

static void
nothing_is_counted_while_it_is_not_tracked(void **state)
{
  (void)state;
  track(true);
  void *before_off    = first_call(100);
  struct count before = count();
  track(false);
  void *block            = first_call(100);
  memtrack_context.owner = OWNER;
  void *on_behalf        = first_call(100);
  memtrack_context.owner = MEMTRACK_OWNER_CORE;
  void *of_library       = library_malloc(100);
  assert_counted(before, 0, 0, 0);
  hook_free(block);
  hook_free(on_behalf);
  hook_free(of_library);
  assert_counted(before, 0, 0, 0);
  hook_free(before_off); // what was counted is released from its row
  assert_counted(before, 0, 1, -100);
  track(true);
  hook_free(library_malloc(100));
  assert_counted(before, 1, 2, -100);
}

static void
the_code_of_a_function_is_what_the_tables_say(void **state)
{
  (void)state;
  uintptr_t from, to, start = (uintptr_t)take_chunk;
  assert_true(memtrack_eh_frame_function(start, &from, &to));
  assert_int_equal(from, start);
  assert_true(to > start && to - start < 1000);
  uintptr_t again, end;
  assert_true(memtrack_eh_frame_function(to - 1, &again, &end));
  assert_int_equal(again, from);
  assert_false(memtrack_eh_frame_function((uintptr_t)&from, &again, &end));
}

static void
a_server_without_those_functions_is_refused(void **state)
{
  (void)state;
  static const struct memtrack_server other = {.freelist_tables = {"no_such_function", "test_server_lists", "test_server_no_lists"},
                                               .header_heaps    = {"test_server_header"}};
  struct memtrack_reason reason;
  assert_int_equal(memtrack_server_call_open(&other, &reason), -1);
  assert_non_null(strstr(reason.text, "freelists"));
  assert_int_equal(memtrack_server_call_open(&server, &reason), 0);
}

// A function of the server, or a place where it has a function of the hooks.
static void *
part(const char *name)
{
  void *found = dlsym(RTLD_DEFAULT, name);
  assert_non_null(found);
  return found;
}

static void
load_server(void)
{
  open_beside("libtsutil.so", RTLD_NOW | RTLD_GLOBAL);
  *(function *)part("server_malloc")         = hook_of(memtrack_server_own_heap, "malloc");
  *(function *)part("server_realloc")        = hook_of(memtrack_server_own_heap, "realloc");
  *(function *)part("server_posix_memalign") = hook_of(memtrack_server_own_heap, "posix_memalign");
  *(void **)&first_call                      = part("first_call");
  *(void **)&second_call                     = part("second_call");
  *(void **)&take_chunk                      = part("take_chunk");
  *(void **)&take_object                     = part("take_object");
  *(void **)&header                          = part("test_server_header");
  *(void **)&resize_there                    = part("resize_there");
}

static int
open_once(void **state)
{
  struct memtrack_reason reason;
  load_server();
  assert_int_equal(open_hostile(state), 0);
  assert_int_equal(memtrack_hook_heap_open(&reason), 0);
  memtrack_symbols_start(&reason);
  memtrack_walk_open();
  assert_int_equal(memtrack_server_call_open(&server, &reason), 0);
  hook_free            = (void (*)(void *))hook_of(memtrack_server_heap, "free");
  library_malloc       = (void *(*)(size_t))hook_of(memtrack_library_heap, "malloc");
  memtrack_hooks.key   = memtrack_tag_key();
  memtrack_hooks.armed = memtrack_hooks.heap = true;
  return 0;
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_caller_of_an_allocating_function_is_the_site),
    cmocka_unit_test(while_a_plugin_runs_it_is_charged_to_the_plugin),
    cmocka_unit_test(what_other_rows_have_is_not_counted),
    cmocka_unit_test(a_block_that_a_plugin_gets_leaves_the_row),
    cmocka_unit_test(a_resized_block_is_counted_once),
    cmocka_unit_test(nothing_is_counted_while_it_is_not_tracked),
    cmocka_unit_test(the_code_of_a_function_is_what_the_tables_say),
    cmocka_unit_test(a_server_without_those_functions_is_refused),
  };
  return cmocka_run_group_tests(tests, open_once, NULL);
}
