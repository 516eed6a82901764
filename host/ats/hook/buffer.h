/* SPDX-License-Identifier: Apache-2.0
 *
 * IOBuffers that plugins create. A TSIOBuffer is one of the server's own (MIOBuffer), and every block that the server later
 * allocates for it is accounted to the location that stands in it. So the plugin's call site is written there as soon as the buffer
 * is created (owner/location.h), and from then on the server itself accounts its bytes to the plugin.
 *
 * Where in the server's objects these words stand is not known from any header: a buffer is made at the start and searched. What is
 * not found exactly once is left alone.
 */
#ifndef MEMTRACK_BUFFER_H
#define MEMTRACK_BUFFER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Finds the words. Returns 0, or -1 with a reason. init-only. Where the server counts already, it counts one buffer more, created
   and destroyed. */
int memtrack_buffer_calibrate(struct memtrack_reason *reason);

/* Writes the location of a call into a buffer that has just been created, and into the block that it may have already; `event` is
   told what the server would have been told of that block. `address` is the return address. hook-safe. */
void memtrack_buffer_mark(void *buffer, bool sized, uint64_t address, uint32_t owner, void (*event)(const char *, int64_t));

#ifdef __cplusplus
}
#endif

#endif
