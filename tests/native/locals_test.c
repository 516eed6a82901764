// SPDX-License-Identifier: Apache-2.0
//
// Whose thread-local memory an address is: of threads that have counted something and live, also when a vector cannot be read.
#define _GNU_SOURCE
#include "support.h"

#include <pthread.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/peek.h"
#include "core/shard.h"
#include "search/locals.h"

static __thread uint64_t local[100];
static __thread uint64_t other = 1;

static int32_t
thread_of(const void *address)
{
  return memtrack_locals_at((uintptr_t)address);
}

struct thread {
  pthread_t thread;
  bool counts;
  pthread_barrier_t ready, over;
  int32_t number;
  uint64_t *first, *second;
};

static void *
run(void *argument)
{
  struct thread *mine = argument;
  mine->number        = gettid();
  mine->first         = local;
  mine->second        = &other;
  if (mine->counts) {
    memtrack_shard_attach();
  }
  pthread_barrier_wait(&mine->ready);
  pthread_barrier_wait(&mine->over);
  return NULL;
}

static void
start(struct thread *thread, bool counts)
{
  thread->counts = counts;
  pthread_barrier_init(&thread->ready, NULL, 2);
  pthread_barrier_init(&thread->over, NULL, 2);
  assert_int_equal(pthread_create(&thread->thread, NULL, run, thread), 0);
  pthread_barrier_wait(&thread->ready);
}

static void
end(struct thread *thread)
{
  pthread_barrier_wait(&thread->over);
  pthread_join(thread->thread, NULL);
  pthread_barrier_destroy(&thread->ready);
  pthread_barrier_destroy(&thread->over);
}

static void
variables_are_those_of_their_threads(void **state)
{
  (void)state;
  int on_stack;
  struct thread thread;
  start(&thread, true);
  memtrack_locals_list();
  assert_int_equal(thread_of(local), getpid());
  assert_int_equal(thread_of(&other), getpid());
  assert_int_equal(thread_of(thread.first), thread.number);
  assert_int_equal(thread_of(thread.first + 99), thread.number);
  assert_int_equal(thread_of(thread.second), thread.number);
  assert_int_equal(thread_of(&on_stack), 0);
  assert_int_equal(thread_of(&thread_of), 0);
  end(&thread);
}

static void
a_thread_that_has_ended_has_none(void **state)
{
  (void)state;
  struct thread thread;
  start(&thread, true);
  end(&thread);
  memtrack_locals_list();
  assert_int_equal(thread_of(thread.first), 0);
  assert_int_equal(thread_of(local), getpid());
}

static void
a_thread_that_has_counted_nothing_is_not_known(void **state)
{
  (void)state;
  struct thread thread;
  start(&thread, false);
  memtrack_locals_list();
  assert_int_equal(thread_of(thread.first), 0);
  end(&thread);
}

static void
a_vector_that_is_none_is_left_out(void **state)
{
  (void)state;
  static const uint64_t words[4] = {1, UINT64_MAX, 64, UINT64_MAX};
  const uint64_t pointers[]      = {8, UINT64_MAX - 7, (uintptr_t)words, (uintptr_t)&words[1], (uintptr_t)&words[2]};
  struct thread thread;
  start(&thread, true);
  for (uint32_t i = 0; i < memtrack_shard_count(); ++i) {
    struct memtrack_shard *shard = memtrack_shard_get(i);
    for (size_t n = 0; memtrack_load(&shard->thread) == thread.number && n < sizeof(pointers) / sizeof(*pointers); ++n) {
      memtrack_store(&shard->pointer, pointers[n]);
      memtrack_locals_list();
      assert_int_equal(thread_of(thread.first), 0);
      assert_int_equal(thread_of(local), getpid());
    }
  }
  end(&thread);
}

static int
open_all(void **state)
{
  (void)state;
  open_accounting(64);
  memtrack_shard_attach();
  memtrack_locals_poll();
  return memtrack_peek_open(NULL);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(variables_are_those_of_their_threads),
    cmocka_unit_test(a_thread_that_has_ended_has_none),
    cmocka_unit_test(a_thread_that_has_counted_nothing_is_not_known),
    cmocka_unit_test(a_vector_that_is_none_is_left_out),
  };
  return cmocka_run_group_tests(tests, open_all, NULL);
}
