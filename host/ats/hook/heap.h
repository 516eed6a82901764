/* SPDX-License-Identifier: Apache-2.0
 *
 * Hooks of the allocation functions of the C library and of C++ (heap.c), as tables for their callers' slots.
 */
#ifndef MEMTRACK_HOOK_HEAP_H
#define MEMTRACK_HOOK_HEAP_H

#include "base/reason.h"
#include "module/definition.h"
#include "module/slots.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct memtrack_redirect memtrack_server_heap[];  /* for the server: releases only */
extern const struct memtrack_redirect memtrack_server_news[];  /* the server's operator new, while the heap is tracked */
extern const struct memtrack_redirect memtrack_plugin_heap[];  /* for plugins */
extern const struct memtrack_redirect memtrack_library_heap[]; /* for libraries, while the heap is tracked */

/* For modules loaded from the moment on when the heap is tracked: releases only. */
extern struct memtrack_definition memtrack_heap_definitions[];

/* Looks up the replaced functions. Returns 0, or -1 with a reason. init-only. */
int memtrack_hook_heap_open(struct memtrack_reason *reason);

#ifdef __cplusplus
}
#endif

#endif
