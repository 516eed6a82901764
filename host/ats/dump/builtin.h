/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the built-in tracker's counts: at the start, to take them over, and in verify mode, to compare them.
 */
#ifndef MEMTRACK_BUILTIN_H
#define MEMTRACK_BUILTIN_H

#ifdef __cplusplus
extern "C" {
#endif

/* Takes over the built-in tracker's counts, so that buffers allocated before the plugin was loaded are known. After the hook is
   installed, and before events are passed on. init-only. */
void memtrack_builtin_carry_over(void);

/* Stores the present difference between both accountants as zero. Events must be passed on to the built-in tracker. Not
   hook-safe. */
void memtrack_builtin_mark(void);

#ifdef __cplusplus
}

struct memtrack_core;

/* Sums the shards in the model and reads the built-in tracker's counts of the same moment, between two events. Within
   memtrack_model_with(); not hook-safe. */
void memtrack_builtin_collect(memtrack_core *model);
#endif

#endif
