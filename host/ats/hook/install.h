/* SPDX-License-Identifier: Apache-2.0
 *
 * Installs and removes the hooks for plugins' calls, also as modules come and go. The server looks up a plugin's functions (dlsym)
 * after loading it and before calling it: at that point the module's slots are redirected. When the server closes the plugin
 * (dlclose), its remaining symbols are read, and its owner is retired.
 */
#ifndef MEMTRACK_INSTALL_H
#define MEMTRACK_INSTALL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/reason.h"
#include "module/slots.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct memtrack_redirect memtrack_loader_calls[]; /* for the server */

/* Installs the hooks in all loaded modules, and in modules loaded later. Returns 0, or -1 with a reason; then nothing is
   changed. `buffers` receives the reason why plugins' IOBuffers cannot be told apart, and is empty if they can. init-only. */
int memtrack_plugins_install(struct memtrack_reason *reason, struct memtrack_reason *buffers);

/* Removes the hooks from all loaded modules. Returns 0, or -1 with a reason. Not hook-safe. */
int memtrack_plugins_remove(struct memtrack_reason *reason);

/* Number of plugins that were loaded before memtrack. Any thread. */
size_t memtrack_plugins_earlier(void);

/* Handles libraries loaded by a plugin or another library instead of the server. Each second; task-thread. */
void memtrack_plugins_poll(void);

/* Start counting: tags of an earlier arming become unknown. Not hook-safe. And stop counting: signal-safe, for the child after a
   fork. */
void memtrack_plugins_arm(void);
void memtrack_plugins_disarm(void);

/* Switches heap tracking. Switching it on also hooks the libraries, and reads the plugins' symbols. Returns 0, or -1 with a
   reason. Not hook-safe. */
int memtrack_plugins_heap(bool on, struct memtrack_reason *reason);

#ifdef __cplusplus
}
#endif

#endif
