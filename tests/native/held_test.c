// SPDX-License-Identifier: Apache-2.0
//
// Transactions and sessions that a plugin holds: one row's number of objects is the number of handlers that returned and were not
// answered, whoever reenables, on which thread, before or after the return.
#define _GNU_SOURCE
#include "support.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unwind.h>

#include "core/account.h"
#include "hook/held.h"
#include "hook/objects.h"
#include "hook/plugin_hooks.h"
#include "hook/state.h"
#include "module/module.h"
#include "owner/naming.h"
#include "owner/thunk.h"
#include "server/awaited.h"

#include <ts/ts.h>

#define OWNER (7u << MEMTRACK_OWNER_SLOT_BITS | 2)

void throw_bad_alloc(void);
int throws_bad_alloc(void (*body)(void *), void *data);
int main(void); // the first frame

// In victim.so, which is the plugin here: calls a function.
extern long victim_owner_inside(long (*tell)(long, long, long, long, long, long));

static char transactions[64], other;

typedef int (*handler)(void *cont, int event, void *data);

static handler
wrapped(handler plain)
{
  memtrack_context.owner = OWNER;
  handler thunk          = (handler)(uintptr_t)memtrack_context_wrap_handler((void *)(uintptr_t)plain);
  memtrack_context.owner = MEMTRACK_OWNER_CORE;
  assert_ptr_not_equal(thunk, plain);
  return thunk;
}

// ---- the server: what it does in a reenable ----

static __thread void (*resume)(void *object);

static void
server_reenables(void *object, int event)
{
  assert_int_equal(event, TS_EVENT_HTTP_CONTINUE);
  assert_int_equal(memtrack_context.owner, MEMTRACK_OWNER_CORE);
  void (*next)(void *) = resume;
  resume               = NULL;
  if (next) {
    next(object);
  }
}

static void
reenable(void *transaction)
{
  hook_TSHttpTxnReenable(transaction, TS_EVENT_HTTP_CONTINUE);
}

// ---- what is held ----

static uint64_t counted;

static uint64_t
held(void)
{
  struct sums sums = sum_site(MEMTRACK_SITE_UNKNOWN);
  return sums.allocs - sums.frees;
}

// How many were ever counted since the last call.
static uint64_t
counted_now(void)
{
  uint64_t allocs = sum_site(MEMTRACK_SITE_UNKNOWN).allocs, more = allocs - counted;
  counted = allocs;
  return more;
}

static int
begin(void **state)
{
  (void)state;
  assert_int_equal(held(), 0);
  assert_null(memtrack_context.awaited);
  resume = NULL;
  counted_now();
  return 0;
}

// ---- handlers ----

static int
answers(void *cont, int event, void *transaction)
{
  (void)cont;
  (void)event;
  if (transaction) {
    reenable(transaction);
  }
  return 4711;
}

static int
holds(void *cont, int event, void *transaction)
{
  (void)cont;
  (void)event;
  (void)transaction;
  assert_int_equal(memtrack_context.owner, OWNER);
  return 4712;
}

// Called with a transaction as its continuation, by a timer.
static int
answers_later(void *transaction, int event, void *data)
{
  (void)event;
  (void)data;
  reenable(transaction);
  return 4713;
}

static void
an_event_that_is_answered_at_once_is_not_counted(void **state)
{
  (void)state;
  for (int event = TS_EVENT_HTTP_READ_REQUEST_HDR; event <= MEMTRACK_AWAITED_LAST; ++event) {
    assert_int_equal(wrapped(answers)(NULL, event, transactions), 4711);
    assert_null(memtrack_context.awaited);
  }
  assert_int_equal(counted_now(), 0);
}

static void
an_event_without_an_answer_is_held_until_it_comes(void **state)
{
  (void)state;
  for (int i = 0; i < 64; ++i) {
    assert_int_equal(wrapped(holds)(NULL, TS_EVENT_HTTP_OS_DNS, &transactions[i]), 4712);
  }
  assert_int_equal(held(), 64);
  for (int i = 0; i < 63; ++i) {
    assert_int_equal(wrapped(answers_later)(&transactions[i], TS_EVENT_TIMEOUT, NULL), 4713);
  }
  assert_int_equal(held(), 1);
  reenable(&transactions[63]); // by no handler
  assert_int_equal(held(), 0);
  assert_int_equal(counted_now(), 64);
}

