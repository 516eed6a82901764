/* SPDX-License-Identifier: Apache-2.0
 *
 * Transactions and sessions that a plugin holds: a handler returned without a reenable, so the server waits for one. They are
 * objects of the handler's function (hook/objects.h). A reenable ends them, on any thread, at any time: where it comes before the
 * handler's return, on another thread or by a handler that this one calls, it leaves a mark that the return finds. Only addresses
 * are looked up. What a plugin holds never ends without a reenable: the server keeps the transaction of a client that has gone.
 */
#ifndef MEMTRACK_HELD_H
#define MEMTRACK_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/hash.h"
#include "owner/context.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Addresses are in sets, each with a lock, marks, and the number of objects held. */
#define MEMTRACK_HELD_SETS 1024u /* a power of two */

extern uint32_t memtrack_held_counts[MEMTRACK_HELD_SETS] MT_HIDDEN;

/* The set of an address. hook-safe. */
static inline uint32_t
memtrack_held_set(const void *object)
{
  return ((uintptr_t)object * MEMTRACK_HASH_FACTOR) >> 54;
}

/* The part of memtrack_held_reenable() for all but the usual case. `answered`: the running handler awaited it. hook-safe. */
void memtrack_held_end(const void *object, bool answered);

/* The plugin reenables a transaction or session, before the server does. Usually that of the handler that runs, which no plugin
   holds: a comparison, and the number of objects held in its set. hook-safe. */
static inline void
memtrack_held_reenable(const void *object)
{
  bool answered = MT_LIKELY(memtrack_context.awaited == object);
  if (answered) {
    memtrack_context.awaited = NULL;
  }
  if (MT_UNLIKELY(!answered || memtrack_load(&memtrack_held_counts[memtrack_held_set(object)]))) {
    memtrack_held_end(object, answered);
  }
}

/* Begins to tell what is held. init-only. */
void memtrack_held_open(void);

/* Forgets all, with the objects. Any thread. */
void memtrack_held_clear(void);

#ifdef __cplusplus
}
#endif

#endif
