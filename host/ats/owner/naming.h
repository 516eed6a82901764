/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of sites. At the first use, inside a hook, only addresses are available: a plugin's site is "foo.so+0x1a2b". A task thread
 * later replaces this by a readable name, "foo.so handler (foo.c:88)", from the module's symbols and debug information (symbol.h):
 * once. The module may be unloaded by then: what is needed of it is kept.
 */
#ifndef MEMTRACK_NAMING_H
#define MEMTRACK_NAMING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/compiler.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Opens the table of origins, for `slots` site numbers, and names sites from then on (core/account.h). Returns 0 or -1. init-only.
 */
int memtrack_naming_open(uint32_t slots);

/* Address space of the table, in bytes. Any thread. */
uint64_t memtrack_naming_memory(void);

extern uint8_t memtrack_naming_wrappers[] MT_HIDDEN;

/* Whether a site is a function that only passes memory on to its caller and is not to be charged. `site` was charged with an
   event. hook-safe. */
static inline bool
memtrack_naming_is_wrapper(uint32_t site)
{
  return memtrack_load(&memtrack_naming_wrappers[site]);
}

/* Gives final names to all sites that wait for them. Not hook-safe: reads files. */
void memtrack_naming_resolve(void);

/* Names the calls in a module that the model does not know by name, at the next memtrack_naming_resolve(). Any thread. */
void memtrack_naming_wait(uint32_t module);

struct memtrack_module;

/* A module is unloaded: keeps what the names of its waiting sites are made from. Under the mutex of the modules. Not hook-safe. */
void memtrack_naming_keep(const struct memtrack_module *module);

/* Whether so many unloaded modules wait for names that another would soon be refused. Any thread. */
bool memtrack_naming_is_crowded(void);

#ifdef __cplusplus
}
#endif

#endif
