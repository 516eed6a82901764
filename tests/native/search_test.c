// SPDX-License-Identifier: Apache-2.0
//
// The thread of the search: it exists while there is something to watch and it may work, makes complete passes while other threads
// map and unmap, takes its share of a processor, and goes on, or says why not, where a call fails. A forked child has none.
#define _GNU_SOURCE
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/peek.h"
#include "core/account.h"
#include "core/model.h"
#include "hook/objects.h"
#include "hook/ranges.h"
#include "search/pace.h"
#include "search/pass.h"
#include "search/search.h"

enum { LONGEST_S = 60 };

// ---- calls that fail ----

static int fail_create, fail_map, fail_mincore, fail_read, fail_maps, fail_status; // an errno; 0: it does not
static int failed_maps;
static int cut_each; // of so many reads of pieces one is half as long

#define WRAP(result, name, parameters) \
  result __real_##name parameters;     \
  result __wrap_##name parameters;     \
  result __wrap_##name parameters

static bool
fails(const int *error)
{
  int value = __atomic_load_n(error, __ATOMIC_RELAXED);
  errno     = value ? value : errno;
  return value != 0;
}

WRAP(int, pthread_create, (pthread_t * thread, const pthread_attr_t *attributes, void *(*start)(void *), void *data))
{
  return fails(&fail_create) ? errno : __real_pthread_create(thread, attributes, start, data);
}

WRAP(int, mincore, (void *start, size_t size, unsigned char *pages))
{
  return fails(&fail_mincore) ? -1 : __real_mincore(start, size, pages);
}

WRAP(long, syscall, (long number, long pid, long sources, long count, long target, long targets, long flags))
{
  static unsigned calls;
  const struct iovec *source = (const struct iovec *)sources;
  if (number != SYS_process_vm_writev) {
    return __real_syscall(number, pid, sources, count, target, targets, flags);
  }
  if (fails(&fail_read)) {
    return -1;
  }
  int each = __atomic_load_n(&cut_each, __ATOMIC_RELAXED);
  if (each && source->iov_len > 4096 && __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED) % each == 0) {
    struct iovec half = {source->iov_base, source->iov_len / 2};
    return __real_syscall(number, pid, (long)&half, 1, target, targets, flags);
  }
  return __real_syscall(number, pid, sources, count, target, targets, flags);
}

WRAP(int, open, (const char *path, int flags, mode_t mode))
{
  bool failed =
    (strcmp(path, "/proc/self/maps") == 0 && fails(&fail_maps)) || (strcmp(path, "/proc/self/status") == 0 && fails(&fail_status));
  return failed ? -1 : __real_open(path, flags, mode);
}

WRAP(void *, mmap, (void *at, size_t size, int protection, int flags, int fd, off_t from))
{
  bool failed = fails(&fail_map);
  __atomic_fetch_add(&failed_maps, failed, __ATOMIC_RELAXED);
  return failed ? MAP_FAILED : __real_mmap(at, size, protection, flags, fd, from);
}

// ---- the search ----

static struct memtrack_search_wish wish = {.armed = true, .percent = 100, .interval = 1};

static void
poll_search(void)
{
  memtrack_search_poll(&wish);
}

static struct counts {
  unsigned sites, complete, passes;
} counts;

static struct counts
count_passes(void)
{
  log_clear();
  memtrack_search_status();
  const char *at = strstr(log_text(), "references: ");
  assert_non_null(at);
  at += strlen("references: ");
  at += strncmp(at, "off, ", 5) == 0 ? 5 : 0;
  assert_int_equal(sscanf(at, "%u site%*[s] watched, %u of %u passes", &counts.sites, &counts.complete, &counts.passes) < 3 &&
                     sscanf(at, "%u site watched, %u of %u passes", &counts.sites, &counts.complete, &counts.passes) < 3,
                   0);
  return counts;
}

static void
copy_bytes(struct memtrack_core *model, void *to)
{
  (void)model;
  *(uint64_t *)to = memtrack_pass_counts()->bytes;
}

// Of the last pass.
static uint64_t
bytes_read(void)
{
  uint64_t bytes = 0;
  memtrack_model_visit(false, copy_bytes, &bytes);
  return bytes;
}

static void
wait_until(bool (*is_so)(void))
{
  uint64_t until = memtrack_clock_seconds() + LONGEST_S;
  while (!is_so()) {
    assert_true(memtrack_clock_seconds() < until);
    poll_search();
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
  }
  poll_search(); // which joins a thread that has ended
}

static struct counts before;

static bool
made_three_complete(void)
{
  return count_passes().complete >= before.complete + 3;
}

static bool
made_three_incomplete(void)
{
  count_passes();
  return counts.passes - counts.complete >= before.passes - before.complete + 3;
}

static bool
ended(void)
{
  return !has_search_thread();
}

