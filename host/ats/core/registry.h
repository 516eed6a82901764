/* SPDX-License-Identifier: Apache-2.0
 *
 * The registry of sites, shared by all threads: a core instance under a mutex. A thread asks it once per site and never again. The
 * mutex is held while a name is copied and looked up; meanwhile nothing allocates, blocks or takes another lock, so a malloc hook
 * may take the mutex.
 */
#ifndef MEMTRACK_REGISTRY_H
#define MEMTRACK_REGISTRY_H

#include "core/instance.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Opens the registry with room for `sites`. Returns 0 or -1. init-only. */
int memtrack_registry_open(uint32_t sites);

/* Returns the number of a site, assigned at its first use. `text` is the location (assembly/registry/name.ts) and may be NULL,
   `owner` the key of the site's owner, `flags` MEMTRACK_NAME_.... If the table is full, returns the number of a row (other).
   hook-safe. */
uint32_t memtrack_registry_site(uint64_t address, uint64_t attributes, const char *text, uint32_t owner, uint32_t flags);

/* Whether a number belongs to a registered site, not to a row that sums others. hook-safe. */
bool memtrack_registry_is_own(uint32_t site);

/* A row of the built-in tracker's table. Its site has the row's name; its address is not known. */
struct memtrack_builtin_row {
  int64_t allocs, frees, in_use;
  uint32_t site;
};

/* Parses a line of that table. Returns false if it is not a row. event-thread. */
bool memtrack_registry_builtin_row(const char *line, uint64_t length, struct memtrack_builtin_row *row);

/* Returns the row of a freelist of the server, assigned at the first use of its name; the row (other) of the class if there is no
   room. Not hook-safe. */
uint32_t memtrack_registry_freelist(const char *name, uint32_t length);

/* The parts of a plugin call's name; unknown parts are NULL (assembly/registry/call_text.ts). */
struct memtrack_call_name {
  const char *module;
  uint64_t offset;      /* in the module; without a module, the address */
  const char *function; /* for a better text; may include the line */
  const char *file;     /* file and line, as passed by the caller */
  const char *called;   /* the function that is called, for a text without a line */
};

/* Like memtrack_registry_site(), for a plugin's call. hook-safe. */
uint32_t memtrack_registry_call(uint64_t address, uint64_t attributes, const struct memtrack_call_name *call, uint32_t owner,
                                uint32_t flags);

/* Sets a better text for a plugin's site. Not hook-safe. */
void memtrack_registry_rename(uint32_t site, const struct memtrack_call_name *call);

/* Frees a number for reassignment (assembly/model/reclaim.ts). Not hook-safe. */
void memtrack_registry_free(uint32_t site);

/* Copies the text of a site, with its NUL, for a log line. hook-safe. */
void memtrack_registry_text(uint32_t site, char *text, uint64_t size);

/* Registers the owner of a loaded module, with its generation in `text`; and retires it after unloading. The first returns the
   owner's key, never 0; if the table is full, the key of (other plugins). Not hook-safe. */
uint32_t memtrack_registry_owner(const char *text);
void memtrack_registry_retire(uint32_t owner);

/* Registers the file that a module was loaded from, under the module's name in sites. `owner` is its owner key, or
   MEMTRACK_OWNER_NONE for a library. Not hook-safe. */
void memtrack_registry_file(const char *name, uint32_t owner, const char *build_id, const char *path);

/* Updates a model's copy of names, owners and files. Returns false if the model trapped. Not hook-safe. */
bool memtrack_registry_copy(struct memtrack_core *model);

/* Number of sites assigned so far, including fixed sites. hook-safe. */
uint32_t memtrack_registry_count(void);

/* Number of registered sites whose numbers are not free. hook-safe. */
uint32_t memtrack_registry_in_use(void);

/* Number of registrations refused because the table was full. hook-safe. */
uint64_t memtrack_registry_refusals(void);

/* The reason for which the registry assigns no more numbers; NULL while it does. Any thread. */
const char *memtrack_registry_trap(void);

/* The key of a site, for a shard; false if it has none. hook-safe. */
bool memtrack_registry_key(uint32_t site, uint64_t *address, uint64_t *attributes);

/* The instance, for its size and capacity. Any thread. */
const struct memtrack_core *memtrack_registry_core(void);

#ifdef __cplusplus
}
#endif

#endif
