/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions that the shared hooks stand in for. A hook calls them through words of memtrack's own that no relocation describes:
 * another tool that redirects all words of all modules (heaptrack, attached to the server) binds to the shared hooks, so that its
 * hook and memtrack's would call each other for ever.
 */
#ifndef MEMTRACK_HOOK_REAL_H
#define MEMTRACK_HOOK_REAL_H

#include <stddef.h>

#include "base/compiler.h"

#ifdef __cplusplus
extern "C" {
#endif

struct memtrack_real {
  void *(*malloc)(size_t);
  void *(*calloc)(size_t, size_t);
  void *(*memalign)(size_t, size_t);
  void *(*aligned_alloc)(size_t, size_t);
  int (*posix_memalign)(void **, size_t, size_t);
  void *(*valloc)(size_t);
  void *(*pvalloc)(size_t);
  void *(*realloc)(void *, size_t);
  void (*free)(void *);
  int (*dlclose)(void *);
};

extern struct memtrack_real memtrack_real MT_HIDDEN;

/* Takes the functions as memtrack.so is bound to them. init-only: before any hook. */
void memtrack_real_open(void);

#ifdef __cplusplus
}
#endif

#endif
