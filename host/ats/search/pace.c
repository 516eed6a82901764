/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "search/pace.h"

#include <time.h>

#include "base/atomic.h"
#include "base/clock.h"

/* About ten pieces: longer ones would delay a thread of the server, shorter ones are mostly the change of threads. */
#define BURST_NS (200ull * MEMTRACK_NS_PER_US)
/* After a burst that lasted longer, because the thread had no processor or the file of mappings is long. */
#define PAUSE_MAX_NS (100ull * MEMTRACK_NS_PER_MS)

static uint32_t percent;
static uint64_t begun;

void
memtrack_pace_set(uint32_t share)
{
  memtrack_store(&percent, share);
}

void
memtrack_pace_begin(void)
{
  begun = memtrack_clock_ns();
}

void
memtrack_pace_rest(void)
{
  uint64_t worked = memtrack_clock_ns() - begun;
  uint32_t share  = memtrack_load(&percent);
  if (worked < BURST_NS || share >= 100) {
    return;
  }
  uint64_t pause = share ? worked * (100 - share) / share : PAUSE_MAX_NS;
  pause          = pause < PAUSE_MAX_NS ? pause : PAUSE_MAX_NS;
  nanosleep(&(struct timespec){.tv_nsec = (long)pause}, NULL);
  memtrack_pace_begin();
}
