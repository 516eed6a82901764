/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations of every allocation hook on blocks with a tag. Inlined into each hook: as calls, these took 36 of 435 instructions of
 * a pair. All are hook-safe.
 */
#ifndef MEMTRACK_BLOCK_H
#define MEMTRACK_BLOCK_H

#include <malloc.h>

#include "base/compiler.h"
#include "core/account.h"
#include "core/tag.h"
#include "hook/state.h"
#include "hook/unseen.h"
#include "hook/watch.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Tags a block that was just allocated. */
MT_INLINE void
memtrack_block_tag(void *block, uint64_t size, uint32_t birth, uint64_t key)
{
  uint64_t usable = malloc_usable_size(block);
  memtrack_unseen_look(block, usable);
  memtrack_tag_write(block, usable, size, birth, key);
}

/* Tags a block of a sampled site and tells the sampler. Returns the birth without MEMTRACK_BIRTH_SAMPLED. */
uint32_t memtrack_block_record_sampled(void *block, uint64_t size, uint64_t key, uint64_t address, uint32_t birth);

/* Counts and tags a block of `size` bytes that was allocated MEMTRACK_TAG_SIZE longer, and has no tag of a block that lives.
   Returns its birth. */
MT_INLINE uint32_t
memtrack_block_record(void *block, uint64_t size, uint64_t key, uint64_t address, uint64_t attributes, const char *text)
{
  uint32_t birth = memtrack_account_block(address, attributes, text, size);
  if (MT_LIKELY(memtrack_birth_is_plain(birth))) {
    memtrack_block_tag(block, size, birth, key);
  } else if (birth != MEMTRACK_SITE_UNKNOWN) {
    birth = memtrack_block_record_sampled(block, size, key, address, birth);
  }
  return birth;
}

/* Same, for a block that was allocated longer by a margin of hook/watch.h. */
MT_INLINE uint32_t
memtrack_block_record_by(size_t margin, void *block, uint64_t size, uint64_t key, uint64_t address, uint64_t attributes,
                         const char *text)
{
  uint32_t birth = memtrack_block_record(block, size, key, address, attributes, text);
  if (MT_UNLIKELY(margin == MEMTRACK_TAG_GUARDED)) {
    memtrack_watch_guard(block, size, birth, key);
  }
  return birth;
}

/* Reads and removes the tag of a block without a guard. Without such a tag, *size is the usable size. */
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

/* Same, for a block that may have a guard, which is checked. */
MT_INLINE bool
memtrack_block_untag_guarded(void *block, uint64_t usable, uint64_t key, uint32_t *birth, uint64_t *size)
{
  if (memtrack_block_untag(block, usable, key, birth, size)) {
    return true;
  }
  struct memtrack_guarded guarded = memtrack_watch_untag(block, usable, key);
  *birth                          = guarded.birth;
  *size                           = guarded.size;
  return guarded.birth != MEMTRACK_SITE_UNKNOWN;
}

/* Before a plugin's call charges a block that it gets from the server: the row of the server's own heap no longer has it. */
MT_INLINE void
memtrack_block_take_over(void *block)
{
  uint32_t birth;
  uint64_t size;
  if (MT_UNLIKELY(memtrack_hooks_get(server_heap)) &&
      memtrack_block_untag_guarded(block, malloc_usable_size(block), memtrack_hooks_get(key), &birth, &size)) {
    memtrack_account_free(birth, size);
  }
}

/* A program may use all usable bytes that the allocator reports: this excludes the tag, and a guard. */
MT_INLINE uint64_t
memtrack_block_room(void *block, uint64_t key)
{
  uint32_t birth;
  uint64_t size, usable = malloc_usable_size(block);
  return memtrack_tag_read(block, usable, key, &birth, &size)           ? memtrack_tag_room(usable, size)
         : memtrack_tag_read_guarded(block, usable, key, &birth, &size) ? size
                                                                        : usable;
}

/* Changes the size of a block, tagged or not, with `resize`. The new size is charged to a site in the present epoch. The old
   size has the birth in its tag, or else the birth `untagged`; of MEMTRACK_SITE_UNKNOWN nothing is counted. Returns the result of
   `resize`, which is asked for `margin` bytes more; then *born is the new birth. */
MT_INLINE void *
memtrack_block_resize(void *block, size_t size, uint64_t key, uint64_t address, uint64_t attributes, const char *text,
                      void *(*resize)(void *, size_t, const char *), uint32_t untagged, size_t margin, uint32_t *born)
{
  size_t usable  = malloc_usable_size(block);
  uint32_t birth = MEMTRACK_SITE_UNKNOWN;
  uint64_t old_size;
  /* The tag must be removed first: if the block grew in place, it would remain in the middle of the user's data. */
  bool tagged = memtrack_block_untag_guarded(block, usable, key, &birth, &old_size);
  void *moved = resize(block, size + margin, text);
  if (MT_UNLIKELY(moved == NULL)) {
    if (tagged) { /* the old block still exists, charged to its old site */
      memtrack_tag_restore(block, usable);
    }
    return NULL;
  }
  if (tagged || untagged != MEMTRACK_SITE_UNKNOWN) {
    memtrack_account_free(tagged ? birth : untagged, old_size);
  }
  *born = memtrack_block_record_by(margin, moved, size, key, address, attributes, text);
  return moved;
}

#ifdef __cplusplus
}
#endif

#endif
