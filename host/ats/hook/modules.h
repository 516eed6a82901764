/* SPDX-License-Identifier: Apache-2.0
 *
 * What is redirected in each kind of module: plugins, the server, libraries, the C library. And the redirected words of every
 * loaded module, so that they can be given back.
 */
#ifndef MEMTRACK_HOOK_MODULES_H
#define MEMTRACK_HOOK_MODULES_H

#include "base/reason.h"
#include "module/module.h"
#include "module/slots.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACK_NO_MODULES "out of memory for a list of the modules"

/* Looks up all functions that are redirected, before any definition is. `loader`: the hooks of plugins' and libraries' calls of the
   loader. init-only. */
void memtrack_modules_resolve(const struct memtrack_redirect *loader);

/* Redirects the calls of all known modules. Returns 0, or -1 with the reason of the first refusal. init-only. */
int memtrack_modules_install(struct memtrack_reason *reason);

/* Gives all words back. Returns 0, or -1 with a reason. Not hook-safe. */
int memtrack_modules_remove(struct memtrack_reason *reason);

/* Redirects the heap's functions in all known modules too. Returns 0, or -1 with a reason. Not hook-safe. */
int memtrack_modules_track_heap(struct memtrack_reason *reason);

/* Redirects what only the server's own heap needs, and reads the symbols of functions that are never a site. Returns 0, or -1 with
   a reason. Not hook-safe. */
int memtrack_modules_track_server(struct memtrack_reason *reason);

/* The hook for a name of the plugin API; NULL for other names, and where a function is given that is not the server's. Any thread.
 */
void *memtrack_modules_api_hook(const char *name, const void *function);

/* Whether a module is left alone entirely: memtrack.so, and modules whose allocations belong to the allocator. Any thread. */
bool memtrack_modules_is_foreign(const struct memtrack_module *module);

/* Addresses have changed their meaning: forgets what is remembered of them. Any thread. */
void memtrack_modules_forget_addresses(void);

/* A module is loaded, or will serve as a plugin; a module is gone. For memtrack_module_scan(), under the mutex of the modules. Not
   hook-safe. */
void memtrack_modules_found(struct memtrack_module *module);
void memtrack_modules_gone(struct memtrack_module *module);

#ifdef __cplusplus
}
#endif

#endif
