/* SPDX-License-Identifier: Apache-2.0
 *
 * Identifies the allocator behind malloc: the C library, or a replacement (jemalloc, tcmalloc). Blocks are tagged by their usable
 * size, which must come from the same allocator. The allocator's own calls belong to no owner.
 */
#ifndef MEMTRACK_ALLOCATOR_H
#define MEMTRACK_ALLOCATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Checks whether blocks can be tagged. Returns 0, or -1 with a reason. init-only. */
int memtrack_allocator_open(struct memtrack_reason *reason);

/* Whether malloc is in this mapping. hook-safe. */
bool memtrack_allocator_is_in(uintptr_t start, uintptr_t end);

#ifdef __cplusplus
}
#endif

#endif
