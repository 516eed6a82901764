/* SPDX-License-Identifier: Apache-2.0
 *
 * The modules that are loaded, as far as accounting is concerned: which address is whose. A module that was loaded as a plugin is
 * an owner; everything else is the server's or a library's. A module that is loaded again (another copy of the same name) is
 * another owner, told apart by its generation.
 */
#ifndef MEMTRACK_MODULE_H
#define MEMTRACK_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbol/symbol.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACK_MODULES_MAX 1024

enum memtrack_module_kind {
  MEMTRACK_MODULE_LIBRARY,
  MEMTRACK_MODULE_SERVER, /* traffic_server and its own libraries */
  MEMTRACK_MODULE_PLUGIN,
};

struct memtrack_module {
  uintptr_t start, end; /* its mapping; start is all ones while there is none */
  uintptr_t base;       /* what its file's addresses are relative to */
  enum memtrack_module_kind kind;
  uint32_t owner; /* key, of a plugin */
  uint32_t generation;
  int fd;                          /* its file, for its symbols; -1 */
  struct memtrack_range *wrappers; /* functions that are never the site (symbol.h), sorted; malloc'ed */
  size_t wrapper_count;
  char path[512];
  const char *name; /* in path: its last part */
};

/* A module's name as its owner is called, with its generation; and that of the plugin with this key. MEMTRACK_MODULE_TEXT bytes.
   hook-safe. */
#define MEMTRACK_MODULE_TEXT 112
void memtrack_module_text(const struct memtrack_module *module, char *text);
void memtrack_module_owner_text(uint32_t owner, char *text);

/* The module with an address in it, or NULL. hook-safe: takes no lock. A plugin's stays valid while its code runs. */
const struct memtrack_module *memtrack_module_at(uintptr_t address);

/* The number of an entry, below MEMTRACK_MODULES_MAX. hook-safe. */
size_t memtrack_module_number(const struct memtrack_module *module);

/* Opens a plugin's file for its symbols; NULL where there is none, or it cannot be read. Not hook-safe. */
struct memtrack_symbols *memtrack_module_symbols(const struct memtrack_module *module);

/* Whether an address lies in a function that is never a site. hook-safe. */
bool memtrack_module_is_wrapper(const struct memtrack_module *module, uintptr_t address);

/* Forgets the modules that are not loaded any more (`gone` is called with each before), makes every one known that is not yet, and
   calls `found` with each such one, which cannot be unloaded meanwhile. `plugin` is an address in the one that the caller has
   loaded as a plugin and has not closed, or NULL. Both are called under the mutex of the modules: they must not load, nor look a
   symbol up. Not hook-safe: waits while another thread loads or unloads. */
void memtrack_module_scan(const void *plugin, void (*found)(struct memtrack_module *), void (*gone)(struct memtrack_module *));

/* Each module that is known, under the mutex of the modules. It may be gone: its memory must not be looked at. Not hook-safe. */
void memtrack_module_each(void (*body)(struct memtrack_module *, void *), void *argument);

/* Each module that is known and loaded, under the mutex of the modules; it cannot be unloaded meanwhile, so its memory may be read
   and written. Not hook-safe: waits while another thread loads or unloads. */
void memtrack_module_each_held(void (*body)(struct memtrack_module *, void *), void *argument);

/* Forgets those modules whose mapping is gone; `gone` is called with each before. Not hook-safe. */
void memtrack_module_sweep(void (*gone)(struct memtrack_module *));

#ifdef __cplusplus
}
#endif

#endif
