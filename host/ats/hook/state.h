/* SPDX-License-Identifier: Apache-2.0
 *
 * State that the hooks read at every call: one cache line. While the hooks are active only the counters at its end change, and they
 * count rare events. control/ changes it through install.c and openssl.c.
 */
#ifndef MEMTRACK_HOOK_STATE_H
#define MEMTRACK_HOOK_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "core/tag.h"

#ifdef __cplusplus
extern "C" {
#endif

struct memtrack_hooks {
  bool armed;           /* plugins' calls are counted: the level is not 0 */
  bool heap;            /* plugins' heap is counted */
  bool openssl_armed;   /* libcrypto's allocations are counted */
  bool handles;         /* handles of fields are looked for: the heap is or was counted */
  bool server_heap;     /* the server's own heap is counted; `heap` is then true */
  uint64_t key;         /* key of this arming's tags */
  uint64_t quick_size;  /* sizes below are allocated at once; 0 while sites are watched (hook/watch.h) */
  uint64_t openssl_key; /* key of the tags of libcrypto's blocks; 0 if it was never armed */
  /* The value that glibc writes into the second word of a block in its per-thread cache (malloc.c, tcache_key), and removes when
     it returns the block: one value per process, set at init. 0 if there is no such mark. */
  uintptr_t freed_mark;
  uint64_t damaged; /* blocks written past their end, as their guards prove */
  uint64_t twice;   /* blocks released twice */
  uint64_t unloads; /* unloads of modules */
};

extern struct memtrack_hooks memtrack_hooks MT_ALIGNED(64) MT_HIDDEN;

/* No allocator has larger sizes: they are passed on unchanged. A tag's bytes more, rounded up to an alignment by the C++ library,
   could wrap to a small size. */
#define MEMTRACK_QUICK_SIZE PTRDIFF_MAX

/* A field of the state, by name. */
#define memtrack_hooks_get(name) memtrack_load(&memtrack_hooks.name)

#ifdef __cplusplus
}
#endif

#endif
