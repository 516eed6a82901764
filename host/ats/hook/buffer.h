/* SPDX-License-Identifier: Apache-2.0
 *
 * IOBuffers created by plugins. A TSIOBuffer is an object of the server (MIOBuffer), and the server counts every block that it
 * later allocates for the buffer under the location stored in it. The hook therefore stores the plugin's call site there as soon as
 * the buffer is created (owner/location.h); from then on the server itself counts the buffer's bytes for the plugin.
 *
 * No header tells where these words are in the server's objects. At the start a buffer is created and searched. Later a word is
 * replaced only if it contains what the server stores there.
 */
#ifndef MEMTRACK_BUFFER_H
#define MEMTRACK_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Finds the words. Returns 0, or -1 with a reason. init-only. If the server is already counting, it counts an additional buffer,
   created and destroyed. */
int memtrack_buffer_calibrate(struct memtrack_reason *reason);

/* Stores the location of a call in a newly created buffer and in the block that it may already have; calls `event` with the
   events that the server would have reported for that block. `address` is the return address. hook-safe. */
void memtrack_buffer_mark(void *buffer, bool sized, uint64_t address, uint32_t owner, void (*event)(const char *, int64_t));

/* A block's data that the server is about to fill, and what it may just have made to hold it; NULL where there is none. */
struct memtrack_buffer_new {
  uintptr_t *data, *block, *buffer;
};

/* Finds, among the addresses of objects, the data with this location that the server is making; and its block and buffer if they
   are new as well. Returns false if none, or more than one, proves to be it. hook-safe; one call of the system for each object. */
bool memtrack_buffer_find_new(struct memtrack_buffer_new *found, const uintptr_t *objects, size_t count, const char *location);

/* Replaces the location in what was found. hook-safe. */
void memtrack_buffer_mark_new(const struct memtrack_buffer_new *found, const char *text);

#ifdef __cplusplus
}
#endif

#endif