#define X(name, number) TS_EVENT_##name,
static const int AWAITED[]     = {MEMTRACK_AWAITED_OF_TRANSACTION(X) MEMTRACK_AWAITED_OF_SESSION(X)};
static const int NOT_AWAITED[] = {
  TS_EVENT_NONE,
  TS_EVENT_IMMEDIATE,
  TS_EVENT_TIMEOUT,
  TS_EVENT_CONTINUE,
  TS_EVENT_VCONN_CLOSE,
  TS_EVENT_VCONN_START,
  TS_EVENT_NET_ACCEPT,
  TS_EVENT_HTTP_CONTINUE,
  TS_EVENT_HTTP_ERROR,
  TS_EVENT_HTTP_SELECT_ALT,
  TS_EVENT_SSL_CERT,
  TS_EVENT_LIFECYCLE_MSG,
  TS_EVENT_LIFECYCLE_SHUTDOWN,
  TS_EVENT_MGMT_UPDATE,
  TS_EVENT_HTTP_REQUEST_TRANSFORM,
  TS_EVENT_HTTP_RESPONSE_TRANSFORM,
  -1,
  60020,
  60022,
  0x7fffffff,
};
#undef X

static void
only_events_that_the_server_waits_after_are_counted(void **state)
{
  (void)state;
  handler thunk = wrapped(holds);
  for (size_t i = 0; i < sizeof(NOT_AWAITED) / sizeof(*NOT_AWAITED); ++i) {
    thunk(NULL, NOT_AWAITED[i], transactions);
  }
  assert_int_equal(counted_now(), 0);
  for (size_t i = 0; i < sizeof(AWAITED) / sizeof(*AWAITED); ++i) {
    thunk(NULL, AWAITED[i], NULL); // of nothing
    assert_int_equal(held(), 0);
    thunk(NULL, AWAITED[i], &transactions[i]);
    assert_int_equal(held(), 1);
    hook_TSHttpSsnReenable(&transactions[i], TS_EVENT_HTTP_CONTINUE);
    assert_int_equal(held(), 0);
  }
  assert_int_equal(counted_now(), sizeof(AWAITED) / sizeof(*AWAITED));
}

static long
say_nothing(long a, long b, long c, long d, long e, long f)
{
  return a + b + c + d + e + f;
}

static void
the_row_has_the_kind_and_the_function(void **state)
{
  (void)state;
  handler in_plugin = wrapped((handler)(uintptr_t)victim_owner_inside);
  void *cont        = (void *)(uintptr_t)say_nothing;
  in_plugin(cont, TS_EVENT_HTTP_TXN_CLOSE, transactions);
  in_plugin(cont, TS_EVENT_HTTP_SSN_START, &other);
  memtrack_naming_resolve();
  char *text = dump_text(1, false), *objects = strstr(text, "Objects of plugins");
  assert_non_null(objects);
  assert_non_null(strstr(objects, "| held transaction | memory/plugin/victim.so victim_owner_inside"));
  assert_non_null(strstr(objects, "| held session     | memory/plugin/victim.so victim_owner_inside"));
  free(text);
  reenable(transactions);
  hook_TSHttpSsnReenable(&other, TS_EVENT_HTTP_CONTINUE);
}

// ---- nested calls ----

static void
call_the_next_that_holds(void *transaction)
{
  wrapped(holds)(NULL, TS_EVENT_HTTP_POST_REMAP, transaction);
}

static void
call_the_next_that_answers(void *transaction)
{
  wrapped(answers)(NULL, TS_EVENT_HTTP_POST_REMAP, transaction);
}

// The memory of a transaction that ended in the reenable is another's before the handler returns.
static void
begin_another_that_holds(void *transaction)
{
  wrapped(holds)(NULL, TS_EVENT_HTTP_TXN_START, transaction);
}

