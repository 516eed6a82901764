// SPDX-License-Identifier: Apache-2.0
//
// The stack walk: for every form of frames it finds the same address as the unwinder, and the second time without the unwinder.
#define _GNU_SOURCE
#include "support.h"

#include <alloca.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/compiler.h"
#include "caller.h"
#include "owner/walk.h"

#define OTHERWISE 12345u
#define APART     __attribute__((noinline))

// Functions that are sites have their own section.
#define SITE APART __attribute__((section("sites")))
extern const char __start_sites[], __stop_sites[];

static bool
is_site(uintptr_t address)
{
  return address - (uintptr_t)__start_sites <= (uintptr_t)(__stop_sites - __start_sites);
}

static struct {
  unsigned walks, found;
} seen;

// Lowest frame of every stack in these tests.
static APART void
look(void)
{
  uintptr_t expected = memtrack_walk_slowly(is_site, OTHERWISE);
  assert_int_equal(memtrack_walk(MEMTRACK_SITES_OF_PLUGINS, is_site, OTHERWISE), expected);
  __atomic_fetch_add(&seen.walks, 1, __ATOMIC_RELAXED);
  __atomic_fetch_add(&seen.found, expected != OTHERWISE, __ATOMIC_RELAXED);
}

// Keeps a value that calls overwrite, so that no call is a tail call.
#define KEEPING(value) __asm__ volatile("" : : "r"(value) : "memory")

static APART void
plain(unsigned depth)
{
  if (depth) {
    plain(depth - 1);
  } else {
    look();
  }
  KEEPING(depth);
}

static APART void
with_bp(unsigned depth)
{
  char *room = alloca(8 + depth * 24);
  memset(room, 1, 8 + depth * 24);
  plain(depth % 3);
  KEEPING(room);
}

static APART void
large(unsigned depth)
{
  char room[70000];
  memset(room, 1, sizeof(room));
  KEEPING(room);
  with_bp(depth);
  KEEPING(room);
}

static APART void
realigned(unsigned depth)
{
  _Alignas(256) char room[256];
  memset(room, 1, sizeof(room));
  KEEPING(room);
  plain(depth);
  KEEPING(room);
}

static int
compare(const void *a, const void *b)
{
  look();
  return *(const int *)a - *(const int *)b;
}

static APART void
through_the_c_library(unsigned depth)
{
  int numbers[4] = {3, 1, 2, (int)depth};
  qsort(numbers, 4, sizeof(numbers[0]), compare);
  KEEPING(numbers);
}

static void
on_signal(int number)
{
  (void)number;
  look();
}

static APART void
through_a_signal(unsigned depth)
{
  raise(SIGUSR1);
  KEEPING(depth);
}

static void (*const shapes[])(unsigned) = {plain, with_bp, large, realigned, through_the_c_library, through_a_signal};
enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

static SITE void
first_site(unsigned shape, unsigned depth)
{
  shapes[shape](depth);
  KEEPING(depth);
}

static SITE void
second_site(unsigned shape, unsigned depth)
{
  char room[200];
  memset(room, 1, sizeof(room));
  KEEPING(room);
  shapes[shape](depth);
  KEEPING(room);
}

static void
walk_all(void)
{
  for (unsigned shape = 0; shape < SHAPES; ++shape) {
    for (unsigned depth = 0; depth < 40; ++depth) {
      first_site(shape, depth);
      second_site(shape, depth);
      shapes[shape](depth); // no site
    }
  }
}

static void
what_the_unwinder_finds_is_found(void **state)
{
  (void)state;
  seen.walks = seen.found = 0;
  for (int round = 0; round < 3; ++round) {
    walk_all();
  }
  assert_true(seen.walks > 3 * SHAPES * 40 * 3);
  assert_int_equal(seen.found * 3, seen.walks * 2);
}

static void
beyond_the_depth_nothing_is_found(void **state)
{
  (void)state;
  memtrack_walk_forget();
  first_site(0, 1); // the site is known, and so are all frames up to it, which are the same in each call
  for (unsigned depth = MEMTRACK_WALK_DEPTH - 10; depth < MEMTRACK_WALK_DEPTH + 10; ++depth) {
    seen.found = 0;
    for (int round = 0; round < 3; ++round) {
      first_site(0, depth);
    }
    assert_true(seen.found == (depth <= MEMTRACK_WALK_DEPTH - 5 ? 3 : depth > MEMTRACK_WALK_DEPTH ? 0 : seen.found));
  }
}

static void
a_known_stack_needs_no_unwinder(void **state)
{
  (void)state;
  for (unsigned shape = 0; shape < 3; ++shape) {
    for (unsigned depth = 0; depth < 40; ++depth) {
      second_site(shape, depth);
    }
  }
  uint64_t slow = memtrack_walk_slow_count();
  for (unsigned shape = 0; shape < 3; ++shape) {
    for (unsigned depth = 0; depth < 40; ++depth) {
      second_site(shape, depth);
      first_site(shape, depth);
    }
  }
#if defined(__x86_64__)
  assert_int_equal(memtrack_walk_slow_count(), slow);
#endif
  slow = memtrack_walk_slow_count();
  memtrack_walk_forget();
  second_site(0, 5);
  assert_int_equal(memtrack_walk_slow_count(), slow + 1);
}

