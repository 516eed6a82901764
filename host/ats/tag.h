/* SPDX-License-Identifier: Apache-2.0
 *
 * The tag: 8 bytes at the end of a block's usable size, which say who allocated it and how much was asked for. A release finds
 * them without a pointer map or a lock; the pointer stays malloc's own, so a release that bypasses us is harmless.
 *
 *    p            p+size                      p+usable-8    p+usable
 *    ┌────────────┬─ ─ ─ ─ ─┬────────────────┬────────────┐
 *    │ the user's │ padding  │ slack, if long │ tag        │     slack = usable - size, at least 8
 *    └────────────┴─ ─ ─ ─ ─┴────────────────┴────────────┘
 *
 *    tag = check 44 bits | slack code 4 bits | site 16 bits
 *
 * A slack of 8 to 22 bytes is its code (0 to 14); with a longer one (code 15) there is room for it in the 8 bytes before the tag,
 * whatever the allocator rounds to. The check is a keyed hash of all of it and of the block's address, so a block that was never
 * tagged, one tagged in an earlier arming (the key is another) and one whose tag was written over are all recognised, but for one
 * in 2^44.
 *
 * All functions are hook-safe.
 */
#ifndef MEMTRACK_TAG_H
#define MEMTRACK_TAG_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MEMTRACK_TAG_SIZE 8u

#define TAG_SITE_MASK_   0xffffu
#define TAG_SLACK_SHIFT_ 16
#define TAG_SLACK_LONG_  15u
#define TAG_CHECK_SHIFT_ 20

/* Multiply, fold, multiply: the finisher of MurmurHash3 (Appleby), cut to what spreads any one bit over the upper half. It is in
   the way of every release, and each further multiplication is there to be waited for. */
static inline uint64_t
memtrack_tag_check_(uint64_t key, const void *block, uint64_t slack, uint32_t site)
{
  uint64_t x = ((uintptr_t)block ^ key) + (slack << 16 | site) * 0x9e3779b97f4a7c15u;
  return (x ^ x >> 33) * 0xff51afd7ed558ccdu >> TAG_CHECK_SHIFT_;
}

/* Tags a block of `size` bytes with `usable` of them, usable - size at least MEMTRACK_TAG_SIZE. */
static inline void
memtrack_tag_write(void *block, uint64_t usable, uint64_t size, uint32_t site, uint64_t key)
{
  uint64_t slack = usable - size;
  uint64_t code  = slack - MEMTRACK_TAG_SIZE;
  char *end      = (char *)block + usable;
  if (code >= TAG_SLACK_LONG_) {
    code = TAG_SLACK_LONG_;
    memcpy(end - 16, &slack, sizeof(slack));
  }
  uint64_t tag = memtrack_tag_check_(key, block, slack, site) << TAG_CHECK_SHIFT_ | code << TAG_SLACK_SHIFT_ | site;
  memcpy(end - MEMTRACK_TAG_SIZE, &tag, sizeof(tag));
}

/* Reads a block's tag. False where it has none of this key. */
static inline bool
memtrack_tag_read(const void *block, uint64_t usable, uint64_t key, uint32_t *site, uint64_t *size)
{
  if (usable < MEMTRACK_TAG_SIZE) {
    return false;
  }
  uint64_t tag;
  const char *end = (const char *)block + usable;
  memcpy(&tag, end - MEMTRACK_TAG_SIZE, sizeof(tag));
  uint64_t slack = (tag >> TAG_SLACK_SHIFT_ & TAG_SLACK_LONG_) + MEMTRACK_TAG_SIZE;
  if (slack == TAG_SLACK_LONG_ + MEMTRACK_TAG_SIZE) {
    if (usable < 16) {
      return false;
    }
    memcpy(&slack, end - 16, sizeof(slack));
  }
  *site = tag & TAG_SITE_MASK_;
  *size = usable - slack;
  return slack <= usable && memtrack_tag_check_(key, block, slack, *site) == tag >> TAG_CHECK_SHIFT_;
}

/* Takes a tag off. Before a block goes back to the allocator: what is made of its bytes must not look tagged. */
static inline void
memtrack_tag_clear(void *block, uint64_t usable)
{
  memset((char *)block + usable - MEMTRACK_TAG_SIZE, 0, MEMTRACK_TAG_SIZE);
}

#endif
