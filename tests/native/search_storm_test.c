// SPDX-License-Identifier: Apache-2.0
//
// The search makes passes while all that it reads changes: mappings come, go, move and lose their pages, threads begin and end,
// modules are loaded and unloaded, processes are forked, keys change, dumps are made, and its share goes from 0 to 100 and back. No
// block that is held is called lost, no pass counts as complete that has not read what was there all the time, and everybody goes
// on. MEMTRACK_SEARCH_PASSES=n: so many passes.
#define _GNU_SOURCE
#include "support.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/peek.h"
#include "core/account.h"
#include "core/epoch.h"
#include "core/model.h"
#include "core/tag.h"
#include "hook/objects.h"
#include "hook/ranges.h"
#include "hook/state.h"
#include "search/pass.h"
#include "search/search.h"

enum { PASSES = 40, LONGEST_S = 100, SITES = 128, PAGE = 4096, KEPT = 64, BLOCKS = 100, SIZE = 200, LIBRARIES = 20 };

// ---- what a pass reads: seen by the calls of the search's thread ----

static struct {
  uintptr_t start;
  unsigned pages, seen; // a bit for each page
} kept[KEPT];

static uint64_t last_passes = UINT64_MAX, last_complete, incomplete_and_counted;

static bool
has_seen_all(void)
{
  bool all = true;
  for (int i = 0; i < KEPT; ++i) {
    all &= kept[i].seen == (1u << kept[i].pages) - 1;
    kept[i].seen = 0;
  }
  return all;
}

static __thread bool is_search; // this is its thread

static void
see(uintptr_t start, size_t size)
{
  for (int i = 0; i < KEPT; ++i) {
    for (unsigned page = 0; page < kept[i].pages; ++page) {
      uintptr_t at = kept[i].start + page * PAGE;
      kept[i].seen |= (unsigned)(start <= at && at + PAGE <= start + size) << page;
    }
  }
}

// The search is told to end while a pass reads, and at once to go on.
enum { NONE, WANTED, STOPPED, OVER };
static int moment;

#define WRAP(result, name, parameters) \
  result __real_##name parameters;     \
  result __wrap_##name parameters;     \
  result __wrap_##name parameters

WRAP(long, syscall, (long number, long pid, long sources, long sources_count, long target, long targets, long flags))
{
  long count = __real_syscall(number, pid, sources, sources_count, target, targets, flags);
  if (number != SYS_process_vm_writev) {
    return count;
  }
  if (is_search && memtrack_load(&moment) == WANTED) {
    memtrack_pass_stop(true);
    memtrack_store(&moment, STOPPED);
  }
  if (is_search && count > 0 && sources_count == 1) {
    see((uintptr_t)((const struct iovec *)sources)->iov_base, count);
  }
  return count;
}