static int
open_all(void **state)
{
  (void)state;
  open_accounting(64);
  assert_int_equal(memtrack_objects_open() || memtrack_ranges_open() || memtrack_peek_open(NULL), 0);
  memtrack_account_alloc(0x1000, memtrack_attributes(MEMTRACK_CLASS_HEAP, 0, 0), "memory/plugin/foo.so lose", 100);
  memtrack_model_observe();
  return 0;
}

static void
there_is_no_thread_without_anything_to_watch(void **state)
{
  (void)state;
  poll_search();
  assert_false(has_search_thread());
  memtrack_search_request("no row has this", 5);
  poll_search();
  wait_until(ended);
  assert_int_equal(count_passes().passes, 0);
}

static void
it_makes_passes_while_it_may(void **state)
{
  (void)state;
  memtrack_search_request("foo.so", 5);
  before = count_passes();
  wait_until(made_three_complete);
  assert_true(has_search_thread());
  assert_int_equal(counts.sites, 1);
  assert_true(memtrack_search_memory() > 100000);
  wish.percent = 0;
  poll_search();
  wait_until(ended);
  wish.percent = 100;
  before       = count_passes();
  wait_until(made_three_complete);
  wish.armed = false;
  poll_search();
  wait_until(ended);
  assert_int_equal(memtrack_search_memory(), 0);
  wish.armed = true;
}

