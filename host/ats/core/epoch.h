/* SPDX-License-Identifier: Apache-2.0
 *
 * The epochs that are published (assembly/shard/epoch.ts): one word, written when a sample is taken, read by every allocation that
 * tags. It changes some 30 times in the first hour, and then ever less, so its cache line is in every processor's cache.
 */
#ifndef MEMTRACK_EPOCH_H
#define MEMTRACK_EPOCH_H

#include "base/atomic.h"
#include "base/compiler.h"
#include "core/instance.h"

#ifdef __cplusplus
extern "C" {
#endif

extern uint64_t memtrack_epochs_ MT_HIDDEN;

/* Relaxed: who releases a block has it from the one who allocated it, and so sees what that one saw, or later. hook-safe. */
static inline uint64_t
memtrack_epochs(void)
{
  return memtrack_load(&memtrack_epochs_);
}

/* Begins an epoch, if it is time, and publishes it. `now` is in monotonic seconds. Within
   memtrack_model_with(); task-thread. */
void memtrack_epoch_advance(struct memtrack_core *model, uint64_t now);

#ifdef __cplusplus
}
#endif

#endif
