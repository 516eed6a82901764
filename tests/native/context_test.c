// SPDX-License-Identifier: Apache-2.0
//
// The execution context: who is the owner inside nested calls, after them, on other threads, with many thunks, and if no more can
// be made.
#define _GNU_SOURCE
#include "support.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unwind.h>

#include "base/limits.h"
#include "module/module.h"
#include "owner/context.h"
#include "owner/thunk.h"

#define MANY 100000 /* thunks, in two dozen copies of the code */

int main(void); // the first frame

typedef intptr_t (*function)(intptr_t, intptr_t, intptr_t, intptr_t, intptr_t, intptr_t);

// In victim.so, which is the plugin here.
extern long victim_owner_inside(long (*tell)(long, long, long, long, long, long));

static uint32_t victim_owner;

static function
wrapped(function plain)
{
  return (function)(uintptr_t)memtrack_context_wrap((void *)(uintptr_t)plain);
}

static intptr_t
tell_owner(intptr_t a, intptr_t b, intptr_t c, intptr_t d, intptr_t e, intptr_t f)
{
  assert_int_equal(a + 10 * b + 100 * c + 1000 * d + 10000 * e + 100000 * f, 654321);
  return memtrack_context.owner;
}

static void
a_function_of_no_plugin_gets_no_thunk(void **state)
{
  (void)state;
  assert_ptr_equal(wrapped(tell_owner), tell_owner);
  assert_null(memtrack_context_wrap(NULL));
}

static void
a_shared_function_has_a_thunk_for_each_owner_it_runs_for(void **state)
{
  (void)state;
  memtrack_context.owner = 7 << MEMTRACK_OWNER_SLOT_BITS | 2;
  function for_seven     = wrapped(tell_owner);
  memtrack_context.owner = 8 << MEMTRACK_OWNER_SLOT_BITS | 3;
  function for_eight     = wrapped(tell_owner);
  assert_ptr_equal(for_eight, wrapped(tell_owner));
  memtrack_context.owner = MEMTRACK_OWNER_CORE;
  assert_ptr_not_equal(for_seven, for_eight);
  assert_int_equal(for_seven(1, 2, 3, 4, 5, 6), 7 << MEMTRACK_OWNER_SLOT_BITS | 2);
  assert_int_equal(for_eight(1, 2, 3, 4, 5, 6), 8 << MEMTRACK_OWNER_SLOT_BITS | 3);
  assert_int_equal(memtrack_context.owner, MEMTRACK_OWNER_CORE);
}

static void
a_plugins_function_runs_for_the_plugin_whoever_wraps_it(void **state)
{
  (void)state;
  function entry         = (function)(uintptr_t)victim_owner_inside;
  memtrack_context.owner = 9 << MEMTRACK_OWNER_SLOT_BITS | 4;
  function thunk         = wrapped(entry);
  assert_ptr_not_equal(thunk, entry);
  assert_int_equal(thunk((intptr_t)tell_owner, 0, 0, 0, 0, 0), victim_owner);
  assert_int_equal(memtrack_context.owner, 9 << MEMTRACK_OWNER_SLOT_BITS | 4);
  memtrack_context.owner = MEMTRACK_OWNER_CORE;
  assert_ptr_equal(wrapped(entry), thunk);
}

static function inner;

static intptr_t
call_inner(intptr_t a, intptr_t b, intptr_t c, intptr_t d, intptr_t e, intptr_t f)
{
  uint32_t mine = memtrack_context.owner;
  intptr_t got  = inner(a, b, c, d, e, f);
  assert_int_equal(memtrack_context.owner, mine);
  return got;
}

static void
calls_nest_and_each_gets_its_own_owner_back(void **state)
{
  (void)state;
  memtrack_context.owner = 11 << MEMTRACK_OWNER_SLOT_BITS | 5;
  inner                  = wrapped(tell_owner);
  memtrack_context.owner = 12 << MEMTRACK_OWNER_SLOT_BITS | 6;
  function outer         = wrapped(call_inner);
  memtrack_context.owner = MEMTRACK_OWNER_CORE;
  assert_int_equal(outer(1, 2, 3, 4, 5, 6), 11 << MEMTRACK_OWNER_SLOT_BITS | 5);
  assert_int_equal(memtrack_context.owner, MEMTRACK_OWNER_CORE);
}

