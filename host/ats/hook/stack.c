/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/stack.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <threads.h>

#include "base/atomic.h"
#include "base/limits.h"
#include "core/account.h"
#include "hook/mapped.h"
#include "hook/ranges.h"
#include "owner/context.h"

struct memtrack_start {
  bool taken;
  uint32_t birth;
  uint64_t origin; /* given before the thread exists: whoever joins it knows a number at least as large */
  void *(*function)(void *);
  void *data;
};

static struct memtrack_start starts[MEMTRACK_STARTS_MAX];
static uint32_t next_start;

static struct memtrack_start *
take_start(void)
{
  uint32_t first = memtrack_add(&next_start, 1);
  for (uint32_t i = 0; i < MEMTRACK_STARTS_MAX; ++i) {
    struct memtrack_start *start = &starts[(first + i) % MEMTRACK_STARTS_MAX];
    if (!memtrack_exchange_acquire(&start->taken, true)) {
      return start;
    }
  }
  memtrack_limit_hit(MEMTRACK_LIMIT_STARTS);
  return NULL;
}

static void
give_back(struct memtrack_start *start)
{
  memtrack_store_release(&start->taken, false);
}

/* Without an address of the program's, the end that the attributes name is 0. */
static bool
has_own_stack(const pthread_attr_t *attributes)
{
  void *address = NULL;
  size_t size   = 0;
  return attributes && pthread_attr_getstack(attributes, &address, &size) == 0 && (uintptr_t)address + size != 0;
}

struct memtrack_start *
memtrack_stack_prepare(const pthread_attr_t *attributes, void *(*function)(void *), void *data, uintptr_t address)
{
  if (!memtrack_mapped_is_counted(address) || has_own_stack(attributes)) {
    return NULL;
  }
  struct memtrack_start *start = take_start();
  if (start) {
    start->birth    = memtrack_mapped_count(address);
    start->origin   = memtrack_ranges_number();
    start->function = function;
    start->data     = data;
  }
  return start;
}

void
memtrack_stack_cancel(struct memtrack_start *start)
{
  if (start->birth != MEMTRACK_SITE_UNKNOWN) {
    memtrack_account_free(start->birth, 0);
  }
  give_back(start);
}

/* This thread's stack, which the C library tells with an allocation of its own. Returns whether the thread is detached. */
static bool
read_own(struct memtrack_mapped_range *stack)
{
  MEMTRACK_GUARD_REENTRY;
  pthread_attr_t own;
  void *address;
  size_t size, page = memtrack_ranges_page();
  int state = PTHREAD_CREATE_JOINABLE, error = errno;
  if (pthread_getattr_np(pthread_self(), &own)) {
    return false;
  }
  if (pthread_attr_getstack(&own, &address, &size) == 0) {
    stack->start = ((uintptr_t)address + page - 1) & ~(page - 1);
    stack->end   = (uintptr_t)address + size;
  }
  pthread_attr_getdetachstate(&own, &state);
  pthread_attr_destroy(&own);
  errno = error;
  return state == PTHREAD_CREATE_DETACHED;
}

/* Returns whether the stack is recorded. */
static bool
record_own(uint32_t birth, uint64_t origin)
{
  struct memtrack_mapped_range stack = {.birth = birth, .origin = origin, .kind = MEMTRACK_RANGE_STACK};
  if (birth == MEMTRACK_SITE_UNKNOWN) {
    return false;
  }
  read_own(&stack);
  if (stack.start == stack.end) {
    memtrack_account_free(birth, 0);
    return false;
  }
  memtrack_ranges_put(&stack);
  return true;
}

/* The thread ends, by whatever means. Whoever detaches it looks whether it has ended, after this looks whether it is detached, or
   before. */
static void
end(const uint64_t *origin)
{
  struct memtrack_mapped_range unused;
  if (*origin) {
    memtrack_ranges_thread_ended(pthread_self(), *origin);
    if (read_own(&unused)) {
      memtrack_ranges_thread_gone(pthread_self(), *origin, true);
    }
  }
}

void *
memtrack_stack_run(void *argument)
{
  struct memtrack_start *start = argument;
  void *(*function)(void *)    = start->function;
  void *data                   = start->data;
  uint32_t birth               = start->birth;
  uint64_t number              = start->origin;
  give_back(start);
  MT_CLEANUP(end) const uint64_t origin = record_own(birth, number) ? number : 0;
  return function(data);
}

/* A thread that this call joins was created before it, so its number is at most `newest`. If another thread has got its stack by
   the time of the look into the table, that one's number is larger: it was created after the join. */
#define ENDS_STACK(name, parameters, arguments, ended)    \
  static int other_##name parameters                      \
  {                                                       \
    uint64_t newest = memtrack_ranges_newest();           \
    int result      = name arguments;                     \
    if (result == 0) {                                    \
      memtrack_ranges_thread_gone(thread, newest, ended); \
    }                                                     \
    return result;                                        \
  }

ENDS_STACK(pthread_join, (pthread_t thread, void **value), (thread, value), false)
ENDS_STACK(pthread_tryjoin_np, (pthread_t thread, void **value), (thread, value), false)
ENDS_STACK(pthread_timedjoin_np, (pthread_t thread, void **value, const struct timespec *until), (thread, value, until), false)
ENDS_STACK(pthread_clockjoin_np, (pthread_t thread, void **value, clockid_t clock, const struct timespec *until),
           (thread, value, clock, until), false)
ENDS_STACK(pthread_detach, (pthread_t thread), (thread), true)
ENDS_STACK(thrd_join, (thrd_t thread, int *value), (thread, value), false)
ENDS_STACK(thrd_detach, (thrd_t thread), (thread), true)

const struct memtrack_redirect memtrack_joins[] = {
  {"pthread_join", (void *)other_pthread_join},
  {"pthread_tryjoin_np", (void *)other_pthread_tryjoin_np},
  {"pthread_timedjoin_np", (void *)other_pthread_timedjoin_np},
  {"pthread_clockjoin_np", (void *)other_pthread_clockjoin_np},
  {"pthread_detach", (void *)other_pthread_detach},
  {"thrd_join", (void *)other_thrd_join},
  {"thrd_detach", (void *)other_thrd_detach},
  {NULL, NULL},
};
