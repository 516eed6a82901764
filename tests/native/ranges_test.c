// SPDX-License-Identifier: Apache-2.0
//
// The table of mapped ranges: random operations compared with a list of pages, a table that is full, threads that take and give
// back, signal handlers that interrupt the holder of its lock, and children after fork.
#define _GNU_SOURCE
#include "support.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/limits.h"
#include "core/account.h"
#include "hook/ranges.h"

enum { PAGES = 512, SITES = 4, STEPS = 300000, PENDING = 3, LONGEST_S = 60 };

static const uint64_t BASE = 0x7f0000000000u;

static struct memtrack_mapped_range all[MEMTRACK_RANGES_MAX];

static uint64_t
page(void)
{
  return memtrack_ranges_page();
}

static void *
address_of(uint64_t number)
{
  return (void *)(uintptr_t)(BASE + number * page());
}

static uint32_t
new_birth(unsigned site)
{
  static const char *const names[SITES] = {"memory/plugin/a", "memory/plugin/b", "memory/plugin/c", "memory/plugin/d"};
  return memtrack_account_alloc(0x1000 + site, memtrack_attributes(MEMTRACK_CLASS_MAPPED, 0, 0), names[site], 0);
}

static void
put(uint64_t first, uint64_t pages, uint32_t birth)
{
  memtrack_ranges_put(&(struct memtrack_mapped_range){.start  = (uintptr_t)address_of(first),
                                                      .end    = (uintptr_t)address_of(first + pages),
                                                      .origin = memtrack_ranges_number(),
                                                      .birth  = birth});
}

// ---- random operations ----

struct mapping {
  unsigned site;
  uint32_t pages; // that are recorded, or taken out
};

static struct mapping mappings[STEPS + 1];
static uint32_t mapping_count;
static uint32_t shadow[PAGES]; // number of its mapping; 0: none
static uint64_t made[SITES], gone[SITES];

static void
leave(uint32_t *pages, uint32_t count)
{
  for (uint32_t i = 0; i < count; ++i) {
    if (pages[i]) {
      struct mapping *of = &mappings[pages[i]];
      gone[of->site] += --of->pages == 0;
      pages[i] = 0;
    }
  }
}

static void
enter(uint32_t first, uint32_t count, uint32_t mapping)
{
  for (uint32_t i = first; i < first + count; ++i) {
    shadow[i] = mapping;
  }
  mappings[mapping].pages += count;
}

// A call that is under way.
struct pending {
  struct memtrack_taken taken;
  uint32_t first, count, pages[PAGES];
};

static struct pending pendings[PENDING];
static unsigned pending_count;

static bool
is_free_of_pending(uint32_t first, uint32_t count)
{
  for (unsigned i = 0; i < pending_count; ++i) {
    if (first < pendings[i].first + pendings[i].count && pendings[i].first < first + count) {
      return false;
    }
  }
  return true;
}

static void
begin(uint32_t first, uint32_t count)
{
  struct pending *pending = &pendings[pending_count++];
  pending->taken          = memtrack_ranges_take(address_of(first), count * page() - (count > 1 ? 7 : 0));
  pending->first          = first;
  pending->count          = count;
  memcpy(pending->pages, shadow + first, count * sizeof(*shadow));
  memset(shadow + first, 0, count * sizeof(*shadow));
}

// The call has failed: 0; has unmapped: 1; has moved what was there: 2.
static void
finish(unsigned how, uint32_t to, uint32_t count)
{
  struct pending *pending = &pendings[--pending_count];
  uint32_t moved          = 0;
  for (uint32_t i = 0; i < pending->count && !moved; ++i) {
    moved = pending->pages[i];
  }
  if (how == 0) {
    memtrack_ranges_restore(pending->taken);
    memcpy(shadow + pending->first, pending->pages, pending->count * sizeof(*shadow));
  } else if (how == 1 || !is_free_of_pending(to, count)) {
    memtrack_ranges_drop(pending->taken);
    leave(pending->pages, pending->count);
  } else {
    memtrack_ranges_move(pending->taken, address_of(to), count * page());
    mappings[moved].pages += moved != 0; // it is not the last one
    leave(pending->pages, pending->count);
    if (moved) {
      leave(shadow + to, count);
      mappings[moved].pages -= 1;
      enter(to, count, moved);
    }
  }
}