static void
the_next_handler_within_a_reenable_is_another_call(void **state)
{
  (void)state;
  resume = call_the_next_that_answers;
  wrapped(answers)(NULL, TS_EVENT_HTTP_PRE_REMAP, transactions);
  assert_int_equal(counted_now(), 0);
  resume = call_the_next_that_holds;
  wrapped(answers)(NULL, TS_EVENT_HTTP_PRE_REMAP, transactions);
  assert_int_equal(held(), 1);
  reenable(transactions);
  resume = begin_another_that_holds;
  wrapped(answers)(NULL, TS_EVENT_HTTP_TXN_CLOSE, transactions);
  assert_int_equal(held(), 1);
  reenable(transactions);
  assert_int_equal(held(), 0);
  assert_int_equal(counted_now(), 2);
}

static handler inner;

// As TSContCall does. First with another transaction, then with its own.
static int
calls_another(void *cont, int event, void *transaction)
{
  inner(cont, event, &other);
  assert_ptr_equal(memtrack_context.awaited, transaction);
  inner(cont, TS_EVENT_IMMEDIATE, NULL);
  assert_ptr_equal(memtrack_context.awaited, transaction);
  return inner(cont, event, transaction);
}

static int
answers_then_calls_another(void *cont, int event, void *transaction)
{
  reenable(transaction);
  return inner(cont, event, &other);
}

static int
calls_another_then_answers(void *cont, int event, void *transaction)
{
  inner(cont, event, transaction);
  reenable(transaction);
  return 0;
}

static int
passes_itself_on(void *cont, int event, void *transaction)
{
  (void)event;
  (void)transaction;
  return inner(cont, TS_EVENT_TIMEOUT, NULL);
}

static void
a_handler_may_call_one_that_answers_for_it_or_not(void **state)
{
  (void)state;
  inner = wrapped(answers);
  wrapped(calls_another)(NULL, TS_EVENT_HTTP_PRE_REMAP, transactions);
  assert_int_equal(counted_now(), 0);
  inner = wrapped(holds);
  wrapped(answers_then_calls_another)(NULL, TS_EVENT_HTTP_PRE_REMAP, transactions);
  assert_int_equal(held(), 1);
  reenable(&other);
  assert_int_equal(held(), 0);
  wrapped(calls_another_then_answers)(NULL, TS_EVENT_HTTP_PRE_REMAP, transactions);
  assert_int_equal(held(), 0);
  wrapped(calls_another)(NULL, TS_EVENT_HTTP_PRE_REMAP, transactions);
  assert_int_equal(held(), 2);
  reenable(&other);
  reenable(transactions);
  assert_int_equal(held(), 0);
  // For an event after which nobody waits.
  counted_now();
  inner = wrapped(answers_later);
  wrapped(passes_itself_on)(transactions, TS_EVENT_HTTP_PRE_REMAP, transactions);
  assert_int_equal(counted_now(), 0);
}

// ---- other threads ----

static void *
reenable_on_thread(void *transaction)
{
  reenable(transaction);
  return NULL;
}

static void
on_another_thread(void *transaction)
{
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, reenable_on_thread, transaction), 0);
  pthread_join(thread, NULL);
}

static int
is_answered_elsewhere(void *cont, int event, void *transaction)
{
  (void)cont;
  (void)event;
  on_another_thread(transaction);
  return 0;
}

static int
is_answered_elsewhere_after_a_call(void *cont, int event, void *transaction)
{
  wrapped(holds)(cont, event, transaction);
  on_another_thread(transaction);
  return 0;
}

static void
another_thread_may_answer_before_the_return_or_after_it(void **state)
{
  (void)state;
  wrapped(is_answered_elsewhere)(NULL, TS_EVENT_HTTP_CACHE_LOOKUP_COMPLETE, transactions);
  assert_int_equal(counted_now(), 0);
  wrapped(holds)(NULL, TS_EVENT_HTTP_CACHE_LOOKUP_COMPLETE, transactions); // the mark is of the earlier call
  assert_int_equal(held(), 1);
  on_another_thread(transactions);
  assert_int_equal(held(), 0);
  wrapped(is_answered_elsewhere_after_a_call)(NULL, TS_EVENT_HTTP_OS_DNS, transactions);
  assert_int_equal(held(), 0);
}

