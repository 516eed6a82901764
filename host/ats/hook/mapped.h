/* SPDX-License-Identifier: Apache-2.0
 *
 * Hooks of mmap, mremap and munmap, as tables for their callers' slots.
 */
#ifndef MEMTRACK_HOOK_MAPPED_H
#define MEMTRACK_HOOK_MAPPED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "module/slots.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct memtrack_redirect memtrack_maps[];        /* for plugins and libraries, while the heap is tracked */
extern const struct memtrack_redirect memtrack_server_maps[]; /* for the server: what it unmaps */

/* Whether memory that is mapped from this return address is counted: by a plugin, or on behalf of one. hook-safe. */
bool memtrack_mapped_is_counted(uintptr_t address) MT_HIDDEN;

/* Counts a mapping without bytes, for the call of a plugin that this return address leads to. Returns its birth, or
   MEMTRACK_SITE_UNKNOWN. hook-safe. */
uint32_t memtrack_mapped_count(uintptr_t address) MT_HIDDEN;

#ifdef __cplusplus
}
#endif

#endif