static void
assert_same_ranges(void)
{
  uint32_t count = memtrack_ranges_copy(0, all, PAGES + 1), at = 0;
  uint64_t numbers[PAGES] = {0};
  for (uint32_t first = 0, end; first < PAGES; first = end) {
    for (end = first + 1; end < PAGES && shadow[end] == shadow[first]; ++end) {
    }
    if (!shadow[first]) {
      continue;
    }
    assert_true(at < count);
    assert_int_equal(all[at].start, (uintptr_t)address_of(first));
    assert_int_equal(all[at].end, (uintptr_t)address_of(end));
    numbers[at] = shadow[first];
    for (uint32_t other = 0; other < at; ++other) {
      assert_int_equal(numbers[other] == numbers[at], all[other].origin == all[at].origin);
    }
    ++at;
  }
  assert_int_equal(at, count);
}

static void
random_operations_give_what_a_list_of_pages_gives(void **state)
{
  (void)state;
  const char *given = getenv("MEMTRACK_SEED");
  uint64_t seed     = given ? strtoull(given, NULL, 0) : 0x5eed4711;
  print_message("MEMTRACK_SEED=%llu\n", (unsigned long long)seed);
  uint32_t sites[SITES];
  for (unsigned site = 0; site < SITES; ++site) {
    uint32_t birth = new_birth(site);
    sites[site]    = birth >> MEMTRACK_EPOCH_BITS;
    memtrack_account_free(birth, 0);
    made[site] = gone[site] = 1;
  }
  for (uint32_t step = 0; step < STEPS; ++step) {
    uint32_t count = 1 + random_next(&seed) % (random_next(&seed) % 8 ? 12 : 200), first = random_next(&seed) % (PAGES - count + 1);
    unsigned what = random_next(&seed) % 8;
    if (what < 3 && is_free_of_pending(first, count)) {
      uint32_t mapping       = ++mapping_count;
      mappings[mapping].site = random_next(&seed) % SITES;
      put(first, count, new_birth(mappings[mapping].site));
      leave(shadow + first, count);
      enter(first, count, mapping);
      ++made[mappings[mapping].site];
    } else if (what < 6 && pending_count < PENDING && is_free_of_pending(first, count)) {
      begin(first, count);
    } else if (what == 6 && pending_count) {
      finish(random_next(&seed) % 3, first, count);
    } else if (what == 7) {
      uint32_t known = memtrack_ranges_copy((uintptr_t)address_of(first), all, 1);
      if (known) {
        memtrack_ranges_measured(all, random_next(&seed) % 100);
      }
    }
    if (step % 64 == 0) {
      assert_same_ranges();
    }
  }
  while (pending_count) {
    finish(random_next(&seed) % 3, 0, 1);
  }
  assert_same_ranges();
  uint32_t ranges = memtrack_ranges_copy(0, all, PAGES + 1);
  for (unsigned site = 0; site < SITES; ++site) {
    struct sums sums = sum_site(sites[site]);
    uint64_t pages   = 0;
    for (uint32_t i = 0; i < ranges; ++i) {
      pages += all[i].birth >> MEMTRACK_EPOCH_BITS == sites[site] ? all[i].pages : 0;
    }
    assert_int_equal(sums.allocs, made[site]);
    assert_int_equal(sums.frees, gone[site]);
    assert_int_equal(sums.alloc_bytes - sums.free_bytes, pages * page());
  }
  memtrack_ranges_drop(memtrack_ranges_take(address_of(0), PAGES * page()));
  assert_int_equal(memtrack_ranges_copy(0, all, 1), 0);
  for (unsigned site = 0; site < SITES; ++site) {
    struct sums sums = sum_site(sites[site]);
    assert_int_equal(sums.allocs, sums.frees);
    assert_int_equal(sums.alloc_bytes, sums.free_bytes);
  }
}

// ---- limits ----

