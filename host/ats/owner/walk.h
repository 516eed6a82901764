/* SPDX-License-Identifier: Apache-2.0
 *
 * Walks up the stack to the call that memory is charged to: the plugin's, out of the C++ library and out of library code compiled
 * into the plugin; or the server's, out of its functions that allocate for others.
 *
 * The C compiler's unwinder reads the tables anew for each frame, 200 ns per frame. Yet the result for a return address never
 * changes, and nearly always has a simple form (symbol/eh_frame.h). These rules are therefore cached by return address, and a frame
 * takes a lookup and two loads. A rule comes from the tables, and is accepted only if the unwinder, on the present stack, arrived
 * at the same sp, ip and bp. Frames of another form, and frames without a rule yet, are left to the unwinder. All rules are
 * forgotten when a module is loaded or unloaded. There are rules on x86-64 only: elsewhere the unwinder takes each walk. Whatever a
 * rule says, only the thread's own stack is read, between its present position and the highest frame that the unwinder has reached
 * on it.
 */
#ifndef MEMTRACK_WALK_H
#define MEMTRACK_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Takes a first walk: the unwinder's library binds its own calls then, which would take 3 KiB of a thread's stack. init-only. */
void memtrack_walk_open(void);

/* The innermost return address on this thread's stack for which `is_site` is true; `otherwise` if there is none within
   MEMTRACK_WALK_DEPTH frames. `is_site` decides for all walks of its kind, and is called once per address until
   memtrack_walk_forget(). hook-safe: takes no lock (nor does the unwinder, since glibc 2.35). The walk ends at code that is in no
   module, made at run time. The caller must exclude the unwinder's own allocations. */
#define MEMTRACK_WALK_DEPTH 64
enum memtrack_sites { MEMTRACK_SITES_OF_PLUGINS, MEMTRACK_SITES_OF_SERVER };
uintptr_t memtrack_walk(enum memtrack_sites sites, bool (*is_site)(uintptr_t address), uintptr_t otherwise);

/* Same, by the unwinder alone, for tests. Any thread. */
uintptr_t memtrack_walk_slowly(bool (*is_site)(uintptr_t address), uintptr_t otherwise);

/* The return addresses above the call with this one on this thread's stack, at most `most`, innermost first. Returns their number.
   hook-safe, as above, and slow. */
size_t memtrack_walk_above(uintptr_t call, uintptr_t *above, size_t most);

/* How a list of calls ends. */
enum memtrack_walk_end {
  MEMTRACK_WALK_WHOLE, /* with the thread's first function */
  MEMTRACK_WALK_CUT,   /* there are more */
  MEMTRACK_WALK_LOST,  /* in code without unwind tables, or in no module */
};

/* Lists the return addresses on this thread's stack, innermost first, from `call` on if it is among them, without those between
   `own` and `own_end`. Beyond the first of those few more are listed. An address that follows
   itself is listed once. Sets their number, `most` at most. hook-safe, as above, and
   slow. The caller must exclude the unwinder's own allocations. */
enum memtrack_walk_end memtrack_walk_list(uintptr_t call, uintptr_t own, uintptr_t own_end, uint64_t *list, size_t most,
                                          size_t *count);

/* Forgets all rules, because addresses may have changed their meaning. Any thread. */
void memtrack_walk_forget(void);

/* Number of this thread's walks that needed the unwinder; for tests. Any thread. */
uint64_t memtrack_walk_slow_count(void);

#ifdef __cplusplus
}
#endif

#endif