static void *
run_on_thread(void *argument)
{
  function thunk = (function)argument;
  for (int i = 0; i < 10000; ++i) {
    assert_int_equal(thunk(1, 2, 3, 4, 5, 6), 7 << MEMTRACK_OWNER_SLOT_BITS | 2);
    assert_int_equal(memtrack_context.owner, MEMTRACK_OWNER_CORE);
  }
  return NULL;
}

static void
threads_have_an_owner_each(void **state)
{
  (void)state;
  pthread_t threads[4];
  memtrack_context.owner = 7 << MEMTRACK_OWNER_SLOT_BITS | 2;
  function thunk         = wrapped(tell_owner);
  for (int i = 0; i < 4; ++i) {
    assert_int_equal(pthread_create(&threads[i], NULL, run_on_thread, (void *)(uintptr_t)thunk), 0);
  }
  for (int i = 0; i < 4; ++i) {
    pthread_join(threads[i], NULL);
  }
  memtrack_context.owner = MEMTRACK_OWNER_CORE;
}

// ---- many thunks ----

// Another owner's key for each number: 1,000 owners, each reloaded again and again.
static uint32_t
owner_of(uint32_t number)
{
  return (1 + number / 1000) << MEMTRACK_OWNER_SLOT_BITS | (1 + number % 1000);
}

static function
wrapped_for(uint32_t number)
{
  memtrack_context.owner = owner_of(number);
  function thunk         = wrapped(tell_owner);
  memtrack_context.owner = MEMTRACK_OWNER_CORE;
  return thunk;
}

static function many[MANY];

static int
by_address(const void *a, const void *b)
{
  return *(const uintptr_t *)a < *(const uintptr_t *)b ? -1 : *(const uintptr_t *)a > *(const uintptr_t *)b;
}

static void
each_of_very_many_functions_runs_for_its_owner(void **state)
{
  (void)state;
  static function sorted[MANY];
  for (uint32_t i = 0; i < MANY; ++i) {
    many[i] = wrapped_for(i);
  }
  for (uint32_t i = 0; i < MANY; ++i) {
    intptr_t told = many[i](1, 2, 3, 4, 5, 6);
    assert_int_equal(told, owner_of(i));
    assert_int_equal(memtrack_context.owner, MEMTRACK_OWNER_CORE);
    assert_ptr_equal(wrapped_for(i), many[i]);
  }
  memcpy(sorted, many, sizeof(many));
  qsort(sorted, MANY, sizeof(*sorted), by_address);
  for (uint32_t i = 1; i < MANY; ++i) {
    assert_ptr_not_equal(sorted[i], sorted[i - 1]);
  }
  assert_int_equal(memtrack_limit_hits(MEMTRACK_LIMIT_THUNKS), 0);
}

static void
no_page_is_writable_and_executable_or_executable_without_a_file(void **state)
{
  (void)state;
  FILE *maps = fopen("/proc/self/maps", "r");
  char line[1024];
  int copies = 0;
  assert_non_null(maps);
  while (fgets(line, sizeof(line), maps)) {
    uintptr_t from, to;
    char mode[5], path[512] = "";
    assert_true(sscanf(line, "%lx-%lx %4s %*s %*s %*s %511s", &from, &to, mode, path) >= 3);
    if (mode[2] == 'x' && path[0] != '[') { // [vdso] and [vsyscall] are the kernel's
      assert_int_equal(mode[1], '-');
      assert_int_equal(path[0], '/');
      copies += (uintptr_t)many[MANY - 1] - from < to - from;
    }
  }
  fclose(maps);
  assert_int_equal(copies, 1);
}

static bool in_main;

static _Unwind_Reason_Code
visit_frame(struct _Unwind_Context *context, void *nothing)
{
  (void)nothing;
  in_main |= _Unwind_FindEnclosingFunction((void *)_Unwind_GetIP(context)) == (void *)(uintptr_t)main;
  return _URC_NO_REASON;
}

static intptr_t
trace(intptr_t a, intptr_t b, intptr_t c, intptr_t d, intptr_t e, intptr_t f)
{
  in_main = false;
  _Unwind_Backtrace(visit_frame, NULL);
  return tell_owner(a, b, c, d, e, f);
}

