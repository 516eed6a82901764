/* SPDX-License-Identifier: Apache-2.0 */
#include "core/epoch.h"

#include "base/atomic.h"
#include "base/clock.h"

uint64_t memtrack_epochs_ MT_ALIGNED(64); /* in a cache line without data that is written more often */

void
memtrack_epoch_sampling_changed()
{
  memtrack_store_release(&memtrack_epochs_, memtrack_epochs() + (1ull << MEMTRACK_EPOCHS_BITS));
}

void
memtrack_epoch_advance(struct memtrack_core *model, uint64_t now)
{
  uint64_t generation = memtrack_epochs() & ~MEMTRACK_EPOCHS_MASK;
  memtrack_store_release(&memtrack_epochs_, generation | memtrack_call(model, nextEpoch, now));
  memtrack_call(model, epochPublished, memtrack_clock_seconds());
}
