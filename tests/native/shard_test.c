// SPDX-License-Identifier: Apache-2.0
//
// Shards under threads: exact sums, consistent pairs for readers, ending threads, fork, reentrant signals, traps.
#define _GNU_SOURCE
#include "support.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "core/account.h"
#include "core/registry.h"
#include "core/shard.h"

#define SITES   512
#define THREADS 8
#define EVENTS  200000

static char locations[SITES * 2][48];

static void
name_locations(void)
{
  for (int i = 0; i < SITES * 2; ++i) {
    snprintf(locations[i], sizeof(locations[i]), "memory/IOBuffer/test.cc:%d", i);
  }
}

static void
run_threads(int count, void *(*body)(void *))
{
  pthread_t threads[count];
  for (intptr_t i = 0; i < count; ++i) {
    assert_int_equal(pthread_create(&threads[i], NULL, body, (void *)i), 0);
  }
  for (int i = 0; i < count; ++i) {
    pthread_join(threads[i], NULL);
  }
}

// Each event has 100 bytes times its location's number, and is allocated by one thread and released by any.
static void *
count_events(void *argument)
{
  uint64_t seed = (intptr_t)argument + 1;
  for (int i = 0; i < EVENTS; ++i) {
    int site = random_next(&seed) % 200;
    memtrack_account_iobuffer(locations[site], 100 * (site + 1));
    memtrack_account_iobuffer(locations[site], -100 * (site + 1));
  }
  return NULL;
}

static void
sums_of_all_threads_are_exact(void **state)
{
  (void)state;
  struct sums before = sum_site(MEMTRACK_SITE_UNKNOWN);
  run_threads(THREADS, count_events);
  struct sums after = sum_site(MEMTRACK_SITE_UNKNOWN);
  assert_int_equal(after.allocs - before.allocs, THREADS * EVENTS);
  assert_int_equal(after.frees - before.frees, THREADS * EVENTS);
  assert_int_equal(after.alloc_bytes - before.alloc_bytes, after.free_bytes - before.free_bytes);
  assert_int_equal(memtrack_account_lost(), 0);
}

static pthread_t writers[2];
static _Atomic bool writers_stop;

static void *
write_until_stopped(void *argument)
{
  int site = (intptr_t)argument % 2;
  while (!atomic_load_explicit(&writers_stop, memory_order_relaxed)) {
    memtrack_account_iobuffer(locations[site], 1000);
    memtrack_account_iobuffer(locations[site], -1000);
  }
  return NULL;
}

// A pair is a count and its bytes: with equal sizes, bytes are 1,000 times the count in every consistent copy.
static void
a_reader_sees_whole_pairs_and_never_more_releases_than_allocations(void **state)
{
  (void)state;
  uint64_t(*frees)[2]        = calloc(2048, sizeof(*frees));
  uint64_t(*allocs)[2]       = calloc(2048, sizeof(*allocs));
  uint64_t start[2048][2][2] = {0};
  for (uint32_t i = 0; i < memtrack_shard_count(); ++i) {
    memtrack_shard_read(memtrack_shard_get(i), MEMTRACK_RECORD_FREES, memtrack_registry_count(), (uint8_t *)frees);
    memtrack_shard_read(memtrack_shard_get(i), MEMTRACK_RECORD_ALLOCS, memtrack_registry_count(), (uint8_t *)allocs);
    for (uint32_t site = 0; site < memtrack_registry_count(); ++site) {
      for (int f = 0; f < 2; ++f) {
        start[site][0][f] += allocs[site][f];
        start[site][1][f] += frees[site][f];
      }
    }
  }
  for (intptr_t i = 0; i < 2; ++i) {
    pthread_create(&writers[i], NULL, write_until_stopped, (void *)i);
  }
  for (int round = 0; round < 100; ++round) {
    uint32_t count            = memtrack_registry_count();
    uint64_t sums[2048][2][2] = {0};
    uint32_t shards           = memtrack_shard_count();
    for (int pass = 0; pass < 2; ++pass) {
      for (uint32_t i = 0; i < shards; ++i) {
        uint64_t(*pairs)[2] = pass == 0 ? frees : allocs;
        memtrack_shard_read(memtrack_shard_get(i), pass == 0 ? MEMTRACK_RECORD_FREES : MEMTRACK_RECORD_ALLOCS, count,
                            (uint8_t *)pairs);
        for (uint32_t site = 0; site < count; ++site) {
          sums[site][1 - pass][0] += pairs[site][0];
          sums[site][1 - pass][1] += pairs[site][1];
        }
      }
    }
    for (uint32_t site = MEMTRACK_SITE_FIRST; site < count; ++site) {
      uint64_t a = sums[site][0][0] - start[site][0][0], f = sums[site][1][0] - start[site][1][0];
      assert_int_equal(sums[site][0][1] - start[site][0][1], a * 1000);
      assert_int_equal(sums[site][1][1] - start[site][1][1], f * 1000);
      assert_true(a >= f);
    }
  }
  free(frees);
  free(allocs);
}

