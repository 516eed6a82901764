// SPDX-License-Identifier: Apache-2.0
//
// The hooks of the functions that map and unmap memory, and of those that end a thread's stack, with hostile arguments: one test
// for each function. Then what they count: mappings of a plugin and of a library on its behalf, stacks of threads, and an unmapping
// that no hook sees.
#define _GNU_SOURCE
#include "hostile.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/limits.h"
#include "core/tag.h"
#include "hook/mapped.h"
#include "hook/plugin_hooks.h"
#include "hook/ranges.h"
#include "hook/residence.h"
#include "hook/stack.h"
#include "hook/state.h"
#include "hook/undumped.h"
#include "owner/context.h"

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE, PRIVATE = MAP_PRIVATE | MAP_ANONYMOUS };

static const struct memtrack_redirect *const tables[] = {memtrack_maps, memtrack_server_maps, NULL};
static const struct memtrack_redirect *const joins[]  = {memtrack_joins, NULL};
static const struct memtrack_redirect *const advice[] = {memtrack_server_advice, NULL};

// ---- mmap, mmap64 ----

typedef void *(*mmap_like)(void *, size_t, int, int, int, off_t);

static void
map_one(mmap_like f, void *at, size_t length, int flags, int fd, off_t offset)
{
  void *mapped;
  WITH_ERRNO(mapped = f(at, length, RW, flags, fd, offset));
  answer("mapped", mapped != MAP_FAILED);
  answer("there", mapped == at);
  if (mapped != MAP_FAILED) {
    memset(mapped, 0x77, length);
    answer("unmapped", munmap(mapped, length));
  }
}

static void
map_all(function tested)
{
  static const size_t LENGTHS[] = {0, 1, PAGE, PAGE + 1, 100000, PTRDIFF_MAX, SIZE_MAX - PAGE, SIZE_MAX};
  static const int FLAGS[]      = {0, PRIVATE, MAP_SHARED | MAP_ANONYMOUS, MAP_ANONYMOUS, MAP_PRIVATE, MAP_TYPE | MAP_ANONYMOUS};
  mmap_like f                   = (mmap_like)tested;
  FOR_EACH (length, LENGTHS) {
    FOR_EACH (flags, FLAGS) {
      map_one(f, NULL, LENGTHS[length], FLAGS[flags], -1, 0);
    }
  }
  map_one(f, (void *)0x10001, PAGE, PRIVATE | MAP_FIXED, -1, 0);
  map_one(f, POISON, PAGE, PRIVATE | MAP_FIXED, -1, 0);
  map_one(f, NULL, PAGE, PRIVATE, -1, 1);
  map_one(f, NULL, PAGE, MAP_PRIVATE, 1 << 20, 0);
}

