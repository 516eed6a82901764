/* SPDX-License-Identifier: Apache-2.0
 *
 * Hooks of the loader's functions: modules are followed as they come and go. The server looks up a plugin's functions (dlsym) after
 * loading it and before calling it: at that point the module's slots are redirected. When the server closes the plugin (dlclose),
 * its remaining symbols are read, and its owner is retired. Libraries that a plugin loads are followed when a function is looked up
 * in them, or at the next poll. A module that dlmopen() loads into another namespace calls the C library of that namespace: it is
 * left alone, and that is said. Never in dlopen(): the loader looks for a library where its caller says (RPATH), so nobody may
 * stand between them.
 */
#ifndef MEMTRACK_HOOK_LOADER_H
#define MEMTRACK_HOOK_LOADER_H

#include "module/definition.h"
#include "module/slots.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct memtrack_redirect memtrack_loader_calls[];            /* for the server */
extern const struct memtrack_redirect memtrack_loader_calls_of_plugins[]; /* for plugins and libraries */
extern struct memtrack_definition memtrack_loader_definitions[];          /* for modules loaded later */

/* From now on the poll follows modules. init-only. */
void memtrack_loader_start(void);

/* Follows libraries loaded by a plugin or another library instead of the server. Each second; task-thread. */
void memtrack_loader_poll(void);

#ifdef __cplusplus
}
#endif

#endif