// ---- wrong uses, and what memtrack does not see ----

static int
answers_twice(void *cont, int event, void *transaction)
{
  (void)cont;
  (void)event;
  reenable(transaction);
  reenable(transaction);
  return 0;
}

static void
a_second_answer_concerns_no_later_event(void **state)
{
  (void)state;
  wrapped(answers_twice)(NULL, TS_EVENT_HTTP_TXN_START, transactions);
  reenable(transactions);
  for (int i = 0; i < 64; ++i) {
    reenable(&transactions[i]);
    reenable(NULL);
  }
  assert_int_equal(counted_now(), 0);
  for (int i = 0; i < 64; ++i) {
    wrapped(holds)(NULL, TS_EVENT_HTTP_TXN_START, &transactions[i]);
  }
  assert_int_equal(held(), 64);
  for (int i = 0; i < 64; ++i) {
    reenable(&transactions[i]);
    reenable(&transactions[i]);
  }
  assert_int_equal(held(), 0);
}

static void
a_new_event_at_the_address_begins_anew(void **state)
{
  (void)state;
  handler thunk = wrapped(holds);
  thunk(NULL, TS_EVENT_HTTP_TXN_START, transactions);
  thunk(NULL, TS_EVENT_HTTP_TXN_START, transactions); // the answer was not seen
  assert_int_equal(held(), 1);
  wrapped(answers)(NULL, TS_EVENT_HTTP_TXN_CLOSE, transactions);
  assert_int_equal(held(), 0);
  assert_int_equal(counted_now(), 2);
}

static void
nothing_is_counted_while_nothing_is_tracked(void **state)
{
  (void)state;
  handler thunk = wrapped(holds);
  thunk(NULL, TS_EVENT_HTTP_TXN_START, transactions);
  thunk(NULL, TS_EVENT_HTTP_TXN_START, &other);
  reenable(&other);
  memtrack_store(&memtrack_hooks.armed, false);
  thunk(NULL, TS_EVENT_HTTP_TXN_START, &other);
  reenable(transactions); // not seen
  memtrack_store(&memtrack_hooks.armed, true);
  assert_int_equal(counted_now(), 2);
  assert_int_equal(held(), 1);
  thunk(NULL, TS_EVENT_HTTP_TXN_START, transactions);
  reenable(transactions);
  assert_int_equal(held(), 0);
  // As a new arming, in which the model begins anew: the former objects are in no table.
  thunk(NULL, TS_EVENT_HTTP_TXN_START, transactions);
  struct memtrack_object known;
  assert_true(memtrack_objects_remove(transactions, &known));
  memtrack_account_free(known.birth, 0);
  memtrack_objects_clear();
  memtrack_held_clear();
  reenable(transactions);
  assert_int_equal(held(), 0);
}

static void
a_function_that_is_no_handler_awaits_nothing(void **state)
{
  (void)state;
  handler as_handler     = wrapped(holds);
  memtrack_context.owner = OWNER;
  handler as_function    = (handler)(uintptr_t)memtrack_context_wrap((void *)(uintptr_t)holds);
  memtrack_context.owner = MEMTRACK_OWNER_CORE;
  assert_ptr_not_equal(as_handler, as_function);
  assert_ptr_equal(as_handler, wrapped(holds));
  assert_int_equal(as_function(NULL, TS_EVENT_HTTP_TXN_START, transactions), 4712);
  assert_int_equal(counted_now(), 0);
}

// ---- handlers that do not return ----

static int
throws(void *cont, int event, void *transaction)
{
  (void)event;
  if (cont) {
    reenable(transaction);
  }
  throw_bad_alloc();
  return 0;
}

static int
ends_its_thread(void *cont, int event, void *transaction)
{
  (void)cont;
  (void)event;
  (void)transaction;
  pthread_exit(NULL);
}

