/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "core/epoch.h"

#include <time.h>

#include "base/atomic.h"

uint64_t memtrack_epochs_ __attribute__((aligned(64))); /* beside nothing that is written more often */

void
memtrack_epoch_turn(struct memtrack_core *model, uint64_t now)
{
  memtrack_store_release(&memtrack_epochs_, Z_coreZ_nextEpoch(&model->wasm, now));
  struct timespec after;
  clock_gettime(CLOCK_MONOTONIC, &after);
  Z_coreZ_epochPublished(&model->wasm, after.tv_sec);
}
