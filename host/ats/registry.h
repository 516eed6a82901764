/* SPDX-License-Identifier: Apache-2.0
 *
 * The registry of sites, shared by all threads: one core instance under one mutex. It is asked once per site and thread, and
 * never again; the mutex is held for a copy of the name and a lookup, and nothing in there allocates, blocks or takes another
 * lock, so it may be taken inside a malloc hook.
 */
#ifndef MEMTRACK_REGISTRY_H
#define MEMTRACK_REGISTRY_H

#include "embed.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Opens the registry with room for `sites`. Returns 0 or -1. init-only. */
int memtrack_registry_open(uint32_t sites);

/* The number of a site, given at its first sight. `text` is the location (for OpenSSL: the file) and may be NULL. Returns a
   number of a site; that of (other) of its class where there is no room. hook-safe. */
uint32_t memtrack_registry_site(uint64_t place, uint32_t detail, const char *text);

/* The number of the IOBuffer site with this name, whose place is not known. event-thread. */
uint32_t memtrack_registry_name(const char *name, uint64_t length);

/* Site numbers given so far, the fixed ones included. What belongs to a number below it does not change any more. hook-safe. */
uint32_t memtrack_registry_count(void);

/* Registrations that found the table full. hook-safe. */
uint64_t memtrack_registry_refusals(void);

/* The key of a site, to bind it in a shard; false where it has no place. hook-safe. */
bool memtrack_registry_key(uint32_t site, uint64_t *place, uint32_t *detail);

/* The instance, for reading the names of sites below memtrack_registry_count() and for its size. */
const struct memtrack_core *memtrack_registry_core(void);

#ifdef __cplusplus
}
#endif

#endif