static void
what_there_is_no_room_for_is_counted_and_the_rest_is_found(void **state)
{
  (void)state;
  enum { MORE = 100 };
  uint64_t before     = memtrack_limit_hits(MEMTRACK_LIMIT_RANGES);
  struct sums sums[2] = {sum_site(MEMTRACK_SITE_UNKNOWN)};
  for (uint64_t i = 0; i < MEMTRACK_RANGES_MAX + MORE; ++i) {
    put(3 * i, 2, new_birth(0));
  }
  assert_int_equal(memtrack_limit_hits(MEMTRACK_LIMIT_RANGES) - before, MORE);
  assert_int_equal(memtrack_ranges_copy(0, all, MEMTRACK_RANGES_MAX), MEMTRACK_RANGES_MAX);
  // There is no node for the part that stays on the right: it is forgotten.
  memtrack_ranges_drop(memtrack_ranges_take(address_of(3), page()));
  assert_int_equal(memtrack_limit_hits(MEMTRACK_LIMIT_RANGES) - before, MORE + 1);
  // One that is out can be put back.
  struct memtrack_taken taken = memtrack_ranges_take(address_of(6), 2 * page());
  memtrack_ranges_restore(taken);
  memtrack_ranges_drop(memtrack_ranges_take(address_of(0), 3 * (MEMTRACK_RANGES_MAX + MORE) * page()));
  assert_int_equal(memtrack_ranges_copy(0, all, 1), 0);
  sums[1] = sum_site(MEMTRACK_SITE_UNKNOWN);
  assert_int_equal(sums[1].allocs - sums[0].allocs, MEMTRACK_RANGES_MAX + MORE);
  assert_int_equal(sums[1].frees - sums[0].frees, MEMTRACK_RANGES_MAX + MORE);
  assert_true(memtrack_ranges_memory() > 64ull * MEMTRACK_RANGES_MAX);
}

static void
what_is_taken_out_during_a_new_arming_is_forgotten(void **state)
{
  (void)state;
  put(0, 8, new_birth(0));
  put(8, 8, new_birth(1));
  struct sums before            = sum_site(MEMTRACK_SITE_UNKNOWN);
  struct memtrack_taken failing = memtrack_ranges_take(address_of(0), 4 * page());
  struct memtrack_taken moving  = memtrack_ranges_take(address_of(8), 4 * page());
  struct memtrack_taken ending  = memtrack_ranges_take(address_of(12), 4 * page());
  memtrack_ranges_clear();
  memtrack_ranges_restore(failing);
  memtrack_ranges_move(moving, address_of(20), 4 * page());
  memtrack_ranges_drop(ending);
  assert_int_equal(memtrack_ranges_copy(0, all, 1), 0);
  assert_int_equal(sum_site(MEMTRACK_SITE_UNKNOWN).frees, before.frees);
}

static void
addresses_that_no_call_takes_change_nothing(void **state)
{
  (void)state;
  put(0, 8, new_birth(0));
  assert_int_equal(memtrack_ranges_take((char *)address_of(0) + 1, page()).first, 0);
  assert_int_equal(memtrack_ranges_take(address_of(0), 0).first, 0);
  assert_int_equal(memtrack_ranges_take(NULL, page()).first, 0);
  struct memtrack_taken taken = memtrack_ranges_take(address_of(4), SIZE_MAX); // to the end of all addresses
  assert_int_not_equal(taken.first, 0);
  memtrack_ranges_restore(taken);
  assert_int_equal(memtrack_ranges_copy(0, all, 2), 1);
  assert_int_equal(all[0].end - all[0].start, 8 * page());
  memtrack_ranges_clear();
}

static void
a_range_that_has_changed_is_not_measured(void **state)
{
  (void)state;
  struct memtrack_mapped_range copy;
  put(0, 8, new_birth(0));
  assert_int_equal(memtrack_ranges_copy(0, &copy, 1), 1);
  memtrack_ranges_drop(memtrack_ranges_take(address_of(6), 2 * page()));
  memtrack_ranges_measured(&copy, 5);
  memtrack_ranges_lost(&copy, copy.start, copy.end);
  assert_int_equal(memtrack_ranges_copy(0, &copy, 1), 1);
  assert_int_equal(copy.pages, 0);
  memtrack_ranges_measured(&copy, 5);
  memtrack_ranges_lost(&copy, copy.start + page(), copy.start + 2 * page());
  assert_int_equal(memtrack_ranges_copy(0, all, 3), 2);
  assert_int_equal(all[0].pages + all[1].pages, 5);
  memtrack_ranges_clear();
}

// ---- stacks ----

