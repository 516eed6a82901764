/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"

#include <errno.h>

#include "base/atomic.h"

static uint64_t hits[MEMTRACK_LIMIT_COUNT];

void
memtrack_limit_hit(uint32_t limit)
{
  memtrack_add(&hits[limit], 1);
}

uint64_t
memtrack_limit_hits(uint32_t limit)
{
  return memtrack_load(&hits[limit]);
}

int
memtrack_limit_descriptor(int fd)
{
  if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
    memtrack_limit_hit(MEMTRACK_LIMIT_DESCRIPTORS);
  }
  return fd;
}
