/* SPDX-License-Identifier: Apache-2.0
 *
 * The built-in tracker's counts: taken over at the start, and beside ours in verify mode.
 */
#ifndef MEMTRACK_BUILTIN_H
#define MEMTRACK_BUILTIN_H

#ifdef __cplusplus
extern "C" {
#endif

/* Takes over what the built-in tracker has counted so far, so that buffers allocated before the plugin was loaded are known.
   After the hook is installed, before it is passed on to. init-only. */
void memtrack_builtin_carry_over(void);

/* From now on the two accountants are to agree. Events must be passed on to the built-in. Not hook-safe. */
void memtrack_builtin_mark(void);

#ifdef __cplusplus
}

struct memtrack_core;

/* Sums the shards in the model and tells it what the built-in counts at the same moment, between two events. Within
   memtrack_model_with(); not hook-safe. */
void memtrack_builtin_collect(memtrack_core *model);
#endif

#endif