// Whatever the test's result: writers that continue would change the counts of later tests.
static int
stop_writers(void **state)
{
  (void)state;
  atomic_store(&writers_stop, true);
  for (int i = 0; i < 2; ++i) {
    pthread_join(writers[i], NULL);
  }
  return 0;
}

static atomic_int stopped_inside;

// Simulates a thread that loses the processor between the two stores of an event on a busy machine.
static void *
stop_inside_an_event(void *argument)
{
  memtrack_account_iobuffer(argument, 1000);
  struct memtrack_shard *shard = memtrack_thread.shard;
  uint32_t site                = memtrack_registry_site((uintptr_t)argument, 0, argument, MEMTRACK_OWNER_CORE, 0);
  uint8_t *record              = memtrack_core_at(&shard->core, MEMTRACK_RECORDS_AT) + site * MEMTRACK_RECORD_SIZE;
  uint64_t *pair               = (uint64_t *)(record + MEMTRACK_RECORD_ALLOCS), seq;
  assert_true(memtrack_shard_enter(shard, &seq));
  __atomic_store_n(&pair[0], pair[0] + 1, __ATOMIC_RELAXED);
  atomic_store(&stopped_inside, 1);
  struct timespec stop = {.tv_nsec = 300 * 1000 * 1000};
  nanosleep(&stop, NULL);
  __atomic_store_n(&pair[1], pair[1] + 1000, __ATOMIC_RELAXED);
  memtrack_shard_leave(shard, seq);
  return NULL;
}

static void
a_reader_waits_for_a_thread_that_was_stopped_inside_an_event(void **state)
{
  (void)state;
  pthread_t thread;
  uint32_t site      = memtrack_registry_site((uintptr_t)locations[0], 0, locations[0], MEMTRACK_OWNER_CORE, 0);
  struct sums before = sum_site(site);
  pthread_create(&thread, NULL, stop_inside_an_event, locations[0]);
  while (!atomic_load(&stopped_inside)) {
    sched_yield();
  }
  struct sums after = sum_site(site);
  pthread_join(thread, NULL);
  assert_int_equal(after.allocs - before.allocs, 2);
  assert_int_equal(after.alloc_bytes - before.alloc_bytes, 2000);
}

static void *
one_event(void *argument)
{
  (void)argument;
  memtrack_account_iobuffer(locations[0], 10);
  return NULL;
}

static void
a_thread_that_ends_hands_its_shard_and_its_counts_back(void **state)
{
  (void)state;
  run_threads(1, one_event);
  uint32_t shards    = memtrack_shard_count();
  struct sums before = sum_site(MEMTRACK_SITE_UNKNOWN);
  for (int i = 0; i < 200; ++i) {
    run_threads(1, one_event);
  }
  assert_int_equal(memtrack_shard_count(), shards);
  assert_int_equal(sum_site(MEMTRACK_SITE_UNKNOWN).allocs - before.allocs, 200);
}

// Keys whose destructors run before and after memtrack's: OpenSSL releases a thread's state in such a destructor.
static pthread_key_t early_key, late_key;

static void
event_at_the_end(void *argument)
{
  (void)argument;
  memtrack_account_iobuffer(locations[1], 77);
}

