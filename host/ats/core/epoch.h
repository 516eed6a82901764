/* SPDX-License-Identifier: Apache-2.0
 *
 * The published epochs (assembly/shard/epoch.ts): a word that is written when a sample is taken and read by every allocation of a
 * tagged block. It changes about 30 times in the first hour and then ever less often, so its cache line stays in every processor's
 * cache. Above the epochs is the generation of the list of sampled sites (core/sampling.h), which shards learn in the same way.
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

/* Bits of the word that are epochs. */
#define MEMTRACK_EPOCHS_BITS 40
#define MEMTRACK_EPOCHS_MASK ((1ull << MEMTRACK_EPOCHS_BITS) - 1)

/* Relaxed: a thread that releases a block received it from the allocating thread, and so sees at least the same epochs.
   hook-safe. */
static inline uint64_t
memtrack_epochs(void)
{
  return memtrack_load(&memtrack_epochs_);
}

/* Has every shard read the list of sampled sites before its next allocation. task-thread, under the model's mutex. */
void memtrack_epoch_sampling_changed(void);

/* Begins an epoch if it is due, and publishes it. `now` is in monotonic seconds. Within memtrack_model_with(); task-thread. */
void memtrack_epoch_advance(struct memtrack_core *model, uint64_t now);

#ifdef __cplusplus
}
#endif

#endif