static const caller *
load_sites(const char *name)
{
  return dlsym(open_beside(name, RTLD_NOW | RTLD_LOCAL), "caller_sites");
}

static uintptr_t
walk_only(uintptr_t a, uintptr_t b, uintptr_t c)
{
  uintptr_t found = memtrack_walk(MEMTRACK_SITES_OF_PLUGINS, is_site, OTHERWISE);
  KEEPING(a + b + c);
  return found;
}

static SITE uintptr_t
walk_through(caller outer, caller inner)
{
  uintptr_t found = outer((called)(void *)inner, (uintptr_t)walk_only, 0, 0);
  KEEPING(outer);
  return found;
}

// Rules whose addresses share a place in the cache: among so many pairs of addresses there are some for any size of it.
static void
frames_of_one_walk_do_not_displace_each_other(void **state)
{
  (void)state;
  const caller *outer = load_sites("caller.so"), *inner = load_sites("library.so");
  unsigned again = 0;
  for (unsigned i = 0; i < CALLER_SITES; i += 4) {
    for (unsigned j = 0; j < CALLER_SITES; ++j) {
      memtrack_walk_forget();
      assert_true(walk_through(outer[i], inner[j]) != OTHERWISE);
      uint64_t slow = memtrack_walk_slow_count();
      walk_through(outer[i], inner[j]);
      again += memtrack_walk_slow_count() != slow;
    }
  }
#if defined(__x86_64__)
  assert_int_equal(again, 0);
#endif
}

static void *
walk_on_thread(void *argument)
{
  for (int round = 0; round < 50; ++round) {
    walk_all();
  }
  return argument;
}

static void
threads_share_what_they_learn(void **state)
{
  (void)state;
  pthread_t threads[4];
  memtrack_walk_forget();
  for (int i = 0; i < 4; ++i) {
    assert_int_equal(pthread_create(&threads[i], NULL, walk_on_thread, NULL), 0);
  }
  for (int i = 0; i < 200; ++i) {
    memtrack_walk_forget();
    sched_yield();
  }
  for (int i = 0; i < 4; ++i) {
    pthread_join(threads[i], NULL);
  }
}

static int
open_once(void **state)
{
  (void)state;
  struct sigaction action = {.sa_handler = on_signal};
  return sigaction(SIGUSR1, &action, NULL);
}

#if defined(__x86_64__) && !MT_SANITIZED

extern void __register_frame(void *frames);
extern void __deregister_frame(void *frames);

// sub rsp, 8; call rdi; add rsp, 8; ret. Its frame information is as good as none: it does not say where the caller's frame is, and
// the unwinder would end the process.
static const uint8_t made_code[] = {0x48, 0x83, 0xec, 0x08, 0xff, 0xd7, 0x48, 0x83, 0xc4, 0x08, 0xc3};
static struct {
  struct {
    uint32_t length, id;
    uint8_t version, augmentation, code_factor, data_factor, returns, rest[3];
  } cie;
  struct {
    uint32_t length, back;
    uint64_t start, size;
  } fde __attribute__((packed));
  uint32_t end;
} made_frames = {
  .cie = {.length = sizeof(made_frames.cie) - 4, .version = 1, .code_factor = 1, .data_factor = 0x78, .returns = 16},
  .fde = {.length = sizeof(made_frames.fde) - 4, .back = sizeof(made_frames.cie) + 4, .size = sizeof(made_code)},
};

static APART SITE void
call_made_code(void (*code)(void (*)(void)), void (*callee)(void))
{
  code(callee);
  KEEPING(callee);
}

static void
a_walk_ends_at_code_that_was_made_at_run_time(void **state)
{
  (void)state;
  char *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_ptr_not_equal(code, MAP_FAILED);
  memtrack_walk_open();
  memcpy(code, made_code, sizeof(made_code));
  made_frames.fde.start = (uintptr_t)code;
  __register_frame(&made_frames);
  seen.walks = seen.found = 0;
  for (unsigned i = 0; i < 3; ++i) {
    call_made_code((void (*)(void (*)(void)))(uintptr_t)code, look);
  }
  assert_int_equal(seen.walks, 3);
  assert_int_equal(seen.found, 0);
  __deregister_frame(&made_frames);
  munmap(code, 4096);
}

#else

static void
a_walk_ends_at_code_that_was_made_at_run_time(void **state)
{
  (void)state;
  skip();
}

#endif

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_the_unwinder_finds_is_found), cmocka_unit_test(beyond_the_depth_nothing_is_found),
    cmocka_unit_test(a_known_stack_needs_no_unwinder),  cmocka_unit_test(frames_of_one_walk_do_not_displace_each_other),
    cmocka_unit_test(threads_share_what_they_learn),    cmocka_unit_test(a_walk_ends_at_code_that_was_made_at_run_time),
  };
  return cmocka_run_group_tests(tests, open_once, NULL);
}