static void
throw_in_a_handler(void *answer)
{
  wrapped(throws)(answer, TS_EVENT_HTTP_SEND_RESPONSE_HDR, transactions);
}

static uint32_t owner_after;
static void *awaited_after;

static void
note_context(void *nothing)
{
  (void)nothing;
  owner_after   = memtrack_context.owner;
  awaited_after = memtrack_context.awaited;
}

static void *
run_until_it_ends(void *nothing)
{
  pthread_cleanup_push(note_context, NULL);
  memtrack_context.awaited = &other;
  memtrack_context.owner   = MEMTRACK_OWNER_CORE;
  ((handler)(uintptr_t)nothing)(NULL, TS_EVENT_HTTP_TXN_START, transactions);
  pthread_cleanup_pop(0);
  return nothing;
}

static void
a_handler_that_is_unwound_holds_what_it_did_not_answer(void **state)
{
  (void)state;
  pthread_t thread;
  assert_int_equal(throws_bad_alloc(throw_in_a_handler, transactions), 1);
  assert_int_equal(counted_now(), 0);
  assert_int_equal(throws_bad_alloc(throw_in_a_handler, NULL), 1);
  assert_int_equal(held(), 1);
  assert_null(memtrack_context.awaited);
  assert_int_equal(memtrack_context.owner, MEMTRACK_OWNER_CORE);
  reenable(transactions);
  handler thunk = wrapped(ends_its_thread);
  assert_int_equal(pthread_create(&thread, NULL, run_until_it_ends, (void *)(uintptr_t)thunk), 0);
  pthread_join(thread, NULL);
  assert_ptr_equal(awaited_after, &other);
  assert_int_equal(owner_after, MEMTRACK_OWNER_CORE);
  assert_int_equal(held(), 1);
  reenable(transactions);
}

static bool in_main;

static _Unwind_Reason_Code
visit_frame(struct _Unwind_Context *context, void *nothing)
{
  (void)nothing;
  in_main |= _Unwind_FindEnclosingFunction((void *)_Unwind_GetIP(context)) == (void *)(uintptr_t)main;
  return _URC_NO_REASON;
}

static int
traces(void *cont, int event, void *transaction)
{
  (void)cont;
  (void)event;
  _Unwind_Backtrace(visit_frame, NULL);
  reenable(transaction);
  // Aligned as a call must find it.
  char aligned[16] MT_ALIGNED(16);
  __asm__ volatile("" : : "r"(aligned) : "memory");
  return (uintptr_t)__builtin_frame_address(0) % 16;
}

static void
a_stack_trace_reaches_through_a_handlers_thunk(void **state)
{
  (void)state;
  in_main = false;
  assert_int_equal(wrapped(traces)(NULL, TS_EVENT_HTTP_TXN_START, transactions), 0);
  assert_true(in_main);
}

// ---- many at once ----

#define WORKERS 4
#define ROUNDS  20000
#define SLOTS   128

static void *inbox[SLOTS]; // transactions that another thread is to reenable
static char many[WORKERS][ROUNDS];
static int working;

static void
give_away(void *transaction, uint64_t *random)
{
  void *before = __atomic_exchange_n(&inbox[random_next(random) % SLOTS], transaction, __ATOMIC_ACQ_REL);
  if (before) {
    reenable(before);
  }
}

static __thread uint64_t mine;

static int
answers_at_random(void *cont, int event, void *transaction)
{
  (void)cont;
  (void)event;
  switch (random_next(&mine) % 4) {
  case 0:
    reenable(transaction);
    break;
  case 1: // a race between the return and another thread
    give_away(transaction, &mine);
    break;
  case 2:
    give_away(transaction, &mine);
    sched_yield();
    break;
  default:
    return 1; // after the return
  }
  return 0;
}

static void *
work(void *argument)
{
  int number    = (int)(intptr_t)argument;
  handler thunk = wrapped(answers_at_random);
  mine          = 0x5eed + number;
  for (int i = 0; i < ROUNDS; ++i) {
    if (thunk(NULL, TS_EVENT_HTTP_READ_RESPONSE_HDR, &many[number][i])) {
      give_away(&many[number][i], &mine);
    }
  }
  return NULL;
}

