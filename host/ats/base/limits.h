/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts refusals by fixed-size tables that are full, and by the limit on descriptors. The dump's header shows the counts;
 * diags.log reports each limit once (assembly/control/exhaustion.ts). The counts are never reset.
 */
#ifndef MEMTRACK_LIMITS_H
#define MEMTRACK_LIMITS_H

#include <stdint.h>

#include "core_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Counts a refusal by a limit, MEMTRACK_LIMIT_.... hook-safe. */
void memtrack_limit_hit(uint32_t limit);

/* Number of refusals so far. Any thread. */
uint64_t memtrack_limit_hits(uint32_t limit);

/* Returns `fd`, the result of open() or dup(). If it is -1 because no descriptor was left, counts a refusal. Preserves errno.
   hook-safe. */
int memtrack_limit_descriptor(int fd);

#ifdef __cplusplus
}
#endif

#endif
