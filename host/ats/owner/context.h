/* SPDX-License-Identifier: Apache-2.0
 *
 * The owner context: each thread knows the owner whose code it is running, and every hook reads it. It is set around every call
 * into a plugin. A function that a plugin passes to the server (the handler of a continuation, a thread's function), and a function
 * that the server looks up with the loader (TSPluginInit, TSRemapDoRemap and similar), is replaced by a thunk, which sets the
 * owner, calls the function and restores the owner. Calls may therefore nest, a handler may destroy its continuation, and no event
 * needs a lookup.
 *
 * A plugin's function has one permanent thunk: if another module is loaded at its address later, that module is the owner. A
 * continuation that outlives its module thus calls the same function as without memtrack. A library's function (the handlers of the
 * C++ API) has a thunk for each owner. So has a function that is both a handler and another function, a thunk for each use.
 *
 * The context also has what the server waits with while a handler runs: the transaction or session that is the data of an event
 * after which the server does nothing until the plugin reenables it (server/awaited.h). A reenable on the handler's own thread
 * clears the word. If the handler returns before that, the plugin holds the transaction (hook/held.h).
 */
#ifndef MEMTRACK_CONTEXT_H
#define MEMTRACK_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

#ifdef __cplusplus
extern "C" {
#endif

struct memtrack_context {
  uint32_t owner; /* key; MEMTRACK_OWNER_CORE while no plugin's code runs */
  bool inside;    /* inside an allocator, on behalf of a hook that already counts the memory */
  void *awaited;  /* what the server waits with until the running handler's plugin reenables it; NULL: nothing, or it has */
};

struct memtrack_thunk;

/* A call of a handler, on its thread's stack, as thunk.S stores it. */
struct memtrack_call {
  void *awaited_before;
  const struct memtrack_thunk *thunk;
  uint64_t answers; /* memtrack_context_answers when it began */
  uint32_t owner_before;
  int32_t event;
  uintptr_t result; /* of thunk.S */
};

/* Number of reenables so far that were not the running handler's own answer. One that concerns a handler that has not returned yet
   came after its beginning. Increased by hook/held.c. */
extern uint64_t memtrack_context_answers MT_ALIGNED(64) MT_HIDDEN;

/* The end of a handler's call that may have left an event without an answer. The context is still the handler's. hook-safe. */
void memtrack_context_unanswered(const struct memtrack_call *call) MT_HIDDEN;

/* Sets who is told of such an event: the transaction or session, its kind, the function and when it began. init-only. */
typedef void (*memtrack_context_holder)(void *object, bool session, uintptr_t function, uint64_t answers);
void memtrack_context_set_holder(memtrack_context_holder holder);

extern __thread struct memtrack_context memtrack_context MT_INITIAL_EXEC MT_HIDDEN;

/* Restores the owner at the end of a scope (the attribute cleanup), on exceptions too. hook-safe. */
static inline void
memtrack_context_restore(const uint32_t *before)
{
  memtrack_context.owner = *before;
}

/* For the macro below. hook-safe. */
static inline void
memtrack_context_unguard_(const bool *before)
{
  memtrack_context.inside = *before;
}

/* Until the end of the scope, allocations are part of memory that a hook already counts. Also ends on exceptions. hook-safe. */
#define MEMTRACK_GUARD_REENTRY                                                               \
  MT_CLEANUP(memtrack_context_unguard_) const bool inside_before_ = memtrack_context.inside; \
  memtrack_context.inside                                         = true

/* Returns the replacement of a function: its thunk, or the function if no thunk can be made or none is needed (NULL, or a library's
   function while no plugin's code runs). It must take at most six arguments, integers or pointers. hook-safe. */
void *memtrack_context_wrap(void *function);

/* The same for the handler of a continuation: int (void *cont, int event, void *data). hook-safe. */
void *memtrack_context_wrap_handler(void *handler);

/* In the child after fork(), where another thread's mutex stays locked: no function gets a new thunk. signal-safe. */
void memtrack_context_freeze(void);

/* The functions at these addresses are unloaded: a module loaded there later is another owner. Not hook-safe. */
void memtrack_context_forget(uintptr_t start, uintptr_t end);

#ifdef __cplusplus
}
#endif

#endif
