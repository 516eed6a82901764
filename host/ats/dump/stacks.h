/* SPDX-License-Identifier: Apache-2.0
 *
 * Call stacks of sampled allocations on their way from the hooks (owner/call_stack.h) to the model (assembly/model/stacks.ts), and
 * the list of sampled sites on its way back.
 */
#ifndef MEMTRACK_STACKS_H
#define MEMTRACK_STACKS_H

#include "core/instance.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Gives the model the stacks that wait, and what has become of the blocks of earlier ones. Each second; task-thread. */
void memtrack_stacks_poll(void);

#ifdef __cplusplus
}

/* Publishes the list of sampled sites. On settled sums, within memtrack_model_with(); task-thread. */
void memtrack_stacks_publish(memtrack_core *model);

/* No site is sampled any more. Not hook-safe. */
void memtrack_stacks_stop();
#endif

#endif