static void
a_stack_leaves_by_its_own_thread_s_end_alone(void **state)
{
  (void)state;
  struct memtrack_mapped_range stack = {.start = BASE, .end = BASE + 8 * page(), .kind = MEMTRACK_RANGE_STACK};
  stack.birth                        = new_birth(2);
  stack.origin                       = memtrack_ranges_number();
  memtrack_ranges_put(&stack);
  uintptr_t inside = BASE + page() + 64;
  memtrack_ranges_thread_gone(inside, stack.origin - 1, false); // it was created after that thread
  memtrack_ranges_thread_gone(inside, stack.origin, true);      // it has not ended
  memtrack_ranges_thread_ended(inside, stack.origin - 1);
  memtrack_ranges_thread_gone(inside, stack.origin, true);
  assert_int_equal(memtrack_ranges_copy(0, all, 2), 1);
  memtrack_ranges_thread_ended(inside, stack.origin);
  memtrack_ranges_thread_gone(inside, stack.origin + 5, true);
  assert_int_equal(memtrack_ranges_copy(0, all, 2), 0);
  // Memory that is no stack, which a program uses as one, is not the thread's.
  put(0, 8, new_birth(2));
  memtrack_ranges_thread_gone(inside, memtrack_ranges_newest(), false);
  assert_int_equal(memtrack_ranges_copy(0, all, 2), 1);
  memtrack_ranges_clear();
}

// ---- threads, signals, forks ----

enum { THREADS = 4, ROUNDS = 20000 };

static void *
map_and_unmap(void *number)
{
  uint64_t first = 1000 * (uintptr_t)number, seed = (uintptr_t)number + 1;
  for (unsigned i = 0; i < ROUNDS; ++i) {
    uint64_t at = first + random_next(&seed) % 500;
    put(at, 1 + random_next(&seed) % 20, new_birth(random_next(&seed) % SITES));
    struct memtrack_taken taken = memtrack_ranges_take(address_of(first + random_next(&seed) % 500), 7 * page());
    if (random_next(&seed) % 2) {
      memtrack_ranges_drop(taken);
    } else {
      memtrack_ranges_restore(taken);
    }
  }
  memtrack_ranges_drop(memtrack_ranges_take(address_of(first), 600 * page()));
  return NULL;
}

static bool over;

static void *
measure_all(void *nothing)
{
  (void)nothing;
  uint32_t pages = 0;
  while (!memtrack_load_acquire(&over)) {
    struct memtrack_mapped_range some[64];
    uint32_t count;
    for (uint64_t after = 0; (count = memtrack_ranges_copy(after, some, 64)); after = some[count - 1].end) {
      for (uint32_t i = 0; i < count; ++i) {
        memtrack_ranges_measured(&some[i], ++pages % 9);
      }
    }
  }
  return NULL;
}

static void
threads_leave_nothing(void **state)
{
  (void)state;
  pthread_t threads[THREADS], measurer;
  struct sums before = sum_site(MEMTRACK_SITE_UNKNOWN);
  memtrack_store_release(&over, false);
  assert_int_equal(pthread_create(&measurer, NULL, measure_all, NULL), 0);
  for (uintptr_t i = 0; i < THREADS; ++i) {
    assert_int_equal(pthread_create(&threads[i], NULL, map_and_unmap, (void *)i), 0);
  }
  for (unsigned i = 0; i < THREADS; ++i) {
    pthread_join(threads[i], NULL);
  }
  memtrack_store_release(&over, true);
  pthread_join(measurer, NULL);
  assert_int_equal(memtrack_ranges_copy(0, all, 1), 0);
  struct sums after = sum_site(MEMTRACK_SITE_UNKNOWN);
  assert_int_equal(after.allocs - before.allocs, after.frees - before.frees);
  assert_int_equal(after.alloc_bytes - before.alloc_bytes, after.free_bytes - before.free_bytes);
}

static uint32_t handled, passed;

static void
on_signal(int signal)
{
  (void)signal;
  memtrack_store(&handled, handled + 1);
  if (memtrack_ranges_usable()) {
    memtrack_ranges_drop(memtrack_ranges_take(address_of(900), page()));
  } else {
    memtrack_store(&passed, passed + 1);
    assert_int_equal(memtrack_ranges_take(address_of(900), page()).first, 0);
  }
}

static void *
interrupt(void *thread)
{
  while (!memtrack_load_acquire(&over)) {
    pthread_kill(*(pthread_t *)thread, SIGUSR2);
    usleep(20);
  }
  return NULL;
}

static void
a_signal_handler_passes_the_table_of_the_thread_that_it_interrupts(void **state)
{
  (void)state;
  pthread_t self          = pthread_self(), other;
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, old;
  sigaction(SIGUSR2, &action, &old);
  alarm(LONGEST_S);
  put(900, 1, new_birth(3));
  memtrack_store_release(&over, false);
  assert_int_equal(pthread_create(&other, NULL, interrupt, &self), 0);
  // Takes of much, so that the lock is held for long.
  for (unsigned round = 0; round < 20000 && memtrack_load(&passed) < 20; ++round) {
    for (unsigned i = 0; i < 200; ++i) {
      put(1000 + 2 * i, 1, 0);
    }
    memtrack_ranges_restore(memtrack_ranges_take(address_of(1000), 400 * page()));
  }
  memtrack_store_release(&over, true);
  pthread_join(other, NULL);
  alarm(0);
  sigaction(SIGUSR2, &old, NULL);
  print_message("%u signals, %u in the table\n", handled, passed);
  assert_true(passed > 0);
  memtrack_ranges_clear();
}

