/* SPDX-License-Identifier: Apache-2.0
 *
 * The tag: 8 bytes at the end of a block's usable size that identify the allocating site and the requested size. A release reads
 * them without a pointer map or a lock. The pointer stays malloc's own, so a release that bypasses memtrack is harmless: the block
 * merely stays in its row. The exception is a sized release, where the allocator relies on the size.
 *
 *    p            p+size                      p+usable-8    p+usable
 *    ┌────────────┬─ ─ ─ ─ ─┬────────────────┬────────────┐
 *    │ the user's │ padding  │ slack, if long │ tag        │     slack = usable - size, at least 8
 *    └────────────┴─ ─ ─ ─ ─┴────────────────┴────────────┘
 *
 *    tag = site 16 bits | epoch 7 bits | slack code 4 bits | check 37 bits
 *
 * Site and epoch are the block's birth (assembly/abi.ts). A slack of 8 to 22 bytes is stored as its code (0 to 14). With a longer
 * slack (code 15) the 8 bytes before the tag are free to hold it, whatever the allocator's rounding. The check is a keyed hash of
 * all fields and of the block's address. It detects blocks that were never tagged, tags from an earlier arming (which had another
 * key) and overwritten tags. It fails for one in 2^37 of the blocks whose last word begins with an assigned site number. That is
 * rare already: most blocks end with zeros, small numbers or pointers, which have site 0 there, the site of untagged IOBuffers; and
 * few of the other numbers are assigned. An overrun of one or two bytes overwrites the lowest bits of the check, and the remaining
 * 21 bits still tell the block's site. A long slack is preceded by a copy of these bits, so that an overrun there overwrites the
 * copy.
 *
 * 21 bits are enough to charge a release, but not to accuse a plugin. A block of a watched site (hook/watch.h) is allocated
 * MEMTRACK_TAG_GUARDED bytes longer and has a guard as well:
 *
 *    p            p+size       p+size+8        p+usable-40    p+usable-16    p+usable-8    p+usable
 *    ┌────────────┬────────────┬─ ─ ─ ─ ─ ─ ─ ─┬──────────────┬──────────────┬─────────────┐
 *    │ the user's │ zone       │ padding       │ fence        │ slack, copy  │ tag         │
 *    └────────────┴────────────┴─ ─ ─ ─ ─ ─ ─ ─┴──────────────┴──────────────┴─────────────┘
 *
 * Its copy is inverted: the block's own tag says that it has a guard. Zone and fence are keyed hashes. With an intact tag (37
 * bits), the inverted copy (16) and an intact fence (192), a zone that differs is an overrun of this block.
 *
 * All functions are hook-safe, except memtrack_tag_key().
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

#define TAG_MET_MASK_ ((1ull << MEMTRACK_TAG_LEFT_SHIFT) - 1)

/* Upper bound of existing births, counted from site 1: depends on the sites registered so far. For the quick test of a word. */
extern uint32_t memtrack_tag_births MT_HIDDEN;

/* Returns a key for a new arming. Not hook-safe. */
uint64_t memtrack_tag_key(void);

/* Multiply, fold, multiply: the finisher of MurmurHash3 (Appleby), reduced to the steps that spread any single bit over the
   upper half. Every release waits for it, and each further multiplication would add its latency. */
static inline uint64_t
memtrack_tag_check_(uint64_t key, const void *block, uint64_t slack, uint32_t birth)
{
  uint64_t x = ((uintptr_t)block ^ key) + (slack << MEMTRACK_TAG_BIRTH_BITS | birth) * MEMTRACK_HASH_FACTOR;
  return (x ^ x >> 33) * 0xff51afd7ed558ccdu >> (64 - MEMTRACK_TAG_CHECK_BITS);
}

/* Tags a block of `size` bytes with `usable` usable bytes; usable - size must be at least MEMTRACK_TAG_SIZE. */
static inline void
memtrack_tag_write(void *block, uint64_t usable, uint64_t size, uint32_t birth, uint64_t key)
{
  uint64_t slack = usable - size;
  uint64_t code  = slack - MEMTRACK_TAG_SIZE;
  uint64_t check = memtrack_tag_check_(key, block, slack, birth);
  char *end      = (char *)block + usable;
  if (code >= MEMTRACK_TAG_SLACK_LONG) {
    uint64_t word = slack << MEMTRACK_TAG_LEFT_SHIFT | (check & TAG_MET_MASK_);
    memcpy(end - 16, &word, sizeof(word));
    code = MEMTRACK_TAG_SLACK_LONG;
  }
  uint64_t tag = check | code << MEMTRACK_TAG_SLACK_SHIFT | (uint64_t)birth << MEMTRACK_TAG_BIRTH_SHIFT;
  memcpy(end - MEMTRACK_TAG_SIZE, &tag, sizeof(tag));
}

/* A quick test of a word: true if it is neither a tag nor a damaged tag, whatever the key, because its site number was never
   assigned. (Site 0 is (other) of the IOBuffers, which have no tags; the corresponding sites of the tagged classes are below
   MEMTRACK_SITE_FIRST. A test of the epoch would be as quick, but rejects less than half of the remaining words.) */
static inline bool
memtrack_tag_is_none_(uint64_t tag)
{
  return (uint32_t)(tag >> MEMTRACK_TAG_BIRTH_SHIFT) - (1u << MEMTRACK_EPOCH_BITS) >= memtrack_load(&memtrack_tag_births);
}

