/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "core/tag.h"

#include <sys/random.h>

#include "base/clock.h"
#include "base/hash.h"

uint32_t memtrack_tag_births = 65535u << MEMTRACK_EPOCH_BITS; /* until a registry exists */

uint64_t
memtrack_tag_key(void)
{
  uint64_t key;
  if (getrandom(&key, sizeof(key), GRND_NONBLOCK) != sizeof(key)) {
    /* Early at boot no random bytes may be available; the key then only needs to differ from the previous key. */
    key = (memtrack_clock_ns() ^ (uintptr_t)&key) * MEMTRACK_HASH_FACTOR;
  }
  return key;
}
