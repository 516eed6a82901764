/* SPDX-License-Identifier: Apache-2.0 */
#include "core/epoch.h"

#include "base/atomic.h"
#include "base/clock.h"

uint64_t memtrack_epochs_ MT_ALIGNED(64); /* in a cache line without data that is written more often */

void
memtrack_epoch_advance(struct memtrack_core *model, uint64_t now)
{
  memtrack_store_release(&memtrack_epochs_, memtrack_call(model, nextEpoch, now));
  memtrack_call(model, epochPublished, memtrack_clock_seconds());
}
