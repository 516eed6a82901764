/* SPDX-License-Identifier: Apache-2.0
 *
 * The hooks in what plugins call, and their coming and going with the modules. The server asks the loader for a plugin's functions
 * (dlsym) after it has loaded it and before it calls it: that is when the module's slots are redirected. When the server closes it
 * (dlclose), what is not known yet of its symbols is read, and its owner is retired.
 */
#ifndef MEMTRACK_INSTALL_H
#define MEMTRACK_INSTALL_H

#include <stdbool.h>
#include <stdint.h>

#include "module/slots.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the hooks read: one cache line, which is written when hooks are switched, a module goes, or a block was found damaged. */
struct memtrack_plugins {
  bool armed;   /* the level is not 0 */
  bool heap;    /* and the heap is tracked */
  uint64_t key; /* of this arming's tags */
  /* What glibc writes into the second word of a block that it keeps for the next allocation of its size (malloc.c, tcache_key), and
     takes out when it gives the block away again: one value for the process, set at init. 0 where there is no such thing. */
  uintptr_t freed_mark;
  uint64_t damaged; /* blocks whose end was written over */
  uint64_t twice;   /* blocks released twice */
  uint64_t unloads; /* of modules */
};

extern struct memtrack_plugins memtrack_plugins __attribute__((aligned(64), visibility("hidden")));

/* Installs the hooks in all modules that are loaded, and in those to come. Returns 0, or -1 with a reason; then nothing is changed.
   `buffers` says why plugins' IOBuffers are not told apart, and is empty where they are. init-only. */
int memtrack_plugins_install(char *reason, char *buffers);

/* Takes all of them out of the modules that are loaded. Returns 0, or -1 with a reason. */
int memtrack_plugins_remove(char *reason);

/* Follows libraries that came without the server's doing: a plugin or another library loaded them. Each second; task-thread. */
void memtrack_plugins_poll(void);

/* Counting begins: tags of an earlier arming are not known any more. And ends. */
void memtrack_plugins_arm(void);
void memtrack_plugins_disarm(void);

/* Whether the heap is tracked too. Switching it on hooks the libraries as well, and reads the plugins' symbols. Returns 0, or -1
   with a reason. */
int memtrack_plugins_heap(bool on, char *reason);

/* The hooks, by symbol. What the plugins' own slots get: plugin.c, heap.c. */
extern struct memtrack_redirect memtrack_plugin_api[];         /* for plugins, and libraries that call the plugin API */
extern const struct memtrack_redirect memtrack_server_heap[];  /* for the server: releases alone */
extern const struct memtrack_redirect memtrack_server_news[];  /* and its operator new, while the heap is tracked */
extern const struct memtrack_redirect memtrack_plugin_heap[];  /* for plugins */
extern const struct memtrack_redirect memtrack_library_heap[]; /* for libraries, while the heap is tracked */

/* Looks up what the hooks stand in for; the first fills its table, by the names that this server has. Returns 0, or -1 with a
 * reason. init-only. */
int memtrack_hook_plugin_open(char *reason);
int memtrack_hook_heap_open(char *reason);

#ifdef __cplusplus
}
#endif

#endif
