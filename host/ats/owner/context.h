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
 * C++ API) has a thunk for each owner.
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
};

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

/* In the child after fork(), where another thread's mutex stays locked: no function gets a new thunk. signal-safe. */
void memtrack_context_freeze(void);

/* The functions at these addresses are unloaded: a module loaded there later is another owner. Not hook-safe. */
void memtrack_context_forget(uintptr_t start, uintptr_t end);

#ifdef __cplusplus
}
#endif

#endif
