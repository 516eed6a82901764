/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks that carry a tag: what every allocation hook does with one. Inlined into each: as calls, these took 36 of 435 instructions
 * of a pair. All are hook-safe.
 */
#ifndef MEMTRACK_BLOCK_H
#define MEMTRACK_BLOCK_H

#include <malloc.h>

#include "base/compiler.h"
#include "core/account.h"
#include "core/tag.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A block of `size` bytes that has been made MEMTRACK_TAG_SIZE longer: accounts and tags it. Returns its birth. */
MT_INLINE uint32_t
memtrack_block_record(void *block, uint64_t size, uint64_t key, uint64_t address, uint64_t attributes, const char *text)
{
  uint32_t birth = memtrack_account_alloc(address, attributes, text, size);
  if (MT_LIKELY(birth != MEMTRACK_SITE_UNKNOWN)) {
    memtrack_tag_write(block, malloc_usable_size(block), size, birth, key);
  }
  return birth;
}

/* Reads a block's tag and takes it off. Where it has none, *size is its usable size. */
MT_INLINE bool
memtrack_block_untag(void *block, uint64_t usable, uint64_t key, uint32_t *birth, uint64_t *size)
{
  if (!memtrack_tag_read(block, usable, key, birth, size)) {
    *size = usable;
    return false;
  }
  memtrack_tag_clear(block, usable);
  return true;
}

/* Changes the size of a block, tagged or not, with `resize`; the new size is charged to a site, and is born now. The old one was
   born as its tag says, or else as `untagged`. Returns what `resize` returns. */
MT_INLINE void *
memtrack_block_resize(void *block, size_t size, uint64_t key, uint64_t address, uint64_t attributes, const char *text,
                      void *(*resize)(void *, size_t, const char *), uint32_t untagged)
{
  size_t usable  = malloc_usable_size(block);
  uint32_t birth = MEMTRACK_SITE_UNKNOWN;
  uint64_t old_size;
  /* The tag goes first: grown in place, it would stand in the middle of the block, in what the user reads. */
  bool tagged = memtrack_block_untag(block, usable, key, &birth, &old_size);
  void *moved = resize(block, size + MEMTRACK_TAG_SIZE, text);
  if (MT_UNLIKELY(moved == NULL)) {
    if (tagged) { /* the old block is still there, and still its site's */
      memtrack_tag_write(block, usable, old_size, birth, key);
    }
    return NULL;
  }
  memtrack_account_free(tagged ? birth : untagged, old_size);
  memtrack_block_record(moved, size, key, address, attributes, text);
  return moved;
}

#ifdef __cplusplus
}
#endif

#endif
