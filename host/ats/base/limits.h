/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of a fixed size, and descriptors: where one has no room for more, what is refused is counted here. The dump's header tells
 * the counts, and diags.log each limit once (assembly/control/exhaustion.ts). It is never reset.
 */
#ifndef MEMTRACK_LIMITS_H
#define MEMTRACK_LIMITS_H

#include <stdint.h>

#include "core_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A limit, MEMTRACK_LIMIT_..., has refused something. hook-safe. */
void memtrack_limit_hit(uint32_t limit);

/* How often it has. Any thread. */
uint64_t memtrack_limit_hits(uint32_t limit);

/* Returns what open() or dup() has returned. Where that is -1 for want of a descriptor, counts it. errno stays. hook-safe. */
int memtrack_limit_descriptor(int fd);

#ifdef __cplusplus
}
#endif

#endif
