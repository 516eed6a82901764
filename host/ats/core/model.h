/* SPDX-License-Identifier: Apache-2.0
 *
 * The model: the only instance that sums the shards and interprets the sums (assembly/model, analysis, report). One thread at a
 * time uses it, under a mutex that no hook takes. If it traps, that is logged, and it is not used any more: no dumps until the next
 * start, while counting continues as before.
 */
#ifndef MEMTRACK_MODEL_H
#define MEMTRACK_MODEL_H

#include "base/log.h"
#include "core/instance.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Opens the model. Returns 0 or -1. init-only. */
int memtrack_model_open(uint32_t sites);

/* Arms a class: counts before this moment no longer matter. Not hook-safe. */
void memtrack_model_arm(uint32_t cls);

/* Disarms a class: it has no rows until it is armed again. Not hook-safe. */
void memtrack_model_disarm(uint32_t cls);

/* Detects buffers older than the arming, without a dump. The more often it runs, the sooner the affected rows are correct
   (assembly/model/model.ts). Not hook-safe. */
void memtrack_model_observe(void);

/* Reclaims the numbers of sites that have no memory in use and whose module is unloaded (assembly/model/reclaim.ts). Not hook-safe.
 */
void memtrack_model_reclaim(void);

/* Most bytes of its memory that the model can use. Any thread. */
uint64_t memtrack_model_memory(void);

/* Runs body(model, argument) with exclusive use of the model; with `settled`, on settled sums of this moment. Returns false if
   the model has trapped, now or before. For callers in C. Not hook-safe. */
bool memtrack_model_visit(bool settled, void (*body)(struct memtrack_core *, void *), void *argument);

/* Logs the text of this length in the model's output region. With exclusive use of the model. Not hook-safe. */
void memtrack_model_log(struct memtrack_core *model, enum memtrack_severity severity, uint32_t length);

#ifdef __cplusplus
}

/* Lock and unlock the model. The first returns NULL if the model has trapped before; then nothing is locked. The second logs a
   trap. For memtrack_model_with(). Not hook-safe. */
memtrack_core *memtrack_model_begin();
void memtrack_model_end(bool good);

/* Sums all shards in the model. Within memtrack_model_with(); not hook-safe. */
void memtrack_model_collect(memtrack_core *model);

/* Runs body(model) with exclusive use of the model. Returns false if the model has trapped, now or before. Not hook-safe. */
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

/* Same, on settled sums of this moment. Not hook-safe. */
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
