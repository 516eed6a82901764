/* SPDX-License-Identifier: Apache-2.0
 *
 * Passes events from the hooks to the core, in the calling thread's shard. No call allocates, and none fails: events that cannot be
 * counted are counted as lost. All are hook-safe.
 */
#ifndef MEMTRACK_ACCOUNT_H
#define MEMTRACK_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "core/key.h"
#include "core/sampling.h"
#include "core_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Counts an IOBuffer event: `size` bytes, negative for a release, at the server's location literal. */
void memtrack_account_iobuffer(const char *location, int64_t size);

/* Counts an allocation by its site's key (core/key.h). Its release will pass the site. `text` is for the namer. Returns the
   birth with which to tag the block, its site and its epoch, or MEMTRACK_SITE_UNKNOWN if the event was lost: then the block
   stays untagged. If the site is sampled, the birth has the bit MEMTRACK_BIRTH_SAMPLED too, and the caller tells the sampler. */
uint32_t memtrack_account_block(uint64_t address, uint64_t attributes, const char *text, uint64_t size);
#define MEMTRACK_BIRTH_SAMPLED (1u << 31)

/* Whether a birth of memtrack_account_block() is a usual one: one test for both of the others. */
static inline bool
memtrack_birth_is_plain(uint32_t birth)
{
  return (int32_t)birth >= 0;
}

/* The same of what is no block: the sampler is not told. */
static inline uint32_t
memtrack_account_alloc(uint64_t address, uint64_t attributes, const char *text, uint64_t size)
{
  uint32_t birth = memtrack_account_block(address, attributes, text, size);
  return memtrack_birth_is_plain(birth) || birth == MEMTRACK_SITE_UNKNOWN ? birth : birth & ~MEMTRACK_BIRTH_SAMPLED;
}

/* The birth of a block without a tag: a fixed site of its class, without a known epoch. */
static inline uint32_t
memtrack_birth_untagged(uint32_t cls)
{
  return (MEMTRACK_SITE_PRE_ARMING + cls) << MEMTRACK_EPOCH_BITS;
}

/* Counts that a block or object holds more bytes than before, or fewer, for its site and its epoch. Its release must then pass its
   present size. Not hook-safe. */
void memtrack_account_resize(uint32_t birth, int64_t change);

/* Counts the release of a tagged block, for the site that allocated it and for the block's epoch. */
void memtrack_account_free(uint32_t birth, uint64_t size);

/* Counts the release of a block without a tag of this arming, `size` usable bytes, for the class and owner of the attributes. */
void memtrack_account_free_untracked(uint64_t attributes, uint64_t size);

/* A namer registers the site of a key at its first use and returns its number. `text`: for an IOBuffer the location, for OpenSSL
   the file, for TSmalloc the path that the caller passed ("memory/foo.c:88"), otherwise NULL. It is called inside a hook. */
typedef uint32_t (*memtrack_namer)(uint64_t address, uint64_t attributes, const char *text);

/* Sets the namer. Before, a site's name is `text`. init-only. */
void memtrack_account_set_namer(memtrack_namer namer);

/* The location to count for an event of a parked thread (core/shard.h): the same, or the one that is now in the server's object. It
   is called inside a hook. */
typedef const char *(*memtrack_relocator)(const char *location, int64_t size);

/* What an IOBuffer event is counted under: for another accountant of the same event, before it is counted. */
const char *memtrack_account_location(const char *location, int64_t size);

/* Sets it. init-only. */
void memtrack_account_set_relocator(memtrack_relocator relocator);

/* Adds counts that another accountant made earlier for a site. */
void memtrack_account_carry(uint32_t site, int64_t allocs, int64_t frees, int64_t in_use);

/* Events not counted: a signal handler interrupted an event and caused another, or a shard had trapped. */
uint64_t memtrack_account_lost(void);

/* Counts an event as lost that a hook could not count. */
void memtrack_account_lose(void);

#ifdef __cplusplus
}
#endif

#endif
