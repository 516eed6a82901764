/* SPDX-License-Identifier: Apache-2.0
 *
 * What a TSMBuffer holds: its header heaps, which the server chains, and the heaps with its strings.
 *
 *   TSMBuffer -> heap -> next heap, twice as large -> ...
 *                  |-> heap of strings that it writes
 *                  `-> up to three heaps of strings that are complete: its own, and those of other buffers from which it was copied
 *
 * Several buffers, and transactions, may refer to one heap of strings, which counts them. Each of them holds its share: the size
 * divided by that number. Strings that a parser found in a block of an IOBuffer stay there; the block is in the row of its
 * IOBuffer.
 *
 * No header tells where these words are. At the start a few buffers are created and filled through the API, the words are looked
 * for in them, and the measure of these buffers must be what they were given. Later they are read by calls that can fail
 * (base/peek.h), while their owners may change or destroy them: what does not look as it must, or has changed at a second look, is
 * dropped.
 */
#ifndef MEMTRACK_MBUFFER_H
#define MEMTRACK_MBUFFER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { MEMTRACK_MBUFFER_BATCH = 512 };
#define MEMTRACK_MBUFFER_UNKNOWN UINT64_MAX

/* Finds the words. `heap` is the size of a first heap. Returns 0, or -1 with a reason. init-only. */
int memtrack_mbuffer_calibrate(uint64_t heap, struct memtrack_reason *reason);

/* Whether the words are known. Any thread. */
bool memtrack_mbuffer_is_known(void);

/* Reads what buffers hold, in bytes, beyond their first heap; MEMTRACK_MBUFFER_UNKNOWN where that could not be read. At most
   MEMTRACK_MBUFFER_BATCH. `before` is what they were found to hold: only what differs is looked at a second time. Not hook-safe;
   one thread at a time. */
void memtrack_mbuffer_measure(const uint64_t *buffers, const uint32_t *before, uint32_t count, uint64_t *held);

#ifdef __cplusplus
}
#endif

#endif
