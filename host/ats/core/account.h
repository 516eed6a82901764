/* SPDX-License-Identifier: Apache-2.0
 *
 * The middle ring: what a hook saw is told to the core, in the calling thread's shard. No call allocates, and none fails: what
 * cannot be accounted is counted as lost. All are hook-safe.
 */
#ifndef MEMTRACK_ACCOUNT_H
#define MEMTRACK_ACCOUNT_H

#include <stdint.h>

#include "core/key.h"
#include "core_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One IOBuffer event: `size` bytes, negative for a release, at the server's location literal. */
void memtrack_account_iobuffer(const char *location, int64_t size);

/* An allocation whose release will name its site, by the site's key (core/key.h). `text` is for the namer.
   Returns the birth to tag the block with, its site and its epoch, or MEMTRACK_SITE_UNKNOWN where the event was lost: then the
   block stays untagged. */
uint32_t memtrack_account_alloc(uint64_t address, uint64_t attributes, const char *text, uint64_t size);

/* The birth of what has no tag: its class has a site for it, and of its epoch nothing is known or told. */
static inline uint32_t
memtrack_birth_untagged(uint32_t cls)
{
  return (MEMTRACK_SITE_PRE_ARMING + cls) << MEMTRACK_EPOCH_BITS;
}

/* The release of a tagged block, charged to the site that allocated it, and to the epoch. */
void memtrack_account_free(uint32_t birth, uint64_t size);

/* The release of a block that carries no tag of this arming: of unknown site and `size` usable bytes. */
void memtrack_account_free_untagged(uint32_t cls, uint64_t size);

/* Who names sites: registers the site of a key, at its first sight, and returns its number. `text`: of an IOBuffer the location, of
   OpenSSL the file, of TSmalloc the path that the caller handed over ("memory/foo.c:88"), else NULL. It is called inside a hook. */
typedef uint32_t (*memtrack_namer)(uint64_t address, uint64_t attributes, const char *text);

/* Sets it. Until then a site's name is its text alone. init-only. */
void memtrack_account_set_namer(memtrack_namer namer);

/* Counts that another accountant made before us, for one site. */
void memtrack_account_carry(uint32_t site, int64_t allocs, int64_t frees, int64_t in_use);

/* Events not accounted: a signal handler interrupted an event and came back here, or a shard had trapped. */
uint64_t memtrack_account_lost(void);

#ifdef __cplusplus
}
#endif

#endif
