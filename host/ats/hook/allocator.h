/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose malloc it is: the C library's, or that of an allocator in its place (jemalloc, tcmalloc). Blocks are tagged by their usable
 * size, so it must be the allocator itself that says it. What it calls by itself is nobody's.
 */
#ifndef MEMTRACK_ALLOCATOR_H
#define MEMTRACK_ALLOCATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether blocks can be tagged. Returns 0, or -1 with a reason. init-only. */
int memtrack_allocator_open(struct memtrack_reason *reason);

/* Whether malloc is in this mapping. hook-safe. */
bool memtrack_allocator_is_in(uintptr_t start, uintptr_t end);

#ifdef __cplusplus
}
#endif

#endif
