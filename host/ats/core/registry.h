/* SPDX-License-Identifier: Apache-2.0
 *
 * The registry of sites, shared by all threads: one core instance under one mutex. It is asked once per site and thread, and
 * never again; the mutex is held for a copy of the name and a lookup, and nothing in there allocates, blocks or takes another
 * lock, so it may be taken inside a malloc hook.
 */
#ifndef MEMTRACK_REGISTRY_H
#define MEMTRACK_REGISTRY_H

#include "core/instance.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Opens the registry with room for `sites`. Returns 0 or -1. init-only. */
int memtrack_registry_open(uint32_t sites);

/* The number of a site, given at its first sight. `text` is the location (assembly/registry/name.ts) and may be NULL, `owner` the
   key of the one whose site it is, `flags` MEMTRACK_NAME_.... Returns a number of a site; that of a row (other) where there is no
   room. hook-safe. */
uint32_t memtrack_registry_site(uint64_t address, uint64_t attributes, const char *text, uint32_t owner, uint32_t flags);

/* Whether a number is that of a registered site, and not of a row that sums others. hook-safe. */
bool memtrack_registry_is_own(uint32_t site);

/* A row of the built-in tracker's table; its site is the one with its name, whose address is not known. */
struct memtrack_builtin_row {
  int64_t allocs, frees, in_use;
  uint32_t site;
};

/* Reads a line of that table. False where it is no row. event-thread. */
bool memtrack_registry_builtin_row(const char *line, uint64_t length, struct memtrack_builtin_row *row);

/* A plugin's call as its site's text has it; NULL for what is not known (assembly/registry/call_text.ts). */
struct memtrack_call_name {
  const char *module;
  uint64_t offset;      /* in the module; the address where there is none */
  const char *function; /* of a better text; its line may stand in it */
  const char *file;     /* and line, as the caller handed them over */
};

/* As memtrack_registry_site(), of a plugin's call. hook-safe. */
uint32_t memtrack_registry_call(uint64_t address, uint64_t attributes, const struct memtrack_call_name *call, uint32_t owner,
                                uint32_t flags);

/* A better text for a plugin's site. Not hook-safe. */
void memtrack_registry_rename(uint32_t site, const struct memtrack_call_name *call);

/* The number can be given again (assembly/model/reclaim.ts). Not hook-safe. */
void memtrack_registry_free(uint32_t site);

/* The text of a site, for a line of a log, with its NUL. hook-safe. */
void memtrack_registry_text(uint32_t site, char *text, uint64_t size);

/* A module was loaded; its text, with its generation. Returns the owner's key, never 0; that of (other plugins) where there is no
   room. And unloaded. Not hook-safe. */
uint32_t memtrack_registry_owner(const char *text);
void memtrack_registry_retire(uint32_t owner);

/* Brings a model's copy of names and owners up to date. False where the model trapped. Not hook-safe. */
bool memtrack_registry_copy(struct memtrack_core *model);

/* Site numbers given so far, the fixed ones included. hook-safe. */
uint32_t memtrack_registry_count(void);

/* Sites whose numbers are not free. hook-safe. */
uint32_t memtrack_registry_in_use(void);

/* Registrations that found the table full. hook-safe. */
uint64_t memtrack_registry_refusals(void);

/* The key of a site, for a shard; false where it has none. hook-safe. */
bool memtrack_registry_key(uint32_t site, uint64_t *address, uint64_t *attributes);

/* The instance, for its size and capacity. Any thread. */
const struct memtrack_core *memtrack_registry_core(void);

#ifdef __cplusplus
}
#endif

#endif
