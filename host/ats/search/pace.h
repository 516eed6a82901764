/* SPDX-License-Identifier: Apache-2.0
 *
 * The share of one processor that the search takes. It works in bursts with the server's own priority, and sleeps between them:
 * with a low priority it would lose the processor while it reads memory, and keep the lock of the address space from all other
 * threads. A burst is measured by the clock on the wall, so on a busy machine the share becomes smaller, never larger.
 *
 * Of one thread, the search's. None is hook-safe.
 */
#ifndef MEMTRACK_SEARCH_PACE_H
#define MEMTRACK_SEARCH_PACE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Sets the share, in per cent. Any thread. */
void memtrack_pace_set(uint32_t percent);

/* A burst begins now: the time until now was idle. */
void memtrack_pace_begin(void);

/* Between two pieces of work: sleeps if the burst has lasted long enough. */
void memtrack_pace_rest(void);

#ifdef __cplusplus
}
#endif

#endif
