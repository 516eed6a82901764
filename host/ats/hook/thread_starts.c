/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of the C library by which a function of a plugin runs later, on a thread of its own: it carries the plugin as its owner.
 * The C++ library's threads are among them, since libstdc++ calls pthread_create().
 *
 * The functions that take a sigevent get a copy with another function in it. aio_read() and its like are left out: the C library
 * reads their sigevent at the end of the operation, out of the caller's control block, which is not ours to change.
 */
#define _GNU_SOURCE
#include <mqueue.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <threads.h>
#include <time.h>

#include "hook/plugin_hooks.h"
#include "hook/stack.h"

int
hook_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *), void *data)
{
  void *(*wrapped)(void *)     = MEMTRACK_WRAP(function);
  struct memtrack_start *start = memtrack_stack_prepare(attributes, wrapped, data, MT_RETURN_ADDRESS);
  if (!start) {
    return pthread_create(thread, attributes, wrapped, data);
  }
  int result = pthread_create(thread, attributes, memtrack_stack_run, start);
  if (result) {
    memtrack_stack_cancel(start);
  }
  return result;
}

int
hook_thrd_create(thrd_t *thread, thrd_start_t function, void *data)
{
  thrd_start_t wrapped         = MEMTRACK_WRAP(function);
  struct memtrack_start *start = memtrack_stack_prepare(NULL, (void *(*)(void *))(uintptr_t)wrapped, data, MT_RETURN_ADDRESS);
  if (!start) {
    return thrd_create(thread, wrapped, data);
  }
  int result = thrd_create(thread, (thrd_start_t)(uintptr_t)memtrack_stack_run, start);
  if (result != thrd_success) {
    memtrack_stack_cancel(start);
  }
  return result;
}

/* What to pass for a caller's sigevent: itself, or `copy` if it names a function. The C library looks at the same fields. */
static struct sigevent *
wrap_event(struct sigevent *event, struct sigevent *copy)
{
  if (!event || event->sigev_notify != SIGEV_THREAD) {
    return event;
  }
  *copy                         = (struct sigevent){.sigev_notify = SIGEV_THREAD, .sigev_value = event->sigev_value};
  copy->sigev_notify_function   = MEMTRACK_WRAP(event->sigev_notify_function);
  copy->sigev_notify_attributes = event->sigev_notify_attributes;
  return copy;
}

int
hook_timer_create(clockid_t clock, struct sigevent *event, timer_t *timer)
{
  struct sigevent copy;
  return timer_create(clock, wrap_event(event, &copy), timer);
}

int
hook_mq_notify(mqd_t queue, const struct sigevent *event)
{
  struct sigevent copy;
  return mq_notify(queue, wrap_event((struct sigevent *)event, &copy));
}

/* The C library looks at the event only if it is not asked to wait. */
int
hook_getaddrinfo_a(int mode, struct gaicb *requests[], int count, struct sigevent *event)
{
  struct sigevent copy;
  return getaddrinfo_a(mode, requests, count, mode == GAI_NOWAIT ? wrap_event(event, &copy) : event);
}
