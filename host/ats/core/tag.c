/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "core/tag.h"

#include <sys/random.h>

#include "base/clock.h"
#include "base/hash.h"

uint32_t memtrack_tag_births = 65535u << MEMTRACK_EPOCH_BITS; /* until there is a registry */

uint64_t
memtrack_tag_key(void)
{
  uint64_t key;
  if (getrandom(&key, sizeof(key), GRND_NONBLOCK) != sizeof(key)) {
    /* Early at boot there may be none; then the key need only differ from the last. */
    key = (memtrack_clock_ns() ^ (uintptr_t)&key) * MEMTRACK_HASH_FACTOR;
  }
  return key;
}
