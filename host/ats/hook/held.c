/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/held.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "core/account.h"
#include "core/key.h"
#include "hook/objects.h"
#include "hook/state.h"

/* A reenable by another than the handler that awaits it. `number`: memtrack_context_answers with it. It concerns a handler that
   began before it and has not returned. Others are stale: of what is reenabled twice, or had a handler without a thunk. */
struct mark {
  const void *object;
  uint64_t number;
};

/* A mark is needed from a reenable to the return of a handler that runs already, so few are at a time: at most one for each thread.
   The oldest is overwritten. */
#define MARKS 16

static struct set {
  pthread_mutex_t mutex;
  struct mark marks[MARKS];
} sets[MEMTRACK_HELD_SETS];

uint32_t memtrack_held_counts[MEMTRACK_HELD_SETS];

_Static_assert(1u << (64 - 54) == MEMTRACK_HELD_SETS, "the shift in memtrack_held_set()");

static struct set *
lock(const void *object)
{
  struct set *set = &sets[memtrack_held_set(object)];
  pthread_mutex_lock(&set->mutex);
  return set;
}

/* Under the set's lock. */
static void
count(const void *object, int change)
{
  uint32_t *held = &memtrack_held_counts[memtrack_held_set(object)];
  memtrack_store(held, memtrack_load(held) + change);
}

static void
leave_mark(struct set *set, const void *object)
{
  struct mark *to = set->marks;
  for (size_t i = 0; i < MARKS; ++i) {
    if (set->marks[i].object == object) {
      to = &set->marks[i];
      break;
    }
    to = set->marks[i].number < to->number ? &set->marks[i] : to;
  }
  *to = (struct mark){.object = object, .number = 1 + memtrack_add_ordered(&memtrack_context_answers, 1)};
}

/* Whether there was a reenable since the handler began. */
static bool
is_marked(const struct set *set, const void *object, uint64_t began)
{
  for (size_t i = 0; i < MARKS; ++i) {
    if (set->marks[i].object == object && set->marks[i].number > began) {
      return true;
    }
  }
  return false;
}

void
memtrack_held_end(const void *object, bool answered)
{
  struct memtrack_object known;
  if (!memtrack_hooks_get(armed)) {
    return;
  }
  struct set *set = lock(object);
  bool held       = memtrack_load(&memtrack_held_counts[memtrack_held_set(object)]) && memtrack_objects_remove(object, &known);
  if (held) {
    count(object, -1);
  } else if (!answered) {
    leave_mark(set, object); /* its handler may not have returned */
  }
  pthread_mutex_unlock(&set->mutex);
  if (held) {
    memtrack_account_free(known.birth, 0);
  }
}

/* Enters an object that was counted, unless there was a reenable meanwhile. */
static void
enter(void *object, uint32_t birth, uint64_t began)
{
  struct memtrack_object ended = memtrack_object_new(object, birth, MEMTRACK_WEIGHT_NONE);
  struct set *set              = lock(object);
  if (!is_marked(set, object, began)) {
    ended = memtrack_objects_put(ended);
    if (!ended.address) {
      count(object, 1);
    }
  }
  pthread_mutex_unlock(&set->mutex);
  if (ended.address) {
    memtrack_account_free(ended.birth, 0);
  }
}

/* A memtrack_context_holder. The site is the function; as an address one behind its first byte, like a return address. No lock is
   held while a site gets its name. */
static void
hold(void *object, bool session, uintptr_t function, uint64_t began)
{
  if (!memtrack_hooks_get(armed) || memtrack_context.owner == MEMTRACK_OWNER_CORE) {
    return;
  }
  struct set *set = lock(object);
  bool marked     = is_marked(set, object, began);
  pthread_mutex_unlock(&set->mutex);
  if (marked) {
    return;
  }
  uint32_t kind       = session ? MEMTRACK_KIND_HELD_SESSION : MEMTRACK_KIND_HELD_TRANSACTION;
  uint64_t attributes = memtrack_attributes(MEMTRACK_CLASS_OBJECT, kind, memtrack_context.owner);
  uint32_t birth      = memtrack_account_alloc(function + 1, attributes, NULL, 0);
  if (birth != MEMTRACK_SITE_UNKNOWN) {
    enter(object, birth, began);
  }
}

void
memtrack_held_open(void)
{
  for (size_t i = 0; i < MEMTRACK_HELD_SETS; ++i) {
    pthread_mutex_init(&sets[i].mutex, NULL);
  }
  memtrack_context_set_holder(hold);
}

void
memtrack_held_clear(void)
{
  for (size_t i = 0; i < MEMTRACK_HELD_SETS; ++i) {
    pthread_mutex_lock(&sets[i].mutex);
    memset(sets[i].marks, 0, sizeof(sets[i].marks));
    memtrack_store(&memtrack_held_counts[i], 0);
    pthread_mutex_unlock(&sets[i].mutex);
  }
}
