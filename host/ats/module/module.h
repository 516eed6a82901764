/* SPDX-License-Identifier: Apache-2.0
 *
 * The loaded modules, for accounting: to which module an address belongs. A module loaded as a plugin is an owner; all others
 * belong to the server or are libraries. A module that is loaded again (another copy with the same name) is a new owner, with a
 * name of its own (module_name.h).
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
#define MEMTRACK_MODULE_TEXT 112

enum memtrack_module_kind {
  MEMTRACK_MODULE_LIBRARY,
  MEMTRACK_MODULE_SERVER,     /* traffic_server and its own libraries */
  MEMTRACK_MODULE_LEFT_ALONE, /* a library without redirected calls: the C library's, allocators, sanitizers */
  MEMTRACK_MODULE_PLUGIN,
};

/* State of a file; a file that is changed or replaced has another one. All zero if there is no file. */
struct memtrack_file_state {
  uint64_t device, inode;
  int64_t size, seconds, nanoseconds; /* of its last change */
};

struct memtrack_module {
  uintptr_t start, end; /* its mapping; start is all ones if there is none */
  uintptr_t base;       /* addresses in its file are relative to it */
  enum memtrack_module_kind kind;
  uint32_t id;                     /* differs from that of every other module; its entry's number is id % MEMTRACK_MODULES_MAX */
  uint32_t owner;                  /* owner key, for a plugin */
  int fd;                          /* a plugin's file, for symbols; -1 if there is none */
  struct memtrack_file_state file; /* a library's file, to recognise it later */
  /* Functions that are never a site (symbol.h): all of them, for the heap; those of the plugin API. Malloc'ed. */
  struct memtrack_wrappers {
    struct memtrack_range *ranges; /* sorted */
    size_t count;
  } wrappers, api_wrappers;
  char path[512];
  const char *name;                /* last part of path */
  char text[MEMTRACK_MODULE_TEXT]; /* its name in sites; for a plugin, the name of its owner */
};

/* What the names of a module's sites are made from. It stays valid when the module is unloaded. */
struct memtrack_module_source {
  uint32_t id;
  uint32_t kind; /* MEMTRACK_MODULE_... */
  int fd;        /* of its own; -1 if there is none */
  bool named;    /* only its symbol tables are read: the server's debug information is large */
  uintptr_t base;
  struct memtrack_file_state file;
  char path[512];
  char text[MEMTRACK_MODULE_TEXT];
};

/* Name of the plugin with an owner key. hook-safe. */
const char *memtrack_module_owner_text(uint32_t owner);

/* The module that contains an address, or NULL. hook-safe: takes no lock. The result for a plugin is valid while its code is
   running. */
const struct memtrack_module *memtrack_module_at(uintptr_t address);

/* Number of an entry, below MEMTRACK_MODULES_MAX. hook-safe. */
size_t memtrack_module_number(const struct memtrack_module *module);

/* Copies what the names of a module's sites are made from, with a descriptor of its own. Under the mutex of the modules. Not
   hook-safe. */
void memtrack_module_describe(const struct memtrack_module *module, struct memtrack_module_source *source);

/* Opens the file of a plugin or a library for symbols, with the source's descriptor. Returns NULL if there is none, if it cannot be
   read, or if a library's file has changed since it was loaded. Not hook-safe. */
struct memtrack_symbols *memtrack_module_symbols(struct memtrack_module_source *source);

/* Closes the source's descriptor if it was not used. Not hook-safe. */
void memtrack_module_source_close(struct memtrack_module_source *source);

/* Whether a return address is in a function that is never a site. hook-safe. */
bool memtrack_module_is_wrapper(const struct memtrack_module *module, uintptr_t address);

/* Whether a return address is in a function of the plugin API that was compiled into the module. hook-safe. */
bool memtrack_module_is_api_wrapper(const struct memtrack_module *module, uintptr_t address);

/* Updates the list of modules: forgets unloaded modules (first calls `gone` for each), registers new modules, and calls `found`
   for each of these; it cannot be unloaded during the call. `plugin` is an address in the module that the caller has loaded as a
   plugin and has not closed, or NULL; `by_remap`: remap.config loads it, not plugin.config. Both callbacks run under the mutex of
   the modules: they must not load modules or look up symbols. Returns 0, or -1 if there is no memory for a list of the modules.
   Not hook-safe: waits while another thread loads or unloads. */
int memtrack_module_scan(const void *plugin, bool by_remap, void (*found)(struct memtrack_module *),
                         void (*gone)(struct memtrack_module *));

/* Calls body for each known module, under the mutex of the modules. The module may be unloaded: its memory must not be accessed.
   Not hook-safe. */
void memtrack_module_each(void (*body)(struct memtrack_module *, void *), void *argument);

/* Calls body for each known and loaded module, under the mutex of the modules. The module cannot be unloaded meanwhile, so its
   memory may be read and written. Returns 0, or -1 if there is no memory for a list of them. Not hook-safe: waits while another
   thread loads or unloads. */
int memtrack_module_each_held(void (*body)(struct memtrack_module *, void *), void *argument);

/* Forgets modules that are no longer mapped; first calls `gone` for each. Does not wait for the mutex of the modules: the thread
   that has it does this when it is done. Not hook-safe. */
void memtrack_module_sweep(void (*gone)(struct memtrack_module *));

#ifdef __cplusplus
}
#endif

#endif