/* The word in the tag's place; usable must be at least MEMTRACK_TAG_SIZE. */
static inline uint64_t
memtrack_tag_word_(const void *block, uint64_t usable)
{
  uint64_t word;
  memcpy(&word, (const char *)block + usable - MEMTRACK_TAG_SIZE, sizeof(word));
  return word;
}

/* Compares the word in the tag's place, with the bits in `flip` inverted, with a tag of this key and returns the differing bits;
   all ones if it cannot be a tag. */
MT_INLINE uint64_t
memtrack_tag_compare_(const void *block, uint64_t usable, uint64_t key, uint64_t flip, uint32_t *birth, uint64_t *size)
{
  if (usable < MEMTRACK_TAG_SIZE) {
    return UINT64_MAX;
  }
  const char *end = (const char *)block + usable;
  uint64_t tag    = memtrack_tag_word_(block, usable) ^ flip;
  *birth          = tag >> MEMTRACK_TAG_BIRTH_SHIFT;
  if (memtrack_tag_is_none_(tag)) {
    return UINT64_MAX;
  }
  uint64_t slack = (tag >> MEMTRACK_TAG_SLACK_SHIFT & MEMTRACK_TAG_SLACK_LONG) + MEMTRACK_TAG_SIZE;
  uint64_t copy  = 0; /* the differing bits */
  if (slack == MEMTRACK_TAG_SLACK_LONG + MEMTRACK_TAG_SIZE) {
    if (usable < 16) {
      return UINT64_MAX;
    }
    uint64_t word;
    memcpy(&word, end - 16, sizeof(word));
    slack = word >> MEMTRACK_TAG_LEFT_SHIFT;
    copy  = ((word ^ tag) & TAG_MET_MASK_) << MEMTRACK_TAG_CHECK_BITS;
  }
  *size          = usable - slack;
  uint64_t check = tag & ((1ull << MEMTRACK_TAG_CHECK_BITS) - 1);
  return slack <= usable ? (memtrack_tag_check_(key, block, slack, *birth) ^ check) | copy : UINT64_MAX;
}

/* Whether a block has no tag, by the quick test alone: true for nearly all blocks that were never tagged (zeros, pointers, text)
   and for all blocks whose tag was removed. */
static inline bool
memtrack_tag_absent(const void *block, uint64_t usable)
{
  return usable < MEMTRACK_TAG_SIZE || memtrack_tag_is_none_(memtrack_tag_word_(block, usable));
}

/* Reads a block's tag. Returns false if it has no tag of this key, or a guard. */
static inline bool
memtrack_tag_read(const void *block, uint64_t usable, uint64_t key, uint32_t *birth, uint64_t *size)
{
  return memtrack_tag_compare_(block, usable, key, 0, birth, size) == 0;
}

/* Whether an untagged block seems to have had a tag of which one or two bytes were overwritten. Not certain: also true for one in
   2^21 of the words that begin with an assigned site. */
static inline bool
memtrack_tag_damaged(const void *block, uint64_t usable, uint64_t key, uint32_t *birth, uint64_t *size)
{
  uint64_t met = TAG_MET_MASK_ | TAG_MET_MASK_ << MEMTRACK_TAG_CHECK_BITS;
  return (memtrack_tag_compare_(block, usable, key, 0, birth, size) & ~met) == 0;
}

/* Gives a block that was just tagged a guard; usable - size must be at least MEMTRACK_TAG_GUARDED. */
void memtrack_tag_guard(void *block, uint64_t usable, uint64_t size, uint64_t key);

/* Reads the tag of a block that has a guard. Returns false for all others. */
bool memtrack_tag_read_guarded(const void *block, uint64_t usable, uint64_t key, uint32_t *birth, uint64_t *size);

/* Whether the guard of a block that has one proves an overrun. An overrun that reached the fence proves nothing: what
   filled the block may be its owner, in a life of the block that memtrack has not seen. */
bool memtrack_tag_overrun(const void *block, uint64_t usable, uint64_t size, uint64_t key);

/* Usable bytes that belong to the user of a tagged block without a guard: all but the tag, and but the slack before it if that is
   long. With a guard they are the block's size. */
static inline uint64_t
memtrack_tag_room(uint64_t usable, uint64_t size)
{
  return usable - (usable - size - MEMTRACK_TAG_SIZE >= MEMTRACK_TAG_SLACK_LONG ? 2 * MEMTRACK_TAG_SIZE : MEMTRACK_TAG_SIZE);
}

/* Removes a tag, before the block returns to the allocator: memory reused from it must not look tagged. Inverts every bit, so
   that a second release can still identify the block's site. */
static inline void
memtrack_tag_clear(void *block, uint64_t usable)
{
  uint64_t tag = ~memtrack_tag_word_(block, usable);
  memcpy((char *)block + usable - MEMTRACK_TAG_SIZE, &tag, sizeof(tag));
}

/* Puts a removed tag back. */
static inline void
memtrack_tag_restore(void *block, uint64_t usable)
{
  memtrack_tag_clear(block, usable);
}

/* Whether a tag was removed here and nothing has been written since. */
bool memtrack_tag_spent(const void *block, uint64_t usable, uint64_t key, uint32_t *birth, uint64_t *size);

#ifdef __cplusplus
}
#endif

#endif
