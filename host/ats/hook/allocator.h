/* SPDX-License-Identifier: Apache-2.0
 *
 * Identifies the allocator behind malloc: the C library, or a replacement (jemalloc, tcmalloc, mimalloc). Blocks are tagged at the
 * end of their usable size, which must come from the same allocator, must not change, and must be writable. The allocator's own
 * calls belong to no owner.
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

/* Whether a function is of the module that defines malloc. init-only: takes the lock of the loader. */
bool memtrack_allocator_defines(const void *function);

/* Whether a function is of the C++ library, whose operators call malloc and free, and ignore sizes. init-only: as above. */
bool memtrack_allocator_is_cpp_library(const void *function);

/* Whether a function is of the C library or the C++ library, whose releases ignore the size that they are told. init-only: as
   above. */
bool memtrack_allocator_ignores_size(const void *function);

/* Whether malloc is in this mapping. hook-safe. */
bool memtrack_allocator_is_in(uintptr_t start, uintptr_t end);

#ifdef __cplusplus
}
#endif

#endif
