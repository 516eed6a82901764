/* SPDX-License-Identifier: Apache-2.0
 *
 * The hooks in what plugins call, and their coming and going with the modules. The server asks the loader for a plugin's functions
 * (dlsym) after it has loaded it and before it calls it: that is when the module's slots are redirected. When the server closes it
 * (dlclose), what is not known yet of its symbols is read, and its owner is retired.
 */
#ifndef MEMTRACK_INSTALL_H
#define MEMTRACK_INSTALL_H

#include <stdbool.h>

#include "base/reason.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Installs the hooks in all modules that are loaded, and in those to come. Returns 0, or -1 with a reason; then nothing is changed.
   `buffers` says why plugins' IOBuffers are not told apart, and is empty where they are. init-only. */
int memtrack_plugins_install(struct memtrack_reason *reason, struct memtrack_reason *buffers);

/* Takes all of them out of the modules that are loaded. Returns 0, or -1 with a reason. Not hook-safe. */
int memtrack_plugins_remove(struct memtrack_reason *reason);

/* Follows libraries that came without the server's doing: a plugin or another library loaded them. Each second; task-thread. */
void memtrack_plugins_poll(void);

/* Counting begins: tags of an earlier arming are not known any more. Not hook-safe. And ends: signal-safe, for the child after a
   fork. */
void memtrack_plugins_arm(void);
void memtrack_plugins_disarm(void);

/* Whether the heap is tracked too. Switching it on hooks the libraries as well, and reads the plugins' symbols. Returns 0, or -1
   with a reason. Not hook-safe. */
int memtrack_plugins_heap(bool on, struct memtrack_reason *reason);

#ifdef __cplusplus
}
#endif

#endif
