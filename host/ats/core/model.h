/* SPDX-License-Identifier: Apache-2.0
 *
 * The model: the one instance that sums the shards and knows what the sums mean (assembly/model, analysis, report). One thread at a
 * time has it, under a mutex that no hook takes. Where it traps, that is logged, and it is not used any more: there are no dumps
 * until the next start, and everything is counted as before.
 */
#ifndef MEMTRACK_MODEL_H
#define MEMTRACK_MODEL_H

#include "core/instance.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Opens the model. Returns 0 or -1. init-only. */
int memtrack_model_open(uint32_t sites);

/* A class is armed now: what was counted of it before does not count any more. Not hook-safe. */
void memtrack_model_arm(uint32_t cls);

/* A class is not tracked any more, and has no rows until it is armed again. Not hook-safe. */
void memtrack_model_disarm(uint32_t cls);

/* Looks for buffers that are older than the arming, without a dump: the more often, the sooner the rows are right that they would
   distort (assembly/model/model.ts). Not hook-safe. */
void memtrack_model_observe(void);

/* Gives the numbers of sites back whose module is gone and of which nothing is in use (assembly/model/reclaim.ts). Not hook-safe.
 */
void memtrack_model_reclaim(void);

/* Bytes of its memory that it can come to use. Any thread. */
uint64_t memtrack_model_memory(void);

/* Runs body(model, argument) while nobody else uses the model; with `settled`, on the settled sums of this moment. False where the
   model has trapped, now or before. For callers in C. Not hook-safe. */
bool memtrack_model_visit(bool settled, void (*body)(struct memtrack_core *, void *), void *argument);

#ifdef __cplusplus
}

/* Locks the model; NULL where it has trapped before: then nothing is locked. And unlocks it, and says so where it has trapped now.
   For memtrack_model_with(). Not hook-safe. */
memtrack_core *memtrack_model_begin();
void memtrack_model_end(bool good);

/* Sums all shards in the model. Within memtrack_model_with(); not hook-safe. */
void memtrack_model_collect(memtrack_core *model);

/* Runs body(model) while nobody else uses the model. False where the model has trapped, now or before. Not hook-safe. */
template <typename Body>
bool
memtrack_model_with(Body body)
{
  memtrack_core *model = memtrack_model_begin();
  if (!model) {
    return false;
  }
  bool good = memtrack_guarded([&] { body(model); });
  memtrack_model_end(good);
  return good;
}

/* The same on the settled sums of this moment. Not hook-safe. */
template <typename Body>
bool
memtrack_model_with_sums(Body body)
{
  return memtrack_model_with([&](memtrack_core *model) {
    memtrack_model_collect(model);
    memtrack_call(model, applyBaseline);
    body(model);
  });
}
#endif

#endif