static void
a_child_has_none_and_ends(void **state)
{
  (void)state;
  before = count_passes();
  wait_until(made_three_complete);
  for (int i = 0; i < 20; ++i) {
    pid_t child = fork();
    if (child == 0) {
      _exit(has_search_thread() ? 1 : 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
  }
  before = count_passes();
  wait_until(made_three_complete);
}

static void
a_pass_that_cannot_read_proves_nothing(void **state)
{
  (void)state;
  int *const failures[] = {&fail_read, &fail_maps};
  for (int i = 0; i < 2; ++i) {
    __atomic_store_n(failures[i], i ? EMFILE : EFAULT, __ATOMIC_RELAXED); // "nothing is there", of memory that is
    before = count_passes();
    wait_until(made_three_incomplete);
    __atomic_store_n(failures[i], 0, __ATOMIC_RELAXED);
    before = count_passes();
    wait_until(made_three_complete);
  }
}

static void
other_ways_to_read_do_as_well(void **state)
{
  (void)state;
  __atomic_store_n(&fail_read, EPERM, __ATOMIC_RELAXED);
  __atomic_store_n(&fail_mincore, EAGAIN, __ATOMIC_RELAXED);
  before = count_passes();
  wait_until(made_three_complete);
  __atomic_store_n(&fail_read, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&fail_mincore, 0, __ATOMIC_RELAXED);
}

static void
short_reads_are_completed(void **state)
{
  (void)state;
  __atomic_store_n(&cut_each, 10, __ATOMIC_RELAXED);
  before = count_passes();
  wait_until(made_three_complete);
  __atomic_store_n(&cut_each, 0, __ATOMIC_RELAXED);
}

// All is read: pages may be in the swap.
static void
without_the_status_of_the_process_all_is_read(void **state)
{
  (void)state;
  enum { SIZE = 64 << 20 };
  if (MT_SANITIZED) {
    skip(); // its shadow memory would be read as well
  }
  char *untouched = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  before          = count_passes();
  wait_until(made_three_complete);
  uint64_t usual = bytes_read();
  __atomic_store_n(&fail_status, EACCES, __ATOMIC_RELAXED);
  before = count_passes();
  wait_until(made_three_complete);
  assert_true(bytes_read() >= usual + SIZE / 2);
  __atomic_store_n(&fail_status, 0, __ATOMIC_RELAXED);
  munmap(untouched, SIZE);
}

// As of a server that has changed its user.
static void
a_process_that_is_not_dumpable_is_searched(void **state)
{
  (void)state;
  assert_int_equal(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), 0);
  before = count_passes();
  wait_until(made_three_complete);
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static const char *const UNREADABLE =
  "the search for references proves nothing: /proc/self/maps cannot be read; traffic_server needs /proc, and file descriptors";

static bool
says_why(void)
{
  count_passes();
  return strstr(log_text(), UNREADABLE) != NULL;
}

static bool
is_well(void)
{
  return !says_why();
}

static void
a_cause_that_lasts_is_said_by_status_and_dumps(void **state)
{
  (void)state;
  if (THREAD_SANITIZER) {
    skip(); // 20 passes take half a minute
  }
  __atomic_store_n(&fail_maps, EACCES, __ATOMIC_RELAXED);
  wait_until(says_why);
  char *text = dump_text(1, false);
  assert_non_null(strstr(text, UNREADABLE));
  free(text);
  __atomic_store_n(&fail_maps, 0, __ATOMIC_RELAXED);
  wait_until(is_well);
  text = dump_text(1, false);
  assert_null(strstr(text, "memtrack warning"));
  free(text);
}

static bool
has_tried_thirty_times(void)
{
  return __atomic_load_n(&failed_maps, __ATOMIC_RELAXED) >= 30;
}

static void
without_memory_it_is_tried_again_and_said_once(void **state)
{
  (void)state;
  if (MT_SANITIZED) {
    skip(); // a sanitizer cannot live without new mappings
  }
  wish.percent = 0;
  wait_until(ended);
  poll_search();
  wish.percent = 100;
  log_clear();
  __atomic_store_n(&fail_map, ENOMEM, __ATOMIC_RELAXED);
  wait_until(has_tried_thirty_times);
  assert_string_equal(log_text(),
                      "the search for references cannot begin: Cannot allocate memory; it is tried again each second\n");
  __atomic_store_n(&fail_map, 0, __ATOMIC_RELAXED);
  assert_true(strstr(dump_text(1, false), "memtrack warning=\"the search for references proves nothing: there is no memory") !=
              NULL);
  before = count_passes();
  wait_until(made_three_complete);
  assert_true(is_well());
}

static void
a_thread_that_cannot_be_created_is_said_once(void **state)
{
  (void)state;
  wish.percent = 0;
  wait_until(ended);
  poll_search();
  wish.percent = 100;
  fail_create  = EAGAIN;
  log_clear();
  for (int i = 0; i < 3; ++i) {
    poll_search();
  }
  assert_string_equal(
    log_text(),
    "the search for references cannot start a thread: Resource temporarily unavailable; it is tried again each second\n");
  assert_false(has_search_thread());
  fail_create = 0;
  before      = count_passes();
  wait_until(made_three_complete);
}

// ---- its share ----

static uint64_t
time_of_thread(void)
{
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (uint64_t)now.tv_sec * MEMTRACK_NS_PER_S + now.tv_nsec;
}

static void
it_takes_its_share_at_most(void **state)
{
  (void)state;
  static char from[65536], to[65536];
  wish.percent = 0;
  poll_search();
  wait_until(ended);
  memtrack_pace_set(5);
  memtrack_pace_begin();
  uint64_t begun = memtrack_clock_ns(), worked = time_of_thread();
  while (memtrack_clock_ns() - begun < MEMTRACK_NS_PER_S) {
    for (int i = 0; i < 4; ++i) {
      memcpy(to, from, sizeof(to));
      __asm__ volatile("" : : "r"(to) : "memory");
    }
    memtrack_pace_rest();
  }
  double share = (double)(time_of_thread() - worked) / (double)(memtrack_clock_ns() - begun);
  print_message("%.1f %% of a processor\n", 100 * share);
  assert_true(share < 0.075 && share > 0.01);
}

// ---- storms ----

enum { STORMS = 2 };
static bool stop;

static void *
storm(void *seed)
{
  uint64_t random = (uintptr_t)seed;
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
    size_t size  = (1 + random_next(&random) % 64) * 4096;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    memset(memory, 1, size);
    struct memtrack_object object = memtrack_object_new(memory, 0x4321 << 7, MEMTRACK_WEIGHT_NONE);
    memtrack_objects_put(object);
    memtrack_ranges_put(&(struct memtrack_mapped_range){.start  = (uintptr_t)memory,
                                                        .end    = (uintptr_t)memory + size,
                                                        .origin = memtrack_ranges_number(),
                                                        .kind   = MEMTRACK_RANGE_PRIVATE});
    memtrack_ranges_drop(memtrack_ranges_take(memory, size));
    memtrack_objects_remove(memory, &object);
    munmap(memory, size);
  }
  return NULL;
}

static void
storms_of_mappings_and_objects_do_it_no_harm(void **state)
{
  (void)state;
  pthread_t threads[STORMS];
  wish.percent = 100;
  for (int i = 0; i < STORMS; ++i) {
    assert_int_equal(pthread_create(&threads[i], NULL, storm, (void *)(uintptr_t)(i + 1)), 0);
  }
  before = count_passes();
  wait_until(made_three_complete);
  __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
  for (int i = 0; i < STORMS; ++i) {
    pthread_join(threads[i], NULL);
  }
  wish.armed = false;
  poll_search();
  wait_until(ended);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(there_is_no_thread_without_anything_to_watch),
    cmocka_unit_test(it_makes_passes_while_it_may),
    cmocka_unit_test(a_child_has_none_and_ends),
    cmocka_unit_test(a_pass_that_cannot_read_proves_nothing),
    cmocka_unit_test(other_ways_to_read_do_as_well),
    cmocka_unit_test(short_reads_are_completed),
    cmocka_unit_test(without_the_status_of_the_process_all_is_read),
    cmocka_unit_test(a_process_that_is_not_dumpable_is_searched),
    cmocka_unit_test(a_cause_that_lasts_is_said_by_status_and_dumps),
    cmocka_unit_test(without_memory_it_is_tried_again_and_said_once),
    cmocka_unit_test(a_thread_that_cannot_be_created_is_said_once),
    cmocka_unit_test(it_takes_its_share_at_most),
    cmocka_unit_test(storms_of_mappings_and_objects_do_it_no_harm),
  };
  return cmocka_run_group_tests(tests, open_all, NULL);
}