static void *
end_with_events(void *argument)
{
  pthread_setspecific(early_key, locations);
  pthread_setspecific(late_key, locations);
  return one_event(argument);
}

static void
events_of_an_ending_thread_are_counted(void **state)
{
  (void)state;
  struct sums before = sum_site(MEMTRACK_SITE_UNKNOWN);
  run_threads(1, end_with_events);
  struct sums after = sum_site(MEMTRACK_SITE_UNKNOWN);
  assert_int_equal(after.allocs - before.allocs, 3);
  assert_int_equal(after.alloc_bytes - before.alloc_bytes, 10 + 2 * 77);
  assert_int_equal(memtrack_account_lost(), 0);
}

static pthread_barrier_t barrier;

static void *
one_event_together(void *argument)
{
  one_event(argument);
  pthread_barrier_wait(&barrier);
  return NULL;
}

static void
more_threads_than_shards_share_one(void **state)
{
  (void)state;
  enum { COUNT = MEMTRACK_SHARDS_MAX + 50 };
  struct sums before = sum_site(MEMTRACK_SITE_UNKNOWN);
  uint64_t lost      = memtrack_account_lost();
  pthread_barrier_init(&barrier, NULL, COUNT);
  run_threads(COUNT, one_event_together);
  assert_int_equal(memtrack_shard_count(), MEMTRACK_SHARDS_MAX);
  assert_true(memtrack_limit_hits(MEMTRACK_LIMIT_SHARDS) >= 50);
  assert_int_equal(sum_site(MEMTRACK_SITE_UNKNOWN).allocs - before.allocs, COUNT);
  assert_int_equal(memtrack_account_lost(), lost);
}

static _Atomic uint64_t from_handler;

static void
event_in_handler(int signal)
{
  (void)signal;
  memtrack_account_iobuffer(locations[2], 1);
  atomic_fetch_add(&from_handler, 1);
}

// Events that a handler cannot count, because it interrupted an event, are counted as lost; nothing is torn, nothing deadlocks.
static void
a_signal_handler_that_comes_back_in_loses_at_most_its_own_event(void **state)
{
  (void)state;
  struct itimerval often = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};
  struct sums before   = sum_site(MEMTRACK_SITE_UNKNOWN);
  uint64_t lost_before = memtrack_account_lost();
  signal(SIGALRM, event_in_handler);
  setitimer(ITIMER_REAL, &often, NULL);
  uint64_t mine = 0;
  while (atomic_load(&from_handler) < 2000) {
    memtrack_account_iobuffer(locations[3], 1);
    ++mine;
  }
  setitimer(ITIMER_REAL, &never, NULL);
  signal(SIGALRM, SIG_DFL);
  uint64_t counted = sum_site(MEMTRACK_SITE_UNKNOWN).allocs - before.allocs;
  assert_int_equal(counted + memtrack_account_lost() - lost_before, mine + atomic_load(&from_handler));
}

static void
a_full_table_counts_into_other_and_stays_exact(void **state)
{
  (void)state;
  struct sums before = sum_site(MEMTRACK_SITE_UNKNOWN), other = sum_site(MEMTRACK_SITE_OTHER);
  for (int i = 0; i < SITES * 2; ++i) {
    memtrack_account_iobuffer(locations[i], 50);
  }
  for (int i = 0; i < SITES * 2; ++i) {
    memtrack_account_iobuffer(locations[i], -50);
  }
  struct sums after = sum_site(MEMTRACK_SITE_UNKNOWN), other_after = sum_site(MEMTRACK_SITE_OTHER);
  assert_int_equal(memtrack_registry_count(), MEMTRACK_SITE_FIRST + SITES);
  assert_int_equal(after.allocs - before.allocs, SITES * 2);
  assert_int_equal(after.free_bytes - before.free_bytes, SITES * 2 * 50);
  assert_int_equal(other_after.allocs - other.allocs, SITES);
  assert_int_equal(other_after.frees - other.frees, SITES);
  assert_true(memtrack_registry_refusals() > 0);
}

