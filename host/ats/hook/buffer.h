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

#ifdef __cplusplus
}
#endif

#endif
