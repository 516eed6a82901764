/* SPDX-License-Identifier: Apache-2.0
 *
 * Watched sites: those of a block whose tag was overwritten by one or two bytes, as far as the rest of it can tell. That is not
 * certain, so nothing is said about it. Further blocks of the site get a guard (core/tag.h), which proves the next overrun. A site
 * without such blocks for WATCHED_SECONDS is no longer watched.
 *
 * docs/decisions/026-an-overrun-is-proved.md has the figures.
 */
#ifndef MEMTRACK_WATCH_H
#define MEMTRACK_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "hook/state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Handles a block that may have had this birth: returns whether that is plausible, and if so watches the site. hook-safe. */
bool memtrack_watch_suspect(uint32_t birth);

/* Bytes to ask for beyond the size of a block that is allocated by the call at `address`: MEMTRACK_TAG_GUARDED if its site may be
   watched, else MEMTRACK_TAG_SIZE; 0 if the size is too large. Address 0 is a call that only a walk of the stack would find.
   hook-safe. */
size_t memtrack_watch_margin(uint64_t size, uintptr_t address);

/* Same, for a call of a plugin: the quick case first. hook-safe. */
MT_INLINE size_t
memtrack_watch_margin_of(uint64_t size, uintptr_t address)
{
  return MT_LIKELY(size < memtrack_hooks_get(quick_size)) ? MEMTRACK_TAG_SIZE : memtrack_watch_margin(size, address);
}

/* Gives a block that was just tagged a guard, if its site is watched and its slack is long enough. hook-safe. */
void memtrack_watch_guard(void *block, uint64_t size, uint32_t birth, uint64_t key);

/* What the tag of a block with a guard says; for any other block MEMTRACK_SITE_UNKNOWN and the usable size. By value: in the
   callers both are in registers. */
struct memtrack_guarded {
  uint64_t size;
  uint32_t birth;
};

/* Reads and removes the tag of a block that has a guard. An overrun that the guard proves is counted and reported. hook-safe. */
struct memtrack_guarded memtrack_watch_untag(void *block, uint64_t usable, uint64_t key);

/* Ends watches. Each second; task-thread. */
void memtrack_watch_poll(void);

#ifdef __cplusplus
}
#endif

#endif