static void
replace_all(function tested)
{
  mmap_like f = (mmap_like)tested;
  char *there = f(NULL, 8 * PAGE, RW, PRIVATE, -1, 0);
  memset(there, 1, 8 * PAGE);
  answer("replaces", f(there + PAGE, 2 * PAGE, RW, PRIVATE | MAP_FIXED, -1, 0) == there + PAGE);
  WITH_ERRNO(answer("refused", f(there, PAGE, RW, PRIVATE | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED));
  WITH_ERRNO(answer("refused", f(there, PAGE, RW, PRIVATE | MAP_FIXED | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED));
  WITH_ERRNO(answer("failed", f(there, PAGE, RW, MAP_PRIVATE | MAP_FIXED, -1, 0) == MAP_FAILED));
  answer("kept", there[0]);
  answer("new", there[PAGE]);
  answer("kept", there[4 * PAGE]);
  answer("unmapped", munmap(there, 8 * PAGE));
}

static void
hostile_mmap(void **state)
{
  (void)state;
  compare_hooks("mmap", (function)mmap, "free", tables, map_all);
  compare_hooks("mmap", (function)mmap, "free", tables, replace_all);
}

static void
hostile_mmap64(void **state)
{
  (void)state;
  compare_hooks("mmap64", (function)mmap64, "free", tables, map_all);
  compare_hooks("mmap64", (function)mmap64, "free", tables, replace_all);
}

// ---- munmap ----

// With the hook of mmap, so that the table of ranges is not empty.
static char *
mapped_by_hook(size_t pages)
{
  mmap_like f = (mmap_like)hook_of(memtrack_maps, "mmap");
  char *some  = f(NULL, pages * PAGE, RW, PRIVATE, -1, 0);
  memset(some, 3, pages * PAGE);
  return some;
}

static void
unmap_all(function tested)
{
  int (*f)(void *, size_t) = (int (*)(void *, size_t))tested;
  char *some               = mapped_by_hook(8);
  WITH_ERRNO(answer("odd address", f(some + 1, PAGE)));
  WITH_ERRNO(answer("no length", f(some, 0)));
  WITH_ERRNO(answer("all", f(some, SIZE_MAX)));
  WITH_ERRNO(answer("nowhere", f(POISON, PAGE)));
  WITH_ERRNO(answer("too far", f((void *)~(uintptr_t)(PAGE - 1), PAGE)));
  answer("kept", some[7 * PAGE]);
  WITH_ERRNO(answer("middle", f(some + 2 * PAGE, PAGE + 1)));
  WITH_ERRNO(answer("again", f(some + 2 * PAGE, PAGE)));
  answer("kept", some[4 * PAGE]);
  WITH_ERRNO(answer("the rest", f(some, 8 * PAGE)));
}

static void
hostile_munmap(void **state)
{
  (void)state;
  compare_hooks("munmap", (function)munmap, "free", tables, unmap_all);
}

// ---- mremap ----

static void
remap_all(function tested)
{
  void *(*f)(void *, size_t, size_t, int, ...) = (void *(*)(void *, size_t, size_t, int, ...))tested;
  char *some = mapped_by_hook(4), *other = mapped_by_hook(8);
  WITH_ERRNO(answer("odd address", f(some + 1, PAGE, PAGE, MREMAP_MAYMOVE) == MAP_FAILED));
  WITH_ERRNO(answer("no length", f(some, 4 * PAGE, 0, MREMAP_MAYMOVE) == MAP_FAILED));
  WITH_ERRNO(answer("too long", f(some, 4 * PAGE, SIZE_MAX, MREMAP_MAYMOVE) == MAP_FAILED));
  WITH_ERRNO(answer("nowhere", f(POISON, PAGE, PAGE, MREMAP_MAYMOVE) == MAP_FAILED));
  WITH_ERRNO(answer("flags", f(some, PAGE, PAGE, -1, POISON) == MAP_FAILED));
  WITH_ERRNO(answer("fixed", f(some, 4 * PAGE, 4 * PAGE, MREMAP_FIXED, other) == MAP_FAILED));
  WITH_ERRNO(answer("overlap", f(some, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, some + PAGE) == MAP_FAILED));
  WITH_ERRNO(answer("odd target", f(some, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, other + 1) == MAP_FAILED));
  answer("kept", some[3 * PAGE]);
  answer("kept", other[7 * PAGE]);
  WITH_ERRNO(answer("moved", f(some, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, other + 2 * PAGE) == other + 2 * PAGE));
  answer("its bytes", other[5 * PAGE]);
  WITH_ERRNO(answer("shrunk", f(other, 8 * PAGE, PAGE, 0) == MAP_FAILED || munmap(other, 8 * PAGE) == 0));
  other = mapped_by_hook(3);
  WITH_ERRNO(other = f(other, 3 * PAGE, 300 * PAGE, MREMAP_MAYMOVE));
  answer("grown", other[2 * PAGE] + other[299 * PAGE]);
  char *again;
  WITH_ERRNO(again = f(other, 300 * PAGE, 300 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL));
  answer("elsewhere", again != MAP_FAILED && again != other && again[0] == 3 && other[0] == 0);
  munmap(again, 300 * PAGE);
  munmap(other, 300 * PAGE);
}

static void
hostile_mremap(void **state)
{
  (void)state;
  compare_hooks("mremap", (function)mremap, "free", tables, remap_all);
}

// ---- madvise, posix_madvise ----

static void
advise_all(function tested)
{
  static const int ADVICE[]            = {MADV_NORMAL, MADV_DONTDUMP, MADV_DODUMP, MADV_WILLNEED, MADV_DONTDUMP, 4711, -1};
  int (*f)(void *, size_t, int)        = (int (*)(void *, size_t, int))tested;
  static const char constant[2 * PAGE] = "never written";
  char *some = mapped_by_hook(4), *closed = mmap(NULL, PAGE, PROT_NONE, PRIVATE, -1, 0);
  FOR_EACH (i, ADVICE) {
    WITH_ERRNO(answer("all", f(some, 4 * PAGE, ADVICE[i])));
    WITH_ERRNO(answer("a part", f(some, 10, ADVICE[i])));
    WITH_ERRNO(answer("nothing", f(some, 0, ADVICE[i])));
    WITH_ERRNO(answer("odd address", f(some + 1, PAGE, ADVICE[i])));
    WITH_ERRNO(answer("too long", f(some, SIZE_MAX, ADVICE[i])));
    WITH_ERRNO(answer("too far", f(some, (size_t)PTRDIFF_MAX, ADVICE[i])));
    WITH_ERRNO(answer("nowhere", f(POISON, PAGE, ADVICE[i])));
    WITH_ERRNO(answer("NULL", f(NULL, PAGE, ADVICE[i])));
    WITH_ERRNO(answer("the last page", f((void *)~(uintptr_t)(PAGE - 1), PAGE, ADVICE[i])));
    WITH_ERRNO(answer("closed", f(closed, PAGE, ADVICE[i])));
    WITH_ERRNO(answer("constant", f((void *)(((uintptr_t)constant + PAGE - 1) & ~(uintptr_t)(PAGE - 1)), PAGE, ADVICE[i])));
  }
  answer("kept", some[3 * PAGE]);
  munmap(some, 4 * PAGE);
  munmap(closed, PAGE);
}

static void
hostile_madvise(void **state)
{
  (void)state;
  compare_hooks("madvise", (function)madvise, "free", advice, advise_all);
}

static void
hostile_posix_madvise(void **state)
{
  (void)state;
  compare_hooks("posix_madvise", (function)posix_madvise, "free", advice, advise_all);
}

// ---- threads: the thread sanitizer ends the process at a join that fails, and does not know those of C11 ----

static sem_t go;

static void *
wait_to_go(void *value)
{
  sem_wait(&go);
  return value;
}

static int
wait_to_go_c11(void *value)
{
  return wait_to_go(value) != NULL;
}

static void *
end_at_once(void *value)
{
  return value;
}

static pthread_t
new_thread(void *(*body)(void *), bool detached)
{
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, detached ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE);
  assert_int_equal(hook_pthread_create(&thread, &attributes, body, &go), 0);
  pthread_attr_destroy(&attributes);
  return thread;
}

static const struct timespec PAST = {.tv_sec = 1}, NEVER = {.tv_sec = INT32_MAX};

static bool
tries(int (*f)(pthread_t, void **))
{
  return f == pthread_tryjoin_np || (function)f == hook_of(memtrack_joins, "pthread_tryjoin_np");
}

static void
join_all(function tested)
{
  int (*f)(pthread_t, void **) = (int (*)(pthread_t, void **))tested;
  void *value                  = POISON;
  pthread_t detached           = new_thread(wait_to_go, true);
  if (!THREAD_SANITIZER && !tries(f)) {
    WITH_ERRNO(answer("itself", f(pthread_self(), &value)));
    WITH_ERRNO(answer("detached", f(detached, &value)));
    answer("not written", value == POISON);
  }
  pthread_t thread = new_thread(wait_to_go, false);
  sem_post(&go);
  sem_post(&go);
  int result;
  while ((result = f(thread, &value)) == EBUSY) {
  }
  answer("joined", result);
  answer("value", value == &go);
  thread = new_thread(end_at_once, false);
  while ((result = f(thread, NULL)) == EBUSY) {
  }
  answer("joined", result);
}

static void
try_to_join(function tested)
{
  int (*f)(pthread_t, void **) = (int (*)(pthread_t, void **))tested;
  pthread_t thread             = new_thread(wait_to_go, false);
  WITH_ERRNO(answer("busy", f(thread, NULL)));
  WITH_ERRNO(answer("itself", f(pthread_self(), NULL)));
  sem_post(&go);
  while (f(thread, NULL) == EBUSY) {
  }
  answer("over", 1);
}

static void
hostile_pthread_join(void **state)
{
  (void)state;
  compare_hooks("pthread_join", (function)pthread_join, "free", joins, join_all);
}

static void
hostile_pthread_tryjoin_np(void **state)
{
  (void)state;
  if (THREAD_SANITIZER) {
    skip();
  }
  compare_hooks("pthread_tryjoin_np", (function)pthread_tryjoin_np, "free", joins, join_all);
  compare_hooks("pthread_tryjoin_np", (function)pthread_tryjoin_np, "free", joins, try_to_join);
}

static void
join_until(function tested)
{
  int (*f)(pthread_t, void **, const struct timespec *) = (int (*)(pthread_t, void **, const struct timespec *))tested;
  pthread_t thread                                      = new_thread(wait_to_go, false);
  void *value                                           = POISON;
  WITH_ERRNO(answer("past", f(thread, &value, &PAST)));
  WITH_ERRNO(answer("itself", f(pthread_self(), &value, &PAST)));
  answer("not written", value == POISON);
  sem_post(&go);
  WITH_ERRNO(answer("joined", f(thread, &value, &NEVER)));
  answer("value", value == &go);
}

static void
hostile_pthread_timedjoin_np(void **state)
{
  (void)state;
  if (THREAD_SANITIZER) {
    skip();
  }
  compare_hooks("pthread_timedjoin_np", (function)pthread_timedjoin_np, "free", joins, join_until);
}

static void
join_until_of_clock(function tested)
{
  int (*f)(pthread_t, void **, clockid_t, const struct timespec *) =
    (int (*)(pthread_t, void **, clockid_t, const struct timespec *))tested;
  pthread_t thread = new_thread(wait_to_go, false);
  WITH_ERRNO(answer("past", f(thread, NULL, CLOCK_MONOTONIC, &PAST)));
  WITH_ERRNO(answer("no clock", f(thread, NULL, 4711, &NEVER)));
  sem_post(&go);
  WITH_ERRNO(answer("joined", f(thread, NULL, CLOCK_MONOTONIC, &NEVER)));
}

static void
hostile_pthread_clockjoin_np(void **state)
{
  (void)state;
  if (THREAD_SANITIZER) {
    skip();
  }
  compare_hooks("pthread_clockjoin_np", (function)pthread_clockjoin_np, "free", joins, join_until_of_clock);
}

static void
detach_all(function tested)
{
  int (*f)(pthread_t) = (int (*)(pthread_t))tested;
  pthread_t thread    = new_thread(wait_to_go, false);
  WITH_ERRNO(answer("detached", f(thread)));
  if (!THREAD_SANITIZER) {
    WITH_ERRNO(answer("again", f(thread)));
  }
  sem_post(&go);
  WITH_ERRNO(answer("ended, or not", f(new_thread(end_at_once, false))));
}

static void
hostile_pthread_detach(void **state)
{
  (void)state;
  compare_hooks("pthread_detach", (function)pthread_detach, "free", joins, detach_all);
}

static void
join_c11(function tested)
{
  int (*f)(thrd_t, int *) = (int (*)(thrd_t, int *))tested;
  thrd_t thread;
  int value = 5;
  answer("itself", f(thrd_current(), &value));
  thrd_create(&thread, wait_to_go_c11, &go);
  sem_post(&go);
  WITH_ERRNO(answer("joined", f(thread, &value)));
  answer("value", value);
  thrd_create(&thread, wait_to_go_c11, &go);
  sem_post(&go);
  WITH_ERRNO(answer("joined", f(thread, NULL)));
}

static void
hostile_thrd_join(void **state)
{
  (void)state;
  if (THREAD_SANITIZER) {
    skip();
  }
  compare_hooks("thrd_join", (function)thrd_join, "free", joins, join_c11);
}

static void
detach_c11(function tested)
{
  int (*f)(thrd_t) = (int (*)(thrd_t))tested;
  thrd_t thread;
  thrd_create(&thread, wait_to_go_c11, &go);
  WITH_ERRNO(answer("detached", f(thread)));
  WITH_ERRNO(answer("again", f(thread)));
  sem_post(&go);
}

static void
hostile_thrd_detach(void **state)
{
  (void)state;
  if (THREAD_SANITIZER) {
    skip();
  }
  compare_hooks("thrd_detach", (function)thrd_detach, "free", joins, detach_c11);
}

// ---- what is counted ----

static struct memtrack_mapped_range list[256];

static uint32_t
ranges(void)
{
  return memtrack_ranges_copy(0, list, 256);
}

static unsigned
threads_now(void)
{
  unsigned count = 0;
  DIR *tasks     = opendir("/proc/self/task");
  while (readdir(tasks)) {
    ++count;
  }
  closedir(tasks);
  return count;
}

static unsigned threads_at_first;

// Detached threads of earlier tests may still end.
static void
wait_for_threads(void)
{
  for (unsigned i = 0; i < 10000 && threads_now() > threads_at_first; ++i) {
    usleep(1000);
  }
  assert_int_equal(threads_now(), threads_at_first);
}

static void
arm(bool on)
{
  wait_for_threads();
  memtrack_ranges_clear();
  memtrack_store_ordered(&memtrack_hooks.key, memtrack_tag_key());
  memtrack_store_ordered(&memtrack_hooks.armed, on);
  memtrack_store_ordered(&memtrack_hooks.heap, on);
  memtrack_context.owner = on ? 7u << MEMTRACK_OWNER_SLOT_BITS | 2 : MEMTRACK_OWNER_CORE;
}

static void
nothing_is_left_by_what_the_scenarios_did(void **state)
{
  (void)state;
  wait_for_threads();
  assert_int_equal(ranges(), 0);
  struct sums sums = sum_site(MEMTRACK_SITE_UNKNOWN);
  assert_int_equal(sums.alloc_bytes - sums.free_bytes, 0);
}

static void
an_unmapping_that_no_hook_sees_is_found_by_the_kernels_answer(void **state)
{
  (void)state;
  arm(true);
  struct sums before = sum_site(MEMTRACK_SITE_UNKNOWN);
  char *some         = mapped_by_hook(10000); // more than one call of mincore
  char *other        = mapped_by_hook(4);
  assert_true(memtrack_residence_measure(MEMTRACK_RESIDENCE_AT_SAMPLE) >= 4);
  struct sums full = sum_site(MEMTRACK_SITE_UNKNOWN);
  assert_int_equal(full.alloc_bytes - full.free_bytes - before.alloc_bytes + before.free_bytes, 10004 * PAGE);
  syscall(SYS_munmap, some + 5000 * PAGE, 3 * PAGE);
  syscall(SYS_munmap, some + 9999 * PAGE, 1 * PAGE);
  syscall(SYS_munmap, other, 4 * PAGE);
  madvise(some, 10 * PAGE, MADV_DONTNEED);
  memtrack_residence_measure(MEMTRACK_RESIDENCE_AT_SAMPLE);
  struct sums after = sum_site(MEMTRACK_SITE_UNKNOWN);
  assert_int_equal(ranges(), 2);
  assert_int_equal(list[1].end - list[0].start, 9999 * PAGE);
  assert_int_equal(list[0].pages + list[1].pages, 9986);
  assert_int_equal(after.alloc_bytes - after.free_bytes - before.alloc_bytes + before.free_bytes, 9986 * PAGE);
  assert_int_equal(after.allocs - before.allocs, 2);
  assert_int_equal(after.frees - before.frees, 1);
  ((int (*)(void *, size_t))hook_of(memtrack_server_maps, "munmap"))(some, 10000 * PAGE);
  assert_int_equal(ranges(), 0);
  arm(false);
}

static void
measuring_continues_where_its_calls_ended(void **state)
{
  (void)state;
  arm(true);
  enum { MANY = 20 };
  char *some[MANY];
  for (unsigned i = 0; i < MANY; ++i) {
    some[i] = mapped_by_hook(2);
  }
  for (unsigned calls = 0; calls < MANY; calls += 5) {
    assert_int_equal(memtrack_residence_measure(5), 5);
  }
  uint32_t count = ranges();
  for (uint32_t i = 0; i < count; ++i) {
    assert_int_equal(list[i].pages, 2);
  }
  for (unsigned i = 0; i < MANY; ++i) {
    ((int (*)(void *, size_t))hook_of(memtrack_maps, "munmap"))(some[i], 2 * PAGE);
  }
  assert_int_equal(ranges(), 0);
  arm(false);
}

static int
join(pthread_t thread, void **value)
{
  return ((int (*)(pthread_t, void **))hook_of(memtrack_joins, "pthread_join"))(thread, value);
}

static int
detach(pthread_t thread)
{
  return ((int (*)(pthread_t))hook_of(memtrack_joins, "pthread_detach"))(thread);
}

static void
a_thread_s_stack_is_there_until_it_is_joined(void **state)
{
  (void)state;
  arm(true);
  pthread_t thread = new_thread(wait_to_go, false);
  // It is recorded by the thread itself.
  while (ranges() == 0) {
    usleep(100);
  }
  assert_int_equal(ranges(), 1);
  assert_int_equal(list[0].kind, MEMTRACK_RANGE_STACK);
  assert_true(list[0].start < thread && thread < list[0].end);
  memtrack_residence_measure(MEMTRACK_RESIDENCE_AT_SAMPLE);
  ranges();
  assert_true(list[0].pages > 0);
  sem_post(&go);
  assert_int_equal(join(thread, NULL), 0);
  assert_int_equal(ranges(), 0);
  arm(false);
}

static void *
return_nothing(void *nothing)
{
  return nothing;
}

static void *
create_and_end(void *seeds)
{
  uint64_t seed          = (uintptr_t)seeds;
  memtrack_context.owner = 7u << MEMTRACK_OWNER_SLOT_BITS | 2;
  for (unsigned i = 0; i < 2000; ++i) {
    switch (random_next(&seed) % 4) {
    case 0:
      new_thread(return_nothing, true);
      break;
    case 1:
      detach(new_thread(return_nothing, false));
      break;
    default:
      join(new_thread(return_nothing, false), NULL);
    }
  }
  memtrack_context.owner = MEMTRACK_OWNER_CORE;
  return NULL;
}

static void
threads_that_end_in_any_order_leave_no_stack(void **state)
{
  (void)state;
  if (MT_SANITIZED) {
    skip(); // thousands of threads
  }
  arm(true);
  struct sums before = sum_site(MEMTRACK_SITE_UNKNOWN);
  uint64_t hits      = memtrack_limit_hits(MEMTRACK_LIMIT_STARTS);
  pthread_t threads[4];
  for (uintptr_t i = 0; i < 4; ++i) {
    assert_int_equal(pthread_create(&threads[i], NULL, create_and_end, (void *)(i + 1)), 0);
  }
  for (unsigned i = 0; i < 4; ++i) {
    pthread_join(threads[i], NULL);
  }
  wait_for_threads();
  struct sums after = sum_site(MEMTRACK_SITE_UNKNOWN);
  assert_int_equal(ranges(), 0);
  assert_int_equal(after.allocs - before.allocs, 8000 - (memtrack_limit_hits(MEMTRACK_LIMIT_STARTS) - hits));
  assert_int_equal(after.frees - before.frees, after.allocs - before.allocs);
  arm(false);
}

static void
more_threads_at_once_than_there_is_room_for_have_no_stack(void **state)
{
  (void)state;
  arm(true);
  static struct memtrack_start *starts[MEMTRACK_STARTS_MAX];
  uint64_t hits = memtrack_limit_hits(MEMTRACK_LIMIT_STARTS);
  for (unsigned i = 0; i < MEMTRACK_STARTS_MAX; ++i) {
    starts[i] = memtrack_stack_prepare(NULL, return_nothing, NULL, (uintptr_t)memtrack_stack_prepare);
    assert_non_null(starts[i]);
  }
  pthread_t thread = new_thread(return_nothing, false);
  assert_int_equal(memtrack_limit_hits(MEMTRACK_LIMIT_STARTS) - hits, 1);
  assert_int_equal(join(thread, NULL), 0);
  for (unsigned i = 0; i < MEMTRACK_STARTS_MAX; ++i) {
    memtrack_stack_cancel(starts[i]);
  }
  assert_int_equal(ranges(), 0);
  arm(false);
}

static int
open_mapped(void **state)
{
  pthread_t first; // with which a sanitizer begins a thread of its own
  pthread_create(&first, NULL, end_at_once, NULL);
  pthread_join(first, NULL);
  threads_at_first = threads_now();
  sem_init(&go, 0, 0);
  return memtrack_ranges_open() ? -1 : open_hostile(state);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(hostile_mmap),
    cmocka_unit_test(hostile_mmap64),
    cmocka_unit_test(hostile_munmap),
    cmocka_unit_test(hostile_mremap),
    cmocka_unit_test(hostile_madvise),
    cmocka_unit_test(hostile_posix_madvise),
    cmocka_unit_test(hostile_pthread_join),
    cmocka_unit_test(hostile_pthread_tryjoin_np),
    cmocka_unit_test(hostile_pthread_timedjoin_np),
    cmocka_unit_test(hostile_pthread_clockjoin_np),
    cmocka_unit_test(hostile_pthread_detach),
    cmocka_unit_test(hostile_thrd_join),
    cmocka_unit_test(hostile_thrd_detach),
    cmocka_unit_test(an_unmapping_that_no_hook_sees_is_found_by_the_kernels_answer),
    cmocka_unit_test(measuring_continues_where_its_calls_ended),
    cmocka_unit_test(a_thread_s_stack_is_there_until_it_is_joined),
    cmocka_unit_test(threads_that_end_in_any_order_leave_no_stack),
    cmocka_unit_test(more_threads_at_once_than_there_is_room_for_have_no_stack),
    cmocka_unit_test(nothing_is_left_by_what_the_scenarios_did),
  };
  return cmocka_run_group_tests(tests, open_mapped, NULL);
}
