/* SPDX-License-Identifier: Apache-2.0
 *
 * The tag: 8 bytes at the end of a block's usable size, which say who allocated it and how much was asked for. A release finds
 * them without a pointer map or a lock; the pointer stays malloc's own, so a release that bypasses us only
 * stays in its row; but for a sized one, where the allocator trusts the size.
 *
 *    p            p+size                      p+usable-8    p+usable
 *    ┌────────────┬─ ─ ─ ─ ─┬────────────────┬────────────┐
 *    │ the user's │ padding  │ slack, if long │ tag        │     slack = usable - size, at least 8
 *    └────────────┴─ ─ ─ ─ ─┴────────────────┴────────────┘
 *
 *    tag = site 16 bits | epoch 7 bits | slack code 4 bits | check 37 bits
 *
 * Site and epoch are the block's birth (assembly/abi.ts). A slack of 8 to 22 bytes is its code (0 to 14); with a longer one (code
 * 15) there is room for it in the 8 bytes before the tag, whatever the allocator rounds to. The check is a keyed hash of all of it
 * and of the block's address, so a block that was never tagged, one tagged in an earlier arming (the key is another) and one whose
 * tag was written over are all recognised, but for one in 2^37 of those whose last word begins with a site's number: what blocks
 * mostly end with, zeros, small numbers, pointers, has site 0 there, of IOBuffers, which have no tag; and few of all other numbers
 * are given. Who writes one or two bytes past the end meets the check's lowest bits first, and what is left of it (21 bits) still
 * tells whose block it was. A long slack stands behind a copy of those bits, so that there too they are what is met.
 *
 * All functions are hook-safe.
 */
#ifndef MEMTRACK_TAG_H
#define MEMTRACK_TAG_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/hash.h"
#include "core_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACK_TAG_SIZE 8u

#define TAG_BIRTH_SHIFT_ 41
#define TAG_BIRTH_BITS_  23
#define TAG_SLACK_SHIFT_ 37
#define TAG_SLACK_LONG_  15u
#define TAG_CHECK_BITS_  37
#define TAG_LEFT_SHIFT_  16 /* the check's bits behind two bytes that were written over */
#define TAG_MET_MASK_    ((1ull << TAG_LEFT_SHIFT_) - 1)

/* Births that there can be, from site 1 on: of the sites that the registry has given. For the quick look at a word. */
extern uint32_t memtrack_tag_births MT_HIDDEN;

/* A key for a new arming. Not hook-safe. */
uint64_t memtrack_tag_key(void);

/* Multiply, fold, multiply: the finisher of MurmurHash3 (Appleby), cut to what spreads any one bit over the upper half. It is in
   the way of every release, and each further multiplication is there to be waited for. */
static inline uint64_t
memtrack_tag_check_(uint64_t key, const void *block, uint64_t slack, uint32_t birth)
{
  uint64_t x = ((uintptr_t)block ^ key) + (slack << TAG_BIRTH_BITS_ | birth) * MEMTRACK_HASH_FACTOR;
  return (x ^ x >> 33) * 0xff51afd7ed558ccdu >> (64 - TAG_CHECK_BITS_);
}

/* Tags a block of `size` bytes with `usable` of them, usable - size at least MEMTRACK_TAG_SIZE. */
static inline void
memtrack_tag_write(void *block, uint64_t usable, uint64_t size, uint32_t birth, uint64_t key)
{
  uint64_t slack = usable - size;
  uint64_t code  = slack - MEMTRACK_TAG_SIZE;
  uint64_t check = memtrack_tag_check_(key, block, slack, birth);
  char *end      = (char *)block + usable;
  if (code >= TAG_SLACK_LONG_) {
    uint64_t word = slack << TAG_LEFT_SHIFT_ | (check & TAG_MET_MASK_);
    memcpy(end - 16, &word, sizeof(word));
    code = TAG_SLACK_LONG_;
  }
  uint64_t tag = check | code << TAG_SLACK_SHIFT_ | (uint64_t)birth << TAG_BIRTH_SHIFT_;
  memcpy(end - MEMTRACK_TAG_SIZE, &tag, sizeof(tag));
}

/* A quick look at a word: it is no tag, nor what is left of one, whatever the key, for no site was ever given that number. (Site 0
   is (other) of the IOBuffers, which carry no tags; that of the tagged classes has numbers below MEMTRACK_SITE_FIRST. Whether the
   epoch has come yet would be as quick, and rejects less than half of what is left.) */
static inline bool
memtrack_tag_is_none_(uint64_t tag)
{
  return (uint32_t)(tag >> TAG_BIRTH_SHIFT_) - (1u << MEMTRACK_EPOCH_BITS) >= memtrack_load(&memtrack_tag_births);
}

/* What stands where a tag would be, and in what it differs from a tag of this key; all ones where it cannot be one. */
MT_INLINE uint64_t
memtrack_tag_compare_(const void *block, uint64_t usable, uint64_t key, uint32_t *birth, uint64_t *size)
{
  if (usable < MEMTRACK_TAG_SIZE) {
    return UINT64_MAX;
  }
  uint64_t tag;
  const char *end = (const char *)block + usable;
  memcpy(&tag, end - MEMTRACK_TAG_SIZE, sizeof(tag));
  *birth = tag >> TAG_BIRTH_SHIFT_;
  if (memtrack_tag_is_none_(tag)) {
    return UINT64_MAX;
  }
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
  *size          = usable - slack;
  uint64_t check = tag & ((1ull << TAG_CHECK_BITS_) - 1);
  return slack <= usable ? (memtrack_tag_check_(key, block, slack, *birth) ^ check) | copy : UINT64_MAX;
}

/* Whether a block has no tag, by the quick look alone: true of nearly all that was never tagged (zeros, pointers, text), and of all
   whose tag was taken off. */
static inline bool
memtrack_tag_absent(const void *block, uint64_t usable)
{
  uint64_t tag;
  if (usable < MEMTRACK_TAG_SIZE) {
    return true;
  }
  memcpy(&tag, (const char *)block + usable - MEMTRACK_TAG_SIZE, sizeof(tag));
  return memtrack_tag_is_none_(tag);
}

/* Reads a block's tag. False where it has none of this key. */
static inline bool
memtrack_tag_read(const void *block, uint64_t usable, uint64_t key, uint32_t *birth, uint64_t *size)
{
  return memtrack_tag_compare_(block, usable, key, birth, size) == 0;
}

/* Whether a block that has no tag had one, of which one or two bytes were written over. Not exact: one block in 2^21 that never had
   a tag seems to have had one, so only blocks are asked about that probably did. */
static inline bool
memtrack_tag_damaged(const void *block, uint64_t usable, uint64_t key, uint32_t *birth, uint64_t *size)
{
  return memtrack_tag_compare_(block, usable, key, birth, size) >> TAG_LEFT_SHIFT_ == 0;
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
memtrack_tag_spent(void *block, uint64_t usable, uint64_t key, uint32_t *birth, uint64_t *size)
{
  if (usable < MEMTRACK_TAG_SIZE) {
    return false;
  }
  memtrack_tag_clear(block, usable);
  bool spent = memtrack_tag_read(block, usable, key, birth, size);
  memtrack_tag_clear(block, usable);
  return spent;
}

#ifdef __cplusplus
}
#endif

#endif
