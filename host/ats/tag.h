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
 *    tag = site 16 bits | slack code 4 bits | check 44 bits
 *
 * A slack of 8 to 22 bytes is its code (0 to 14); with a longer one (code 15) there is room for it in the 8 bytes before the tag,
 * whatever the allocator rounds to. The check is a keyed hash of all of it and of the block's address, so a block that was never
 * tagged, one tagged in an earlier arming (the key is another) and one whose tag was written over are all recognised, but for one
 * in 2^44. Who writes one or two bytes past the end meets the check's lowest bits first, and what is left of it (28 bits) still
 * tells whose block it was. A long slack stands behind a copy of those bits, so that there too they are what is met.
 *
 * All functions are hook-safe.
 */
#ifndef MEMTRACK_TAG_H
#define MEMTRACK_TAG_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACK_TAG_SIZE 8u

#define TAG_SITE_SHIFT_  48
#define TAG_SLACK_SHIFT_ 44
#define TAG_SLACK_LONG_  15u
#define TAG_CHECK_BITS_  44
#define TAG_LEFT_SHIFT_  16 /* the check's bits behind two bytes that were written over */
#define TAG_MET_MASK_    ((1ull << TAG_LEFT_SHIFT_) - 1)

/* A key for a new arming. Not hook-safe. */
uint64_t memtrack_tag_key(void);

/* Multiply, fold, multiply: the finisher of MurmurHash3 (Appleby), cut to what spreads any one bit over the upper half. It is in
   the way of every release, and each further multiplication is there to be waited for. */
static inline uint64_t
memtrack_tag_check_(uint64_t key, const void *block, uint64_t slack, uint32_t site)
{
  uint64_t x = ((uintptr_t)block ^ key) + (slack << 16 | site) * 0x9e3779b97f4a7c15u;
  return (x ^ x >> 33) * 0xff51afd7ed558ccdu >> (64 - TAG_CHECK_BITS_);
}

/* Tags a block of `size` bytes with `usable` of them, usable - size at least MEMTRACK_TAG_SIZE. */
static inline void
memtrack_tag_write(void *block, uint64_t usable, uint64_t size, uint32_t site, uint64_t key)
{
  uint64_t slack = usable - size;
  uint64_t code  = slack - MEMTRACK_TAG_SIZE;
  uint64_t check = memtrack_tag_check_(key, block, slack, site);
  char *end      = (char *)block + usable;
  if (code >= TAG_SLACK_LONG_) {
    uint64_t word = slack << TAG_LEFT_SHIFT_ | (check & TAG_MET_MASK_);
    memcpy(end - 16, &word, sizeof(word));
    code = TAG_SLACK_LONG_;
  }
  uint64_t tag = check | code << TAG_SLACK_SHIFT_ | (uint64_t)site << TAG_SITE_SHIFT_;
  memcpy(end - MEMTRACK_TAG_SIZE, &tag, sizeof(tag));
}

/* What stands where a tag would be, and in what it differs from a tag of this key; all ones where it cannot be one. */
static inline __attribute__((always_inline)) uint64_t
memtrack_tag_compare_(const void *block, uint64_t usable, uint64_t key, uint32_t *site, uint64_t *size)
{
  if (usable < MEMTRACK_TAG_SIZE) {
    return UINT64_MAX;
  }
  uint64_t tag;
  const char *end = (const char *)block + usable;
  memcpy(&tag, end - MEMTRACK_TAG_SIZE, sizeof(tag));
  uint64_t slack = (tag >> TAG_SLACK_SHIFT_ & TAG_SLACK_LONG_) + MEMTRACK_TAG_SIZE;
  uint64_t copy  = 0; /* in what it differs */
  if (slack == TAG_SLACK_LONG_ + MEMTRACK_TAG_SIZE) {
    if (usable < 16) {
      return UINT64_MAX;
    }
    uint64_t word;
    memcpy(&word, end - 16, sizeof(word));
    slack = word >> TAG_LEFT_SHIFT_;
    copy  = (word ^ tag) & TAG_MET_MASK_;
  }
  *site          = tag >> TAG_SITE_SHIFT_;
  *size          = usable - slack;
  uint64_t check = tag & ((1ull << TAG_CHECK_BITS_) - 1);
  return slack <= usable ? (memtrack_tag_check_(key, block, slack, *site) ^ check) | copy : UINT64_MAX;
}

/* Whether what stands where a tag would be is none, nor what is left of one, whatever the key: no site has that number. (Site 0 is
   (other) of the IOBuffers, which carry no tags.) Nearly all that was never tagged, and all of whose tag was taken off, is told by
   this alone: zero, pointers, text. `sites` is how many numbers there are, 0 aside. */
static inline bool
memtrack_tag_absent(const void *block, uint64_t usable, uint32_t sites)
{
  uint64_t tag;
  if (usable < MEMTRACK_TAG_SIZE) {
    return true;
  }
  memcpy(&tag, (const char *)block + usable - MEMTRACK_TAG_SIZE, sizeof(tag));
  return (uint32_t)(tag >> TAG_SITE_SHIFT_) - 1 >= sites;
}

/* Reads a block's tag. False where it has none of this key. */
static inline bool
memtrack_tag_read(const void *block, uint64_t usable, uint64_t key, uint32_t *site, uint64_t *size)
{
  return memtrack_tag_compare_(block, usable, key, site, size) == 0;
}

/* Whether a block that has no tag had one, of which one or two bytes were written over. Not exact: one block in 2^28 that never had
   a tag seems to have had one, so only blocks are asked about that probably did. */
static inline bool
memtrack_tag_damaged(const void *block, uint64_t usable, uint64_t key, uint32_t *site, uint64_t *size)
{
  return memtrack_tag_compare_(block, usable, key, site, size) >> TAG_LEFT_SHIFT_ == 0;
}

/* What of a tagged block's usable size its user may use: all but the tag, and the slack before it where that is long. */
static inline uint64_t
memtrack_tag_room(uint64_t usable, uint64_t size)
{
  return usable - (usable - size - MEMTRACK_TAG_SIZE >= TAG_SLACK_LONG_ ? 2 * MEMTRACK_TAG_SIZE : MEMTRACK_TAG_SIZE);
}

/* Takes a tag off. Before a block goes back to the allocator: what is made of its bytes must not look tagged. Every bit is turned,
   so that a second release can still say whose block it was. */
static inline void
memtrack_tag_clear(void *block, uint64_t usable)
{
  uint64_t tag;
  char *at = (char *)block + usable - MEMTRACK_TAG_SIZE;
  memcpy(&tag, at, sizeof(tag));
  tag = ~tag;
  memcpy(at, &tag, sizeof(tag));
}

/* Whether a tag was taken off here, and nothing was written since. */
static inline bool
memtrack_tag_spent(void *block, uint64_t usable, uint64_t key, uint32_t *site, uint64_t *size)
{
  if (usable < MEMTRACK_TAG_SIZE) {
    return false;
  }
  memtrack_tag_clear(block, usable);
  bool spent = memtrack_tag_read(block, usable, key, site, size);
  memtrack_tag_clear(block, usable);
  return spent;
}

#ifdef __cplusplus
}
#endif

#endif