static void
each_of_many_that_other_threads_answer_ends(void **state)
{
  (void)state;
  pthread_t threads[WORKERS];
  uint64_t left = 0;
  for (intptr_t i = 0; i < WORKERS; ++i) {
    assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
  }
  for (int i = 0; i < WORKERS; ++i) {
    pthread_join(threads[i], NULL);
  }
  for (int i = 0; i < SLOTS; ++i) {
    left += inbox[i] != NULL;
  }
  assert_int_equal(held(), left);
  for (int i = 0; i < SLOTS; ++i) {
    if (inbox[i]) {
      reenable(inbox[i]);
    }
  }
  assert_int_equal(held(), 0);
}

static void *
hold_and_reenable(void *nothing)
{
  handler thunk = wrapped(holds);
  while (__atomic_load_n(&working, __ATOMIC_ACQUIRE)) {
    thunk(NULL, TS_EVENT_HTTP_TXN_START, transactions);
    reenable(transactions);
  }
  return nothing;
}

// The child of a fork at any moment of another thread, which may hold a lock. It is not tracked (core/shard.c).
static void
a_forked_child_does_not_wait(void **state)
{
  (void)state;
  pthread_t thread;
  handler thunk = wrapped(holds);
  working       = 1;
  assert_int_equal(pthread_create(&thread, NULL, hold_and_reenable, NULL), 0);
  for (int i = 0; i < 40; ++i) {
    pid_t child = fork();
    assert_int_not_equal(child, -1);
    if (child == 0) {
      alarm(20);
      memtrack_store(&memtrack_hooks.armed, false);
      thunk(NULL, TS_EVENT_HTTP_TXN_START, transactions);
      reenable(transactions);
      _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
  }
  __atomic_store_n(&working, 0, __ATOMIC_RELEASE);
  pthread_join(thread, NULL);
}

static void
ignore(struct memtrack_module *module)
{
  (void)module;
}

static int
open_once(void **state)
{
  (void)state;
  open_accounting(64);
  assert_int_equal(memtrack_naming_open(MEMTRACK_SITE_FIRST + 64), 0);
  assert_int_equal(memtrack_objects_open(), 0);
  memtrack_thunk_open();
  memtrack_held_open();
  memtrack_api.TSHttpTxnReenable = server_reenables;
  memtrack_api.TSHttpSsnReenable = server_reenables;
  memtrack_hooks.armed           = true;
  memtrack_module_scan((const void *)(uintptr_t)victim_owner_inside, false, ignore, ignore);
  return 0;
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(an_event_that_is_answered_at_once_is_not_counted, begin),
    cmocka_unit_test_setup(an_event_without_an_answer_is_held_until_it_comes, begin),
    cmocka_unit_test_setup(only_events_that_the_server_waits_after_are_counted, begin),
    cmocka_unit_test_setup(the_row_has_the_kind_and_the_function, begin),
    cmocka_unit_test_setup(the_next_handler_within_a_reenable_is_another_call, begin),
    cmocka_unit_test_setup(a_handler_may_call_one_that_answers_for_it_or_not, begin),
    cmocka_unit_test_setup(another_thread_may_answer_before_the_return_or_after_it, begin),
    cmocka_unit_test_setup(a_second_answer_concerns_no_later_event, begin),
    cmocka_unit_test_setup(a_new_event_at_the_address_begins_anew, begin),
    cmocka_unit_test_setup(nothing_is_counted_while_nothing_is_tracked, begin),
    cmocka_unit_test_setup(a_function_that_is_no_handler_awaits_nothing, begin),
    cmocka_unit_test_setup(a_handler_that_is_unwound_holds_what_it_did_not_answer, begin),
    cmocka_unit_test_setup(a_stack_trace_reaches_through_a_handlers_thunk, begin),
    cmocka_unit_test_setup(each_of_many_that_other_threads_answer_ends, begin),
    cmocka_unit_test_setup(a_forked_child_does_not_wait, begin),
  };
  return cmocka_run_group_tests(tests, open_once, NULL);
}