static void
a_stack_trace_reaches_through_a_mapped_thunk(void **state)
{
  (void)state;
  memtrack_context.owner = 13 << MEMTRACK_OWNER_SLOT_BITS | 8;
  function thunk         = wrapped(trace);
  memtrack_context.owner = MEMTRACK_OWNER_CORE;
  assert_int_equal(thunk(1, 2, 3, 4, 5, 6), 13 << MEMTRACK_OWNER_SLOT_BITS | 8);
  assert_true(in_main);
}

static intptr_t
end_thread(intptr_t a, intptr_t b, intptr_t c, intptr_t d, intptr_t e, intptr_t f)
{
  (void)tell_owner(a, b, c, d, e, f);
  pthread_exit(NULL); // unwinds, as an exception does
}

static void
note_owner_of_thread(void *owner)
{
  *(uint32_t *)owner = memtrack_context.owner;
}

static uint32_t owner_after;

static void *
run_until_it_is_unwound(void *argument)
{
  pthread_cleanup_push(note_owner_of_thread, &owner_after);
  memtrack_context.owner = 15 << MEMTRACK_OWNER_SLOT_BITS | 9;
  ((function)argument)(1, 2, 3, 4, 5, 6);
  pthread_cleanup_pop(0);
  return argument;
}

static void
a_call_that_is_unwound_gives_the_owner_back(void **state)
{
  (void)state;
  pthread_t thread;
  memtrack_context.owner = 14 << MEMTRACK_OWNER_SLOT_BITS | 8;
  function thunk         = wrapped(end_thread);
  memtrack_context.owner = MEMTRACK_OWNER_CORE;
  assert_int_equal(pthread_create(&thread, NULL, run_until_it_is_unwound, (void *)(uintptr_t)thunk), 0);
  pthread_join(thread, NULL);
  assert_int_equal(owner_after, 15 << MEMTRACK_OWNER_SLOT_BITS | 9);
}

// ---- many threads ----

#define THREADS 16
#define SHARED  20000

static function shadow[SHARED];

