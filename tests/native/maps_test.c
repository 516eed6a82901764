// SPDX-License-Identifier: Apache-2.0
//
// A process that has as many mappings as the kernel allows it (vm.max_map_count): each part of the host goes on, says the reason,
// and records nothing that was not done.
#define _GNU_SOURCE
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/limits.h"
#include "core/account.h"
#include "module/module.h"
#include "module/slots.h"
#include "owner/context.h"
#include "owner/thunk.h"

#define PAGE 4096

// The sanitizers end the process if they cannot map memory.
#if defined(__SANITIZE_ADDRESS__)
#define ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESS_SANITIZER 1
#endif
#endif
#ifndef ADDRESS_SANITIZER
#define ADDRESS_SANITIZER 0
#endif

static char *filled;

// Every second page has another protection, so that each is a mapping of its own.
static void
use_mappings_up(void)
{
  enum { PAIRS = 1 << 20 };
  filled = mmap(NULL, (size_t)2 * PAIRS * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  assert_ptr_not_equal(filled, MAP_FAILED);
  for (size_t i = 0; i < PAIRS; ++i) {
    if (mprotect(filled + 2 * i * PAGE, PAGE, PROT_READ)) {
      assert_int_equal(errno, ENOMEM);
      // Until not a single one is left.
      while (mmap(NULL, PAGE, i++ % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) {
      }
      return;
    }
  }
  fail_msg("the kernel has no limit on mappings");
}

// ---- what the host does meanwhile ----

static void *words[3 * PAGE / sizeof(void *)] __attribute__((aligned(PAGE)));
static struct memtrack_patch patches[2];
static struct memtrack_reason slots_reason, thunks_reason;
static int slots_result;
static uint32_t thunks;

static intptr_t
handler(void)
{
  return memtrack_context.owner;
}

static void
write_slots(void)
{
  // The first in a writable page, the second in the middle of three pages that are not.
  static void *writable;
  patches[0]   = (struct memtrack_patch){.at = &writable, .after = words};
  patches[1]   = (struct memtrack_patch){.at = &words[3 * PAGE / sizeof(void *) / 2], .after = words};
  slots_result = memtrack_slots_apply(patches, 2, true, &slots_reason);
}

static void
wrap_functions(void)
{
  uint64_t hits = memtrack_limit_hits(MEMTRACK_LIMIT_THUNKS);
  while (memtrack_limit_hits(MEMTRACK_LIMIT_THUNKS) == hits && thunks < 10000) {
    memtrack_context.owner = ++thunks << MEMTRACK_OWNER_SLOT_BITS | 1;
    memtrack_context_wrap((void *)(uintptr_t)handler);
  }
  memtrack_context.owner = MEMTRACK_OWNER_CORE;
  memtrack_thunk_retry(&thunks_reason);
}

static int found;

static void
count_found(struct memtrack_module *module)
{
  found += module->kind != MEMTRACK_MODULE_LEFT_ALONE;
}

// ---- threads that were there before ----

#define THREADS 4
#define EVENTS  1000

static pthread_barrier_t begin, end;

static void *
count_events(void *nothing)
{
  pthread_barrier_wait(&begin);
  for (int i = 0; i < EVENTS; ++i) {
    memtrack_account_iobuffer("memory/IOBuffer/maps.cc:1", 100);
  }
  pthread_barrier_wait(&end);
  return nothing;
}

static void
no_mapping_is_left(void **state)
{
  (void)state;
  pthread_t threads[THREADS];
  if (THREAD_SANITIZER || ADDRESS_SANITIZER) {
    skip();
  }
  assert_int_equal(mprotect(words, sizeof(words), PROT_READ), 0);
  pthread_barrier_init(&begin, NULL, THREADS + 1);
  pthread_barrier_init(&end, NULL, THREADS + 1);
  for (int i = 0; i < THREADS; ++i) {
    assert_int_equal(pthread_create(&threads[i], NULL, count_events, NULL), 0);
  }
  use_mappings_up();
  write_slots();
  wrap_functions();
  int scanned = memtrack_module_scan(NULL, false, count_found, count_found);
  pthread_barrier_wait(&begin);
  pthread_barrier_wait(&end);
  char *dump         = dump_text(1, false);
  uint64_t exhausted = memtrack_limit_hits(MEMTRACK_LIMIT_SHARDS);
  munmap(filled, (size_t)2 * (1 << 20) * PAGE);
  for (int i = 0; i < THREADS; ++i) {
    pthread_join(threads[i], NULL);
  }

  assert_int_equal(slots_result, -1);
  assert_true(patches[0].written);
  assert_false(patches[1].written);
  assert_null(*patches[1].at);
  assert_non_null(strstr(slots_reason.text, "writable: out of memory, or of mappings (vm.max_map_count)"));
  assert_int_equal(memtrack_page_protection(words), PROT_READ);
  assert_in_range(thunks, 500, 5000);
  assert_string_equal(thunks_reason.text, "out of memory, or of mappings (vm.max_map_count)");
  assert_int_equal(scanned == 0, found > 0);
  assert_int_equal(scanned != 0, memtrack_limit_hits(MEMTRACK_LIMIT_MODULES) > 0);
  assert_in_range(exhausted, 1, THREADS);
  assert_non_null(strstr(dump, "      4000 |          0 |               400000 |        100 | memory/IOBuffer/maps.cc:1"));
  free(dump);
  // And afterwards.
  assert_int_equal(memtrack_module_scan(NULL, false, count_found, count_found), 0);
  assert_true(found > 3);
  write_slots();
  assert_int_equal(slots_result, 0);
  wrap_functions();
  assert_int_equal(thunks, 10000);
}

static int
open_once(void **state)
{
  (void)state;
  open_accounting(64);
  memtrack_thunk_open();
  return 0;
}

int
main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(no_mapping_is_left)};
  return cmocka_run_group_tests(tests, open_once, NULL);
}
