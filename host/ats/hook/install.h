/* SPDX-License-Identifier: Apache-2.0
 *
 * Installs and removes the hooks for plugins' calls (modules.h, loader.h), and switches them.
 */
#ifndef MEMTRACK_INSTALL_H
#define MEMTRACK_INSTALL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/reason.h"
#include "server/server.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Installs the hooks in all loaded modules, and in modules loaded later. Returns 0, or -1 with a reason; then nothing is
   changed. `buffers` receives the reason why plugins' IOBuffers cannot be told apart, and is empty if they can. init-only. */
int memtrack_plugins_install(struct memtrack_reason *reason, struct memtrack_reason *buffers);

/* Removes the hooks from all loaded modules. Returns 0, or -1 with a reason. Not hook-safe. */
int memtrack_plugins_remove(struct memtrack_reason *reason);

/* Number of plugins that were loaded before memtrack. Any thread. */
size_t memtrack_plugins_earlier(void);

/* Start counting: tags of an earlier arming become unknown. Not hook-safe. And stop counting: signal-safe, for the child after a
   fork. */
void memtrack_plugins_arm(void);
void memtrack_plugins_disarm(void);

/* Switches heap tracking. Switching it on also hooks the libraries, and reads the plugins' symbols. Returns 0, or -1 with a
   reason. Not hook-safe. */
int memtrack_plugins_heap(bool on, struct memtrack_reason *reason);

/* Switches the counting of the server's own heap, while the heap is tracked. Switching it on hooks the server's allocations, and
   reads the symbols of the server and of libraries. Returns 0, or -1 with a reason. Not hook-safe. */
int memtrack_plugins_server_heap(const struct memtrack_server *server, bool on, struct memtrack_reason *reason);

#ifdef __cplusplus
}
#endif

#endif
