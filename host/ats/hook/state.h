/* SPDX-License-Identifier: Apache-2.0
 *
 * What the hooks read at every call: one cache line, in which nothing changes while they run but the counters at its end, which
 * count what is rare. control/ changes it, by way of install.c and openssl.c.
 */
#ifndef MEMTRACK_HOOK_STATE_H
#define MEMTRACK_HOOK_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/compiler.h"

#ifdef __cplusplus
extern "C" {
#endif

struct memtrack_hooks {
  bool armed;           /* what plugins call is accounted: the level is not 0 */
  bool heap;            /* and so is their heap */
  bool openssl_armed;   /* what libcrypto allocates is accounted */
  uint64_t key;         /* of this arming's tags */
  uint64_t openssl_key; /* of the tags of libcrypto's blocks; 0 where it was never armed */
  /* What glibc writes into the second word of a block that it keeps for the next allocation of its size (malloc.c, tcache_key), and
     takes out when it gives the block away again: one value for the process, set at init. 0 where there is no such thing. */
  uintptr_t freed_mark;
  uint64_t damaged; /* blocks whose end was written over */
  uint64_t twice;   /* blocks released twice */
  uint64_t unloads; /* of modules */
};

extern struct memtrack_hooks memtrack_hooks MT_ALIGNED(64) MT_HIDDEN;

/* A word of it, by its name. */
#define memtrack_hooks_get(name) memtrack_load(&memtrack_hooks.name)

#ifdef __cplusplus
}
#endif

#endif
