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

enum { FENCE_WORDS = 3, FENCE_FROM_END = 40 };
_Static_assert(MEMTRACK_TAG_GUARDED == FENCE_FROM_END + MEMTRACK_TAG_ZONE, "zone and fence do not overlap");

/* Word 0 is the zone, the others are the fence. No byte of the zone is 0, which is what most overruns write. */
static void
fill_guard(const void *block, uint64_t size, uint64_t key, uint64_t guard[1 + FENCE_WORDS])
{
  uint64_t x = ((uintptr_t)block ^ key) + size * MEMTRACK_HASH_FACTOR;
  for (int i = 0; i < 1 + FENCE_WORDS; ++i) {
    x += MEMTRACK_HASH_FACTOR;
    uint64_t y = (x ^ x >> 33) * 0xff51afd7ed558ccdu;
    guard[i]   = y ^ y >> 29;
  }
  guard[0] |= 0x0101010101010101;
}

void
memtrack_tag_guard(void *block, uint64_t usable, uint64_t size, uint64_t key)
{
  uint64_t guard[1 + FENCE_WORDS], word;
  char *end = (char *)block + usable;
  fill_guard(block, size, key, guard);
  memcpy((char *)block + size, guard, MEMTRACK_TAG_ZONE);
  memcpy(end - FENCE_FROM_END, guard + 1, FENCE_WORDS * sizeof(*guard));
  memcpy(&word, end - 16, sizeof(word));
  word ^= TAG_MET_MASK_;
  memcpy(end - 16, &word, sizeof(word));
}

static bool
read_guarded(const void *block, uint64_t usable, uint64_t key, uint64_t flip, uint32_t *birth, uint64_t *size)
{
  return memtrack_tag_compare_(block, usable, key, flip, birth, size) == TAG_MET_MASK_ << MEMTRACK_TAG_CHECK_BITS &&
         usable - *size >= MEMTRACK_TAG_GUARDED;
}

bool
memtrack_tag_read_guarded(const void *block, uint64_t usable, uint64_t key, uint32_t *birth, uint64_t *size)
{
  return read_guarded(block, usable, key, 0, birth, size);
}

bool
memtrack_tag_overrun(const void *block, uint64_t usable, uint64_t size, uint64_t key)
{
  uint64_t guard[1 + FENCE_WORDS];
  fill_guard(block, size, key, guard);
  return memcmp((const char *)block + size, guard, MEMTRACK_TAG_ZONE) != 0 &&
         memcmp((const char *)block + usable - FENCE_FROM_END, guard + 1, FENCE_WORDS * sizeof(*guard)) == 0;
}

bool
memtrack_tag_spent(const void *block, uint64_t usable, uint64_t key, uint32_t *birth, uint64_t *size)
{
  return memtrack_tag_compare_(block, usable, key, UINT64_MAX, birth, size) == 0 ||
         read_guarded(block, usable, key, UINT64_MAX, birth, size);
}
