/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "core/tag.h"

#include <sys/random.h>
#include <time.h>

uint32_t memtrack_tag_births = 65535u << MEMTRACK_EPOCH_BITS; /* until there is a registry */

uint64_t
memtrack_tag_key(void)
{
  uint64_t key;
  if (getrandom(&key, sizeof(key), GRND_NONBLOCK) != sizeof(key)) {
    /* Early at boot there may be none; then the key need only differ from the last. */
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    key = ((uint64_t)now.tv_sec << 32 ^ now.tv_nsec ^ (uintptr_t)&now) * 0x9e3779b97f4a7c15u;
  }
  return key;
}
