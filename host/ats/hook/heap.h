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

extern const struct memtrack_redirect memtrack_server_heap[]; /* for the server: releases only */
extern const struct memtrack_redirect memtrack_server_news[]; /* the server's operator new, while the heap is tracked */
extern const struct memtrack_redirect
  memtrack_server_own_heap[]; /* its malloc and similar functions, from when its own heap is counted */
extern const struct memtrack_redirect memtrack_plugin_heap[];  /* for plugins */
extern const struct memtrack_redirect memtrack_library_heap[]; /* for libraries, while the heap is tracked */
extern const struct memtrack_redirect memtrack_shared_heap[];  /* for words from which an address may be read, in all modules */
extern struct memtrack_definition memtrack_heap_definitions[]; /* the same hooks, for modules loaded later and for dlsym() */

/* The C library's further names of its functions (__libc_malloc). Those that are not of malloc's module have no `original`. */
extern const struct memtrack_redirect memtrack_heap_aliases[];
extern struct memtrack_definition memtrack_heap_alias_definitions[];

/* Looks up the replaced functions. Returns 0, or -1 with a reason. init-only. */
int memtrack_hook_heap_open(struct memtrack_reason *reason);

#ifdef __cplusplus
}
#endif

#endif