// A thread that had used none of the sites before the table was full must still find each under its own number.
static void *
release_all(void *argument)
{
  (void)argument;
  for (int i = 0; i < SITES * 2; ++i) {
    memtrack_account_iobuffer(locations[i], -50);
  }
  return NULL;
}

static void
a_thread_that_comes_after_the_table_was_full_charges_the_same_sites(void **state)
{
  (void)state;
  for (int i = 0; i < SITES * 2; ++i) {
    memtrack_account_iobuffer(locations[i], 50);
  }
  struct sums other = sum_site(MEMTRACK_SITE_OTHER), first = sum_site(MEMTRACK_SITE_FIRST);
  run_threads(1, release_all);
  assert_int_equal(sum_site(MEMTRACK_SITE_OTHER).frees - other.frees, SITES);
  assert_int_equal(sum_site(MEMTRACK_SITE_FIRST).frees - first.frees, 1);
}

static void
names_of_equal_text_are_one_row_and_in_use_balances(void **state)
{
  (void)state;
  char *text = dump_text(1, false);
  assert_non_null(strstr(text, "memory/IOBuffer/(other)"));
  assert_null(strstr(text, " -")); // no negative number anywhere
  free(text);
}

static void *
trap_own_shard(void *argument)
{
  (void)argument;
  memtrack_account_iobuffer(locations[0], 10);
  // The core reads beyond its memory, like a defect would. (A key found at once needs no check, and cannot trap.)
  memtrack_thread.shard->core.wasm.w2c_memory.size = 8;
  memtrack_account_iobuffer("memory/IOBuffer/Trap.cc:1", 10);
  memtrack_account_iobuffer("memory/IOBuffer/Trap.cc:1", 10);
  assert_int_equal(memtrack_thread.state, MEMTRACK_THREAD_DISABLED);
  return NULL;
}

static void
a_trap_disables_its_shard_is_counted_and_nothing_else_happens(void **state)
{
  (void)state;
  struct sums before = sum_site(MEMTRACK_SITE_UNKNOWN);
  uint64_t lost      = memtrack_account_lost();
  run_threads(1, trap_own_shard);
  assert_int_equal(memtrack_shard_traps(), 1);
  assert_int_equal(memtrack_account_lost() - lost, 2);
  run_threads(1, one_event);
  assert_int_equal(sum_site(MEMTRACK_SITE_UNKNOWN).allocs - before.allocs, 2);
  char *text = dump_text(1, false);
  assert_non_null(strstr(text, " traps=1 "));
  free(text);
}

static void
a_forked_child_can_go_on(void **state)
{
  (void)state;
  pid_t child = fork();
  if (child == 0) {
    memtrack_account_iobuffer(locations[0], 10);
    _exit(0);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int
open_once(void **state)
{
  (void)state;
  name_locations();
  pthread_key_create(&early_key, event_at_the_end);
  open_accounting(SITES);
  pthread_key_create(&late_key, event_at_the_end);
  return 0;
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_teardown(a_reader_sees_whole_pairs_and_never_more_releases_than_allocations, stop_writers),
    cmocka_unit_test(a_reader_waits_for_a_thread_that_was_stopped_inside_an_event),
    cmocka_unit_test(sums_of_all_threads_are_exact),
    cmocka_unit_test(a_thread_that_ends_hands_its_shard_and_its_counts_back),
    cmocka_unit_test(events_of_an_ending_thread_are_counted),
    cmocka_unit_test(a_signal_handler_that_comes_back_in_loses_at_most_its_own_event),
    cmocka_unit_test(a_forked_child_can_go_on),
    cmocka_unit_test(a_full_table_counts_into_other_and_stays_exact),
    cmocka_unit_test(a_thread_that_comes_after_the_table_was_full_charges_the_same_sites),
    cmocka_unit_test(names_of_equal_text_are_one_row_and_in_use_balances),
    cmocka_unit_test(a_trap_disables_its_shard_is_counted_and_nothing_else_happens),
    cmocka_unit_test(more_threads_than_shards_share_one),
  };
  return cmocka_run_group_tests(tests, open_once, NULL);
}
