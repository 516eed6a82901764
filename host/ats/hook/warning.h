/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines on standard error about bad releases. A hook waits for no disk and no pipe, so the task thread writes them, within a
 * second. Only the first few are written; all are counted (hook/state.h).
 */
#ifndef MEMTRACK_WARNING_H
#define MEMTRACK_WARNING_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum memtrack_warning { MEMTRACK_WARNING_TWICE, MEMTRACK_WARNING_TWICE_UNKNOWN, MEMTRACK_WARNING_OVERRUN };

/* Keeps a warning until it can be written. hook-safe. */
void memtrack_warning_put(enum memtrack_warning what, uint32_t birth, uint64_t size);

/* Writes a warning before the allocator ends the process, if it can be written without waiting; else the same as
   memtrack_warning_put(). hook-safe. */
void memtrack_warning_now(enum memtrack_warning what, uint32_t birth, uint64_t size);

/* Writes the warnings kept so far. One thread at a time; task-thread. */
void memtrack_warning_write(void);

#ifdef __cplusplus
}
#endif

#endif
