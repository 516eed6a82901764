/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose memory an address is that lies in no block: the root of a chain of holders.
 *
 *   foo.so table (.bss)             a variable of a module
 *   stack of thread [ET_NET 0]      of a thread that has counted something (core/shard.h)
 *   thread-local memory of thread [ET_NET 0]    variables of such a thread (search/locals.h)
 *   heap of the server              other anonymous memory, and `IOBuffers of the server`
 *   file NAME                       a private mapping of a file
 *
 * The names of variables are in files, and modules have a mutex. So the search's thread asks, and gets no text yet; a task thread
 * looks the name up within a second, and a later pass has it.
 */
#ifndef MEMTRACK_SEARCH_PLACE_H
#define MEMTRACK_SEARCH_PLACE_H

#include <stddef.h>
#include <stdint.h>

#include "search/regions.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Before the places of a pass are asked for. Of the search's thread: not hook-safe. */
void memtrack_place_begin(void);

/* Writes the place of an address. Returns the length; 0 if it is not known, or not yet. Of the search's thread, within
   memtrack_guarded(): not hook-safe. */
size_t memtrack_place_write(struct memtrack_core *core, const struct memtrack_regions *regions, uint64_t address, char *text,
                            size_t size);

/* Looks up the names that were asked for. Task-thread. */
void memtrack_place_poll(void);

#ifdef __cplusplus
}
#endif

#endif
