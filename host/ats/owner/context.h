/* SPDX-License-Identifier: Apache-2.0
 *
 * On whose behalf: each thread knows the owner whose code it is running, and every hook reads it. It is set around every call into
 * a plugin: a function that a plugin hands to the server (the handler of a continuation, a thread's function) and one that the
 * server asks the loader for (TSPluginInit, TSRemapDoRemap and its kin) is replaced by a thunk, which sets the owner, calls the
 * function and sets the owner back. So calls may nest, a handler may destroy its continuation, and nothing is looked up while
 * events run.
 *
 * A plugin's function has one thunk, for ever: whoever is loaded at its address later is the owner then. So a continuation that
 * outlives its module calls what it would have called without us. A library's function (the handlers of the C++ API) has one for
 * each owner.
 */
#ifndef MEMTRACK_CONTEXT_H
#define MEMTRACK_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACK_THUNKS_MAX 1024 /* functions of plugins that the server calls; further ones are called without a context */

struct memtrack_context {
  uint32_t owner; /* key; MEMTRACK_OWNER_CORE while no plugin's code runs */
  bool inside;    /* inside an allocator, on behalf of a hook that accounts already */
};

extern __thread struct memtrack_context memtrack_context MT_INITIAL_EXEC MT_HIDDEN;

/* Sets the owner back at the end of a scope (the attribute cleanup): an exception ends it too. hook-safe. */
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

/* What is allocated until the end of the scope is part of what a hook accounts already. An exception ends it too. hook-safe. */
#define MEMTRACK_GUARD_REENTRY                                                               \
  MT_CLEANUP(memtrack_context_unguard_) const bool inside_before_ = memtrack_context.inside; \
  memtrack_context.inside                                         = true

/* What to hand out instead of a function: a thunk of it; the function itself where there is no thunk left, or none is needed (NULL,
   or a library's function while no plugin's code runs). It must take at most six arguments, integers or pointers. hook-safe. */
void *memtrack_context_wrap(void *function);

/* The functions at these addresses are unloaded: whoever is loaded there next is another owner. Not hook-safe. */
void memtrack_context_forget(uintptr_t start, uintptr_t end);

#ifdef __cplusplus
}
#endif

#endif
