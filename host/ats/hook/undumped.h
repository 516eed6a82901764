/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory of IOBuffers: what the server's freelists take for them it marks with MADV_DONTDUMP, by posix_madvise() or madvise(). The
 * search for references leaves it out (search/regions.h). The marks are listed in the order of the calls.
 */
#ifndef MEMTRACK_HOOK_UNDUMPED_H
#define MEMTRACK_HOOK_UNDUMPED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/own.h"
#include "module/slots.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Most marks since the start of the server. */
#define MEMTRACK_UNDUMPED_MAX 32768u

extern const struct memtrack_redirect memtrack_server_advice[]; /* for the server: what it tells the kernel of memory */

/* Number of marks so far. Any thread. */
uint32_t memtrack_undumped_count(void);

/* The mark of this number, if it is there already: its whole pages. Any thread. */
bool memtrack_undumped_get(uint32_t number, struct memtrack_span *span);

#ifdef __cplusplus
}
#endif

#endif