#if THREAD_SANITIZER
// The sanitizer does not see mremap(). Where that moves an instance to, the stack of an ended thread may have been: a race with it,
// it says. It sees the memory that is mapped here, in whose place the other comes.
void *
mremap(void *old, size_t size, size_t new_size, int flags, ...)
{
  if (flags & MREMAP_FIXED) {
    va_list rest;
    va_start(rest, flags);
    void *to = va_arg(rest, void *);
    va_end(rest);
    return (void *)syscall(SYS_mremap, old, size, new_size, flags, to);
  }
  void *place = mmap(NULL, new_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  assert_ptr_not_equal(place, MAP_FAILED);
  void *moved = (void *)syscall(SYS_mremap, old, size, new_size, flags | MREMAP_MAYMOVE | MREMAP_FIXED, place);
  if (moved == MAP_FAILED) {
    munmap(place, new_size);
  }
  return moved;
}
#endif

// A pass begins with the one file, and lists what is mapped by the other.
WRAP(int, open, (const char *path, int flags, mode_t mode))
{
  if (strcmp(path, "/proc/self/maps") == 0 && memtrack_load(&moment) == STOPPED) {
    memtrack_pass_stop(false);
    memtrack_store(&moment, OVER);
  }
  if (strcmp(path, "/proc/self/status") == 0) {
    is_search                       = true;
    const struct memtrack_pass *now = memtrack_pass_counts(); // which only this thread writes
    if (now->passes != last_passes) {
      bool all = has_seen_all();
      memtrack_add(&incomplete_and_counted, last_passes != UINT64_MAX && now->complete != last_complete && !all);
      last_passes   = now->passes;
      last_complete = now->complete;
    }
  }
  return __real_open(path, flags, mode);
}

// ---- blocks ----

static uint64_t key;

static void *
block_of(const char *site, uintptr_t address)
{
  char *block    = malloc(SIZE + MEMTRACK_TAG_SIZE);
  uint32_t birth = memtrack_account_alloc(address, memtrack_attributes(MEMTRACK_CLASS_HEAP, 0, 0), site, SIZE);
  memset(block, 0, SIZE);
  memtrack_tag_write(block, malloc_usable_size(block), SIZE, birth, key);
  return block;
}

static void
release(char *block)
{
  uint32_t birth;
  uint64_t size, usable = malloc_usable_size(block);
  if (memtrack_tag_read(block, usable, key, &birth, &size)) {
    memtrack_tag_clear(block, usable);
    memtrack_account_free(birth, size);
  }
  free(block);
}

// ---- storms ----

static bool stop;

static bool
is_over(void)
{
  return memtrack_load(&stop);
}

static void
pause_ms(long ms)
{
  nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

enum { MAPS = 16, MOST_PAGES = 400 };

struct mapped {
  char *at;
  size_t size;
};

static void
change(struct mapped *map, uint64_t *random)
{
  size_t part = random_next(random) % (map->size / PAGE) * PAGE;
  char *moved;
  switch (random_next(random) % 6) {
  case 0:
    mprotect(map->at + part, PAGE, PROT_NONE);
    break;
  case 1:
    mprotect(map->at, map->size, PROT_READ | PROT_WRITE);
    break;
  case 2:
    madvise(map->at + part, map->size - part, MADV_DONTNEED);
    break;
  case 3:
    moved = mremap(map->at, map->size, map->size + PAGE, MREMAP_MAYMOVE);
    if (moved != MAP_FAILED) {
      *map = (struct mapped){moved, map->size + PAGE};
    }
    break;
  case 4: // replaced where it is
    mmap(map->at, map->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    break;
  default:
    munmap(map->at, map->size);
    map->at = NULL;
  }
}

static void *
map_and_unmap(void *seed)
{
  struct mapped maps[MAPS] = {{0}};
  uint64_t random          = (uintptr_t)seed;
  while (!is_over()) {
    struct mapped *map = &maps[random_next(&random) % MAPS];
    if (map->at) {
      change(map, &random);
      continue;
    }
    map->size = (1 + random_next(&random) % MOST_PAGES) * PAGE;
    map->at   = mmap(NULL, map->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(map->at != MAP_FAILED);
    memset(map->at, 7, map->size);
  }
  for (int i = 0; i < MAPS; ++i) {
    if (maps[i].at) {
      munmap(maps[i].at, maps[i].size);
    }
  }
  return NULL;
}

static void *
live_shortly(void *unused)
{
  static __thread char variable[10000];
  memset(variable, 1, sizeof(variable));
  release(block_of("pass", 0x3000));
  return unused;
}

static void *
begin_and_end(void *unused)
{
  pthread_t threads[8];
  while (!is_over()) {
    for (int i = 0; i < 8; ++i) {
      assert_int_equal(pthread_create(&threads[i], NULL, live_shortly, NULL), 0);
    }
    for (int i = 0; i < 8; ++i) {
      pthread_join(threads[i], NULL);
    }
  }
  return unused;
}

static void *
load_and_unload(void *unused)
{
  char name[32];
  for (int i = 0; !is_over() && !THREAD_SANITIZER; ++i) { // the sanitizer does not know the loader's lock
    snprintf(name, sizeof(name), "churn%d.so", i % LIBRARIES);
    dlclose(open_beside(name, i % 2 ? RTLD_NOW : RTLD_LAZY));
  }
  return unused;
}

// A child goes on working; nothing of it is counted.
static void *
fork_children(void *unused)
{
  while (!is_over()) {
    int status;
    pid_t child = fork();
    if (child == 0) {
      alarm(20);
      for (int i = 0; i < 100 && !MT_SANITIZED; ++i) { // a sanitizer's allocator does not live on in a child
        free(strdup("a child"));
      }
      _exit(!MT_SANITIZED && has_search_thread());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    pause_ms(20);
  }
  return unused;
}

// ---- the task thread ----

static struct memtrack_search_wish wish = {.armed = true, .percent = 100, .interval = 1};

struct row {
  unsigned watched, blocks, lost, probably, held, unsure, passes;
};

static struct row
row_of(const char *site)
{
  struct row row = {0};
  char start[64];
  log_clear();
  memtrack_search_status();
  snprintf(start, sizeof(start), "searched: memory/core/%s: ", site);
  const char *at = strstr(log_text(), start);
  if (at) {
    sscanf(at + strlen(start), "%u of %u blocks watched, %u lost, %u probably, %u held, %u unsure, after %u passes", &row.watched,
           &row.blocks, &row.lost, &row.probably, &row.held, &row.unsure, &row.passes);
  }
  assert_null(strstr(log_text(), "blind"));
  return row;
}

static void
assert_held(void)
{
  struct row row = row_of("hold");
  if (row.lost || row.probably) {
    fail_msg("%s", log_text());
  }
}

// A short time of the server's: records change, a dump is made, the tracking is switched off and on.
static void
live(uint64_t *random)
{
  switch (random_next(random) % 8) {
  case 0:
    wish.percent = 0;
    break;
  case 1:
    wish.percent = 5;
    break;
  case 2:
    wish.armed = false;
    break;
  case 3: // another arming, whose blocks all have another key
    memtrack_store_ordered(&memtrack_hooks.key, memtrack_tag_key());
    break;
  case 4:
    free(dump_text(1, false));
    break;
  default:
    wish = (struct memtrack_search_wish){.armed = true, .percent = 100, .interval = 1};
    memtrack_store_ordered(&memtrack_hooks.key, key);
  }
  memtrack_search_poll(&wish);
  assert_held();
  pause_ms(wish.percent == 100 && wish.armed ? 300 : 30);
}

static void
copy_passes(struct memtrack_core *model, void *to)
{
  (void)model;
  *(struct memtrack_pass *)to = *memtrack_pass_counts();
}

static struct memtrack_pass
passes(void)
{
  struct memtrack_pass now = {0};
  memtrack_model_visit(false, copy_passes, &now);
  return now;
}

// Blocks of the present epoch are not watched.
static void
begin_epoch(struct memtrack_core *model, void *unused)
{
  (void)model;
  (void)unused;
  memtrack_store_ordered(&memtrack_epochs_, memtrack_epochs() + 1);
}

static void *lost[BLOCKS]; // where only a sanitizer looks: the variables of this module are memtrack's own

static void
make_blocks(void)
{
  void **all = malloc(BLOCKS * sizeof(*all));
  for (int i = 0; i < BLOCKS; ++i) {
    all[i]  = block_of("hold", 0x1000);
    lost[i] = block_of("lose", 0x2000);
  }
  void ***held = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  *held        = all;
}

static int
open_all(void **state)
{
  (void)state;
  open_accounting(SITES);
  assert_int_equal(memtrack_objects_open() || memtrack_ranges_open() || memtrack_peek_open(NULL), 0);
  memtrack_hooks.key = key = memtrack_tag_key();
  make_blocks();
  for (int i = 0; i < KEPT; ++i) {
    kept[i].pages = 1 + i % 3;
    char *memory  = mmap(NULL, kept[i].pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    memset(memory, 1, kept[i].pages * PAGE);
    kept[i].start = (uintptr_t)memory;
  }
  memtrack_model_observe();
  memtrack_model_visit(false, begin_epoch, NULL);
  memtrack_search_request("memory/core", 100);
  return 0;
}

static void
poll_until(uint64_t most)
{
  uint64_t until = memtrack_clock_seconds() + LONGEST_S;
  for (uint64_t first = passes().passes; passes().passes < first + most; pause_ms(5)) {
    assert_true(memtrack_clock_seconds() < until);
    memtrack_search_poll(&wish);
  }
}

static void
a_pass_that_was_told_to_end_for_a_moment_is_not_complete(void **state)
{
  (void)state;
  poll_until(2);
  for (int i = 0; i < 3; ++i) {
    memtrack_store(&moment, WANTED);
    poll_until(2);
    assert_int_equal(memtrack_load(&moment), OVER);
  }
  poll_until(1);
  assert_int_equal(memtrack_load(&incomplete_and_counted), 0);
}

static void
storms_of_all_kinds_do_it_no_harm(void **state)
{
  (void)state;
  static void *(*const kinds[])(void *) = {map_and_unmap, map_and_unmap, begin_and_end, load_and_unload, fork_children};
  enum { STORMS = sizeof(kinds) / sizeof(*kinds) };
  pthread_t threads[STORMS];
  const char *wanted = getenv("MEMTRACK_SEARCH_PASSES");
  uint64_t most      = wanted ? (uint64_t)atoll(wanted) : PASSES;
  uint64_t until = memtrack_clock_seconds() + (wanted ? most : LONGEST_S), random = 1;
  for (int i = 0; i < STORMS; ++i) {
    assert_int_equal(pthread_create(&threads[i], NULL, kinds[i], (void *)(uintptr_t)(i + 1)), 0);
  }
  while (passes().passes < most && memtrack_clock_seconds() < until) {
    live(&random);
  }
  memtrack_store(&stop, true);
  for (int i = 0; i < STORMS; ++i) {
    pthread_join(threads[i], NULL);
  }
  print_message("%lu of %lu passes were complete\n", (unsigned long)passes().complete, (unsigned long)passes().passes);
  assert_true(passes().passes >= most);
  assert_true(passes().complete > 0);
  assert_int_equal(memtrack_load(&incomplete_and_counted), 0);
}

// Of a sanitizer's memory a thorough pass is too long to be complete.
static unsigned
found(struct row row)
{
  return row.lost + (MT_SANITIZED ? row.probably : 0);
}

static void
what_is_lost_is_found_after_them(void **state)
{
  (void)state;
  uint64_t until = memtrack_clock_seconds() + LONGEST_S;
  struct row row;
  wish = (struct memtrack_search_wish){.armed = true, .percent = 100, .interval = 1};
  memtrack_store_ordered(&memtrack_hooks.key, key);
  do {
    memtrack_search_poll(&wish);
    pause_ms(50);
    row = row_of("lose");
  } while (found(row) < row.watched / 4 + 1 && memtrack_clock_seconds() < until);
  print_message("%s", log_text());
  assert_in_range(row.blocks, BLOCKS - 1, BLOCKS); // one in 8,192 is not seen
  assert_true(found(row) > row.watched / 4);       // old words refer to some
  assert_held();
  row = row_of("hold");
  assert_int_equal(row.held, row.watched);
  wish.armed = false;
  memtrack_search_poll(&wish);
  while (has_search_thread()) {
    assert_true(memtrack_clock_seconds() < until);
    pause_ms(5);
  }
  memtrack_search_poll(&wish); // which joins it
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_pass_that_was_told_to_end_for_a_moment_is_not_complete),
    cmocka_unit_test(storms_of_all_kinds_do_it_no_harm),
    cmocka_unit_test(what_is_lost_is_found_after_them),
  };
  return cmocka_run_group_tests(tests, open_all, NULL);
}
