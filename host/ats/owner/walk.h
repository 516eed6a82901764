/* SPDX-License-Identifier: Apache-2.0
 *
 * Up the stack to the plugin's call: from the C++ library, and from what of it was compiled into the plugin.
 *
 * The unwinder of the C compiler reads how each frame is left from tables each time anew, 200 ns a frame. For a return address that
 * is always the same, and nearly always of one simple form (symbol/eh_frame.h). So that is kept by return address, and a frame is a
 * look-up and two loads. A rule is read from the tables, and taken only where the unwinder itself, on the stack at hand, arrived at
 * the same sp, ip and bp by it. What has another form, and what is not known yet, is the unwinder's. Rules are forgotten whenever a
 * module comes or goes; whatever they say, nothing is read but the thread's own stack, between where it stands and what the
 * unwinder once reached on it.
 */
#ifndef MEMTRACK_WALK_H
#define MEMTRACK_WALK_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The innermost return address on this thread's stack for which `is_site` is true; `otherwise` where there is none within
   MEMTRACK_WALK_DEPTH frames. `is_site` is asked once for an address, until memtrack_walk_forget(). hook-safe: takes no lock (nor
   does the unwinder, since glibc 2.35). What the unwinder allocates is for the caller to leave out. */
#define MEMTRACK_WALK_DEPTH 64
uintptr_t memtrack_walk(bool (*is_site)(uintptr_t address), uintptr_t otherwise);

/* The same by the unwinder alone, for tests. Any thread. */
uintptr_t memtrack_walk_slowly(bool (*is_site)(uintptr_t address), uintptr_t otherwise);

/* What is known of addresses may not be true any more. Any thread. */
void memtrack_walk_forget(void);

/* Walks that the unwinder was needed for, by this thread; for tests. Any thread. */
uint64_t memtrack_walk_slow_count(void);

#ifdef __cplusplus
}
#endif

#endif
