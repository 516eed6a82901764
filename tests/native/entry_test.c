// SPDX-License-Identifier: Apache-2.0
//
// Jumps at the entry of functions, with this program in the place of a server that contains its built-in tracker.
#define _GNU_SOURCE
#include "support.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "core/account.h"
#include "core/model.h"
#include "dump/builtin.h"
#include "hook/iobuffer.h"
#include "module/entry.h"
#include "module/quiet.h"

// Compiled as the server's own functions: not inlined, and without a sanitizer's calls.
#define OF_SERVER __attribute__((noinline, no_sanitize("address", "thread", "undefined")))

void program_increment(const char *where, int64_t size);
void program_dump(FILE *file);
int program_level = 0;

static struct row {
  char location[64];
  int64_t allocs, frees, in_use;
} row;
static struct memtrack_reason reason;
static int dumps;

// Uses every register that a call may use, like the server's, which searches a map.
OF_SERVER static struct row *
look_up(const char *where)
{
#if defined(__x86_64__)
  __asm__ volatile("" : : "r"(where) : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11");
#else
  __asm__ volatile("" : : "r"(where) : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11");
#endif
  return &row;
}

// Like the server's: what it needs after the call is saved before, so that the call returns behind a jump.
OF_SERVER void
program_increment(const char *where, int64_t size)
{
  struct row *of = look_up(where);
  if (!of->location[0]) {
    strncpy(of->location, where, sizeof(of->location) - 1);
  }
  __atomic_fetch_add(size >= 0 ? &of->allocs : &of->frees, 1, __ATOMIC_RELAXED);
  __atomic_fetch_add(&of->in_use, size, __ATOMIC_RELAXED);
}

OF_SERVER void
program_dump(FILE *file)
{
  if (!program_level) {
    return;
  }
  if (row.location[0]) {
    fprintf(file, "\n%-10s | %-10s | %-20s | %-10s | %-50s\n", "Allocs", "Frees", "Size In-use", "Avg Size", "Location");
    fprintf(file, "%10ld | %10ld | %20ld | %10ld | %-50s\n", row.allocs, row.frees, row.in_use, 0L, row.location);
    fprintf(file, "                          %20ld |            | %-50s\n", row.in_use, "TOTAL");
  }
}

#if defined(__x86_64__)
__asm__(
  ".globl program_small\n.type program_small,@function\nprogram_small: xor %eax,%eax\nret\n.size program_small,.-program_small\n"
  ".globl program_odd\n.type program_odd,@function\nprogram_odd: cpuid\n.skip 20,0x90\nret\n.size program_odd,.-program_odd\n");
#else
__asm__(".globl program_small\n.type program_small,%function\nprogram_small: ret\n.size program_small,.-program_small\n"
        ".globl program_odd\n.type program_odd,%function\nprogram_odd: cbz x0, program_odd\nnop\nnop\nnop\nnop\nret\n"
        ".size program_odd,.-program_odd\n");
#endif

static const struct memtrack_server built_in = {.versions  = {"10.2."},
                                                .increment = "program_increment",
                                                .dump      = "program_dump",
                                                .level     = "program_level",
                                                .signal    = "",
                                                .timer     = ""};

// As the server does; volatile, so that no compiler calls the functions otherwise.
static void (*volatile call_increment)(const char *, int64_t) = program_increment;
static void (*volatile call_dump)(FILE *)                     = program_dump;

static void
event(int64_t size)
{
  if (memtrack_load(&program_level)) {
    call_increment("memory/IOBuffer/entry.cc:1", size);
  }
}

static void
count_dump(FILE *file)
{
  (void)file;
  memtrack_add(&dumps, 1);
}

static void
events_and_dumps_come_to_us_until_the_jumps_are_removed(void **state)
{
  (void)state;
  char *maps = maps_text();
  unsigned char code[32], again[32];
  memcpy(code, (void *)program_increment, sizeof(code));
  program_level = 1;
  event(4096);
  event(4096);
  assert_int_equal(memtrack_iobuffer_install(&built_in, count_dump, &reason), 0);
  memtrack_builtin_carry_over();
  event(-4096);
  event(100);
  call_dump(stderr);
  assert_int_equal(dumps, 1);
  assert_int_equal(row.allocs, 2);
  assert_int_equal(row.frees, 0);
  char *text = dump_text(1, false);
  assert_non_null(strstr(text, "         3 |          1 |                 4196 |       2098 | memory/IOBuffer/entry.cc:1 "));
  free(text);
  assert_null(memtrack_iobuffer_builtin()); // taken over once

  memtrack_iobuffer_set_level(0);
  struct sums before = sum_site(MEMTRACK_SITE_UNKNOWN);
  event(100);
  assert_int_equal(sum_site(MEMTRACK_SITE_UNKNOWN).allocs, before.allocs);
  memtrack_iobuffer_set_level(1);

  // No page has another protection than before.
  char *now = maps_text();
  assert_null(strstr(now, "rwx"));
  free(now);

  assert_int_equal(memtrack_iobuffer_remove(&reason), 0);
  memcpy(again, (void *)program_increment, sizeof(again));
  assert_memory_equal(again, code, sizeof(code));
  event(100);
  FILE *null = fopen("/dev/null", "w");
  call_dump(null);
  fclose(null);
  assert_int_equal(dumps, 1);
  assert_int_equal(row.allocs, 3);
  assert_int_equal(sum_site(MEMTRACK_SITE_UNKNOWN).allocs, before.allocs);
  free(maps);
}

static void
verify_is_refused_and_says_where_it_is_possible(void **state)
{
  (void)state;
  assert_int_equal(memtrack_iobuffer_install(&built_in, count_dump, &reason), 0);
  assert_int_equal(memtrack_iobuffer_pass_on(true, &reason), -1);
  assert_non_null(strstr(reason.text, "shared libraries"));
  assert_non_null(strstr(reason.text, "9.2"));
  struct sums before = sum_site(MEMTRACK_SITE_UNKNOWN);
  event(1);
  assert_int_equal(sum_site(MEMTRACK_SITE_UNKNOWN).allocs, before.allocs + 1);

  // A second memtrack finds the first, and changes nothing.
  assert_int_equal(memtrack_iobuffer_install(&built_in, count_dump, &reason), -1);
  assert_non_null(strstr(reason.text, "program_increment is already redirected, to "));
  event(1);
  assert_int_equal(sum_site(MEMTRACK_SITE_UNKNOWN).allocs, before.allocs + 2);
  assert_int_equal(memtrack_iobuffer_remove(&reason), 0);
}

static void
a_function_that_is_too_short_or_odd_is_refused_and_untouched(void **state)
{
  (void)state;
  struct memtrack_server small = built_in, odd = built_in;
  small.increment    = "program_small";
  odd.dump           = "program_odd";
  int64_t counted    = row.allocs;
  struct sums before = sum_site(MEMTRACK_SITE_UNKNOWN);
  assert_int_equal(memtrack_iobuffer_install(&small, count_dump, &reason), -1);
  assert_non_null(strstr(reason.text, "program_small, "));
  assert_non_null(strstr(reason.text, "shorter than a jump"));
  assert_int_equal(memtrack_iobuffer_install(&odd, count_dump, &reason), -1);
  assert_non_null(strstr(reason.text, "program_odd, "));
  event(1);
  assert_int_equal(row.allocs, counted + 1);
  assert_int_equal(sum_site(MEMTRACK_SITE_UNKNOWN).allocs, before.allocs);
}

static void
without_a_way_to_write_code_nothing_is_changed(void **state)
{
  (void)state;
  struct rlimit limit, none;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
  none          = limit;
  none.rlim_cur = 0;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  int result = memtrack_iobuffer_install(&built_in, count_dump, &reason);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
  assert_int_equal(result, -1);
  assert_string_equal(reason.text, "cannot write code: /proc/self/mem: Too many open files");
  int64_t counted = row.allocs;
  event(1);
  assert_int_equal(row.allocs, counted + 1);
}

static void
a_jump_that_somebody_has_overwritten_is_left_alone(void **state)
{
  (void)state;
  struct memtrack_entry first, other;
  assert_int_equal(memtrack_entry_find(&first, "program_dump", (void *)program_dump, &reason), 0);
  assert_int_equal(memtrack_entry_write(&first, (void *)count_dump, &reason), 0);
  other = first;
  assert_int_equal(memtrack_entry_write(&other, (void *)abort, &reason), 0);
  assert_int_equal(memtrack_entry_restore(&first, &reason), -1);
  assert_non_null(strstr(reason.text, "somebody else has overwritten the jump at program_dump"));
  assert_int_equal(memtrack_entry_restore(&other, &reason), 0);
  assert_int_equal(memtrack_entry_restore(&other, &reason), 0);
  dumps      = 0;
  FILE *null = fopen("/dev/null", "w");
  call_dump(null);
  fclose(null);
  assert_int_equal(dumps, 0);
}

static bool stop;

static void *
call_without_end(void *nothing)
{
  (void)nothing;
  FILE *null = fopen("/dev/null", "w");
  while (!memtrack_load(&stop)) {
    event(1);
    call_dump(null);
  }
  fclose(null);
  return NULL;
}

// A server that is busy already.
static void
jumps_come_and_go_under_threads_that_call(void **state)
{
  (void)state;
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) {
    assert_int_equal(pthread_create(&threads[i], NULL, call_without_end, NULL), 0);
  }
  for (int round = 0; round < 3; ++round) {
    assert_int_equal(memtrack_iobuffer_install(&built_in, count_dump, &reason), 0);
    struct sums before = sum_site(MEMTRACK_SITE_UNKNOWN), now = before;
    for (int ms = 0; ms < 10000 && now.allocs < before.allocs + 1000; ++ms) {
      nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
      now = sum_site(MEMTRACK_SITE_UNKNOWN);
    }
    assert_true(now.allocs >= before.allocs + 1000);
    assert_int_equal(memtrack_iobuffer_remove(&reason), 0);
  }
  memtrack_store(&stop, true);
  for (int i = 0; i < 4; ++i) {
    pthread_join(threads[i], NULL);
  }
}

static int pipe_ends[2];

static void *
sleep_in_a_call(void *nothing)
{
  char byte;
  (void)nothing;
  return read(pipe_ends[0], &byte, 1) == 1 ? NULL : (void *)1;
}

static void
sleeping_threads_are_not_waited_for(void **state)
{
  (void)state;
  pthread_t thread;
  assert_int_equal(pipe(pipe_ends), 0);
  assert_int_equal(pthread_create(&thread, NULL, sleep_in_a_call, NULL), 0);
  assert_int_equal(memtrack_quiet_wait(&reason), 0);
  assert_int_equal(write(pipe_ends[1], "x", 1), 1);
  void *result;
  pthread_join(thread, &result);
  assert_null(result);
}

static int
open_once(void **state)
{
  (void)state;
  open_accounting(256);
  return 0;
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(events_and_dumps_come_to_us_until_the_jumps_are_removed),
    cmocka_unit_test(verify_is_refused_and_says_where_it_is_possible),
    cmocka_unit_test(a_function_that_is_too_short_or_odd_is_refused_and_untouched),
    cmocka_unit_test(without_a_way_to_write_code_nothing_is_changed),
    cmocka_unit_test(a_jump_that_somebody_has_overwritten_is_left_alone),
    cmocka_unit_test(jumps_come_and_go_under_threads_that_call),
    cmocka_unit_test(sleeping_threads_are_not_waited_for),
  };
  return cmocka_run_group_tests(tests, open_once, NULL);
}
