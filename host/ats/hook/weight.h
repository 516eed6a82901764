/* SPDX-License-Identifier: Apache-2.0
 *
 * What objects of the plugin API weigh, in bytes: the memory that the server takes for an object when it creates one. It is learned
 * at the start, counted at the creation, and taken back at the end.
 *
 *   from the server's own table of freelists     TSCont, TSVConn, TSMutex, TSIOBuffer, the first header heap of a TSMBuffer: the
 * size of the list's objects from the allocator                           parsers: one is created and destroyed; the block that
 * malloc then hands out again was the parser's
 *
 * A TSMBuffer grows: what it holds beyond that is read (hook/mbuffer.h) at each sample, by a thread of memtrack's own, and counted
 * for its site and its epoch, so that a row's bytes are the sum of its objects at any time. Objects without a weight are counted
 * without bytes, because each byte stands in one row: a reader is a part of its TSIOBuffer; what the server allocates with new (the
 * handle of a TSMBuffer, keys of the cache, UUIDs, files) is the plugin's heap, which the records switch on.
 */
#ifndef MEMTRACK_WEIGHT_H
#define MEMTRACK_WEIGHT_H

#include <stdint.h>

#include "base/reason.h"
#include "hook/objects.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In bytes; 0 if it is not known. Constant after memtrack_weights_open(). */
extern uint64_t memtrack_weights[MEMTRACK_WEIGHT_COUNT];

/* Learns the weights. `freelists` is the server's function that prints its freelists, or NULL. `reason` is empty if all are known.
   init-only. */
void memtrack_weights_open(const char *freelists, struct memtrack_reason *reason);

/* Most TSMBuffers that are read at a sample, and before a dump. Each takes at most 4 to 6 us: 50 and 400 ms. */
#define MEMTRACK_WEIGHED_AT_SAMPLE 8192u
#define MEMTRACK_WEIGHED_AT_DUMP   65536u

/* Reads what TSMBuffers hold, at most about `most` of them: first those that were never read, then the others in turn; the next
   call continues there. Returns their number. Not hook-safe; one thread at a time. */
uint32_t memtrack_weigh(uint32_t most);

#ifdef __cplusplus
}
#endif

#endif
