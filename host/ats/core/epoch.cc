/* SPDX-License-Identifier: Apache-2.0 */
#include "core/epoch.h"

#include <ctime>

#include "base/atomic.h"

uint64_t memtrack_epochs_ MT_ALIGNED(64); /* beside nothing that is written more often */

void
memtrack_epoch_turn(struct memtrack_core *model, uint64_t now)
{
  memtrack_store_release(&memtrack_epochs_, memtrack_call(model, nextEpoch, now));
  struct timespec after;
  clock_gettime(CLOCK_MONOTONIC, &after);
  memtrack_call(model, epochPublished, after.tv_sec);
}
