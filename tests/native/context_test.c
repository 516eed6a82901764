// SPDX-License-Identifier: Apache-2.0
//
// The execution context: who is the owner inside nested calls, after them, on other threads, and when thunks run out.
#define _GNU_SOURCE
#include "support.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "module/module.h"
#include "owner/context.h"

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

static void
without_a_thunk_the_function_itself_is_called_and_that_is_counted(void **state)
{
  (void)state;
  uint32_t owner = 100;
  assert_int_equal(memtrack_limit_hits(MEMTRACK_LIMIT_THUNKS), 0);
  while (memtrack_limit_hits(MEMTRACK_LIMIT_THUNKS) == 0) {
    assert_true(owner < 100 + 2 * MEMTRACK_THUNKS_MAX);
    memtrack_context.owner = ++owner << MEMTRACK_OWNER_SLOT_BITS | 7;
    function thunk         = wrapped(tell_owner);
    intptr_t told          = thunk(1, 2, 3, 4, 5, 6);
    assert_int_equal(told, memtrack_context.owner);
  }
  assert_ptr_equal(wrapped(tell_owner), tell_owner);
  memtrack_context.owner = MEMTRACK_OWNER_CORE;
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
    cmocka_unit_test(without_a_thunk_the_function_itself_is_called_and_that_is_counted),
  };
  return cmocka_run_group_tests(tests, open_once, NULL);
}