static void
a_child_passes_the_table_that_another_thread_has_locked(void **state)
{
  (void)state;
  if (MT_SANITIZED) {
    skip(); // a child of many threads is not the sanitizer's case
  }
  pthread_t threads[2];
  for (uintptr_t i = 0; i < 2; ++i) {
    assert_int_equal(pthread_create(&threads[i], NULL, map_and_unmap, (void *)i), 0);
  }
  for (unsigned i = 0; i < 200; ++i) {
    // Without the handlers of pthread_atfork().
    pid_t child = (pid_t)syscall(SYS_fork);
    if (child == 0) {
      alarm(LONGEST_S);
      bool usable                 = memtrack_ranges_usable();
      struct memtrack_taken taken = memtrack_ranges_take(address_of(0), 5000 * page());
      memtrack_ranges_restore(taken);
      memtrack_ranges_drop(taken);
      syscall(SYS_exit_group, usable || taken.first);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
  }
  for (unsigned i = 0; i < 2; ++i) {
    pthread_join(threads[i], NULL);
  }
}

static int
open_all(void **state)
{
  (void)state;
  open_accounting(256);
  return memtrack_ranges_open();
}

static bool over;

static void *
map_for_ever(void *nothing)
{
  while (!memtrack_load(&over)) {
    for (uint64_t first = 1000; first < 1100; first += 10) {
      put(first, 7, new_birth(1));
      memtrack_ranges_drop(memtrack_ranges_take(address_of(first + 2), 2 * page()));
    }
    memtrack_ranges_drop(memtrack_ranges_take(address_of(1000), 100 * page()));
  }
  return nothing;
}

static void
a_copy_without_the_lock_has_the_beginning_of_each_mapping_that_stays(void **state)
{
  (void)state;
  enum { KEPT = 50, COPIES = 2000 };
  pthread_t thread;
  memtrack_ranges_clear();
  for (uint64_t i = 0; i < KEPT; ++i) { /* each of two parts */
    put(i * 10, 8, new_birth(0));
    memtrack_ranges_drop(memtrack_ranges_take(address_of(i * 10 + 3), page()));
  }
  assert_int_equal(pthread_create(&thread, NULL, map_for_ever, NULL), 0);
  for (int copies = 0; copies < COPIES;) {
    uint32_t count, kept = 0;
    if (!memtrack_ranges_snapshot(all, &count)) {
      continue;
    }
    ++copies;
    for (uint32_t i = 0; i < count; ++i) {
      bool is_kept = all[i].start < (uintptr_t)address_of(1000);
      kept += is_kept;
      assert_int_equal(all[i].start, (uintptr_t)address_of(is_kept ? kept * 10 - 10 : (all[i].start - BASE) / page() / 10 * 10));
      assert_true(!is_kept || all[i].end == (uintptr_t)address_of(kept * 10 - 10 + 3));
    }
    assert_int_equal(kept, KEPT);
  }
  memtrack_store(&over, true);
  pthread_join(thread, NULL);
  memtrack_ranges_clear();
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(random_operations_give_what_a_list_of_pages_gives),
    cmocka_unit_test(what_is_taken_out_during_a_new_arming_is_forgotten),
    cmocka_unit_test(addresses_that_no_call_takes_change_nothing),
    cmocka_unit_test(a_range_that_has_changed_is_not_measured),
    cmocka_unit_test(a_stack_leaves_by_its_own_thread_s_end_alone),
    cmocka_unit_test(threads_leave_nothing),
    cmocka_unit_test(a_copy_without_the_lock_has_the_beginning_of_each_mapping_that_stays),
    cmocka_unit_test(a_signal_handler_passes_the_table_of_the_thread_that_it_interrupts),
    cmocka_unit_test(a_child_passes_the_table_that_another_thread_has_locked),
    cmocka_unit_test(what_there_is_no_room_for_is_counted_and_the_rest_is_found),
  };
  return cmocka_run_group_tests(tests, open_all, NULL);
}