static void *
wrap_as_others_do(void *argument)
{
  uint64_t random = (uintptr_t)argument;
  for (uint32_t i = 0; i < 2 * SHARED; ++i) {
    uint32_t number = random_next(&random) % SHARED;
    function thunk = wrapped_for(MANY + number), expected = NULL;
    if (!__atomic_compare_exchange_n(&shadow[number], &expected, thunk, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
      assert_ptr_equal(thunk, expected);
    }
    intptr_t told = thunk(1, 2, 3, 4, 5, 6);
    assert_int_equal(told, owner_of(MANY + number));
  }
  return NULL;
}

static void
threads_that_wrap_the_same_functions_get_the_same_thunks(void **state)
{
  (void)state;
  pthread_t threads[THREADS];
  for (uintptr_t i = 0; i < THREADS; ++i) {
    assert_int_equal(pthread_create(&threads[i], NULL, wrap_as_others_do, (void *)(1 + i)), 0);
  }
  for (int i = 0; i < THREADS; ++i) {
    pthread_join(threads[i], NULL);
  }
}

// ---- no further thunk ----

static uint32_t next = MANY + SHARED; // number of an owner without a thunk

static bool forked_enough;

static void *
wrap_until_forked_enough(void *nothing)
{
  while (!__atomic_load_n(&forked_enough, __ATOMIC_SEQ_CST)) {
    function thunk = wrapped_for(next < MANY + SHARED + 50000 ? next++ : next);
    assert_ptr_not_equal(thunk, tell_owner);
  }
  return nothing;
}

// The child of a fork at any moment of another thread, which may hold the mutex.
static void
a_forked_child_gets_no_thunk_and_does_not_wait(void **state)
{
  (void)state;
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, wrap_until_forked_enough, NULL), 0);
  for (int i = 0; i < 40; ++i) {
    pid_t child = fork();
    assert_int_not_equal(child, -1);
    if (child == 0) {
      alarm(20);
      memtrack_context_freeze();
      _exit(wrapped_for(MANY + SHARED + 60000) == tell_owner && wrapped_for(MANY) != tell_owner ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
  }
  __atomic_store_n(&forked_enough, true, __ATOMIC_SEQ_CST);
  pthread_join(thread, NULL);
}

// Wraps for new owners until there is no thunk for one.
static void
use_thunks_up(void)
{
  uint64_t hits = memtrack_limit_hits(MEMTRACK_LIMIT_THUNKS);
  while (memtrack_limit_hits(MEMTRACK_LIMIT_THUNKS) == hits) {
    assert_true(next < MANY + SHARED + 300000);
    function thunk = wrapped_for(next++);
    assert_ptr_equal(thunk == tell_owner, memtrack_limit_hits(MEMTRACK_LIMIT_THUNKS) != hits);
  }
}

static void
without_a_thunk_the_function_itself_is_called_and_that_is_counted_and_tried_again(void **state)
{
  (void)state;
  struct memtrack_reason reason = {""};
  struct rlimit before, none;
  if (THREAD_SANITIZER) {
    skip(); // it ends the process if it cannot map memory
  }
  assert_false(memtrack_thunk_retry(&reason));
  assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
  none          = before;
  none.rlim_cur = 0;
  assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
  use_thunks_up();
  assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
  assert_ptr_equal(wrapped_for(next++), tell_owner);
  assert_ptr_not_equal(wrapped_for(1), tell_owner);
  assert_true(memtrack_thunk_retry(&reason));
  assert_string_equal(reason.text, "out of memory, or of mappings (vm.max_map_count)");
  function thunk = wrapped_for(next);
  assert_int_equal(thunk(1, 2, 3, 4, 5, 6), owner_of(next));
  assert_false(memtrack_thunk_retry(&reason));
}

// The descriptor of this program's file.
static int
find_descriptor(void)
{
  char path[64], own[512] = "", target[512];
  assert_true(readlink("/proc/self/exe", own, sizeof(own) - 1) > 0);
  for (int fd = 3; fd < 256; ++fd) {
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ssize_t length = readlink(path, target, sizeof(target) - 1);
    if (length > 0 && strncmp(own, target, length) == 0 && own[length] == '\0') {
      return fd;
    }
  }
  return -1;
}

// A program that closes descriptors that are not its own.
static void
a_descriptor_that_leads_to_another_file_is_refused(void **state)
{
  (void)state;
  struct memtrack_reason reason = {""};
  int other = open("/dev/zero", O_RDONLY | O_CLOEXEC), fd = find_descriptor();
  assert_true(fd >= 0);
  assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
  assert_int_equal(dup2(other, fd), fd);
  use_thunks_up();
  assert_true(memtrack_thunk_retry(&reason));
  assert_string_equal(reason.text, "the file of memtrack.so has changed, or cannot be read");
  close(fd);
  use_thunks_up();
  assert_true(memtrack_thunk_retry(&reason));
}

static void
note_owner(struct memtrack_module *module)
{
  victim_owner = module->kind == MEMTRACK_MODULE_PLUGIN ? module->owner : victim_owner;
}

static int
open_once(void **state)
{
  (void)state;
  open_accounting(64);
  memtrack_thunk_open();
  memtrack_module_scan((const void *)(uintptr_t)victim_owner_inside, false, note_owner, note_owner);
  return victim_owner ? 0 : -1;
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_function_of_no_plugin_gets_no_thunk),
    cmocka_unit_test(a_shared_function_has_a_thunk_for_each_owner_it_runs_for),
    cmocka_unit_test(a_plugins_function_runs_for_the_plugin_whoever_wraps_it),
    cmocka_unit_test(calls_nest_and_each_gets_its_own_owner_back),
    cmocka_unit_test(threads_have_an_owner_each),
    cmocka_unit_test(each_of_very_many_functions_runs_for_its_owner),
    cmocka_unit_test(no_page_is_writable_and_executable_or_executable_without_a_file),
    cmocka_unit_test(a_stack_trace_reaches_through_a_mapped_thunk),
    cmocka_unit_test(a_call_that_is_unwound_gives_the_owner_back),
    cmocka_unit_test(threads_that_wrap_the_same_functions_get_the_same_thunks),
    cmocka_unit_test(a_forked_child_gets_no_thunk_and_does_not_wait),
    cmocka_unit_test(without_a_thunk_the_function_itself_is_called_and_that_is_counted_and_tried_again),
    cmocka_unit_test(a_descriptor_that_leads_to_another_file_is_refused),
  };
  return cmocka_run_group_tests(tests, open_once, NULL);
}
