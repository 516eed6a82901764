/* SPDX-License-Identifier: Apache-2.0
 *
 * The release of a block that may have a plugin's tag: it is charged to the site that allocated the block, whoever releases it.
 */
#ifndef MEMTRACK_RELEASE_H
#define MEMTRACK_RELEASE_H

#include "base/compiler.h"
#include "hook/block.h"
#include "hook/state.h"
#include "owner/context.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Finds out how the C library marks released blocks. init-only. */
void memtrack_release_open(void);

/* Releases a block with a tag of this key, which is not the key of the called function: another family of functions allocated
   it. Returns false if it has no such tag. hook-safe. */
bool memtrack_release_tagged(void *block, uint64_t usable, uint64_t key);

/* Whether the block has the mark that the C library gives to blocks in a thread's cache. This does not prove that the block is
   cached: a thread that ends returns its cache with the marks, and a later user of such a block need not overwrite the mark.
   hook-safe. */
MT_INLINE bool
memtrack_release_marked(const void *block, uint64_t usable)
{
  uintptr_t mark = memtrack_hooks.freed_mark;
  return mark && usable >= 2 * sizeof(mark) && ((const uintptr_t *)block)[1] == mark;
}

/* Whether the release of a block is to be counted: tracking is on, and the call is not part of one that is counted. hook-safe. */
MT_INLINE bool
memtrack_release_is_counted(void)
{
  return memtrack_hooks_get(armed) && !memtrack_context.inside;
}

/* Whether a program was told how much room a block has: it may keep pointers behind the part that it asked for. */
extern bool memtrack_rooms_told MT_HIDDEN;

/* malloc_usable_size(), without what memtrack wrote there: a program may use all bytes that the allocator reports. hook-safe. */
MT_INLINE size_t
memtrack_release_room(void *block)
{
  if (!block || !memtrack_release_is_counted()) {
    return malloc_usable_size(block);
  }
  if (!memtrack_load(&memtrack_rooms_told)) {
    memtrack_store(&memtrack_rooms_told, true);
  }
  return memtrack_block_room(block, memtrack_hooks_get(key));
}

/* Instead of a class: a release by the server or a library, of which only the tag is examined. */
#define MEMTRACK_RELEASE_BY_OTHERS MEMTRACK_CLASS_COUNT

/* Handles a block without a plugin's usual tag that is released with a function of class `cls`. It may have a guard. Otherwise, if
   a plugin releases it, it may belong to OpenSSL, be free already, which is counted and reported, or seem to be damaged, which is
   charged to its site; or it is foreign. hook-safe. */
void memtrack_release_untagged(void *block, uint64_t usable, uint32_t cls);

/* Counts the release by a plugin of a block of the server or the C library, or of a block older than the arming, separately, if
   allocations of that class are tracked. hook-safe. */
MT_INLINE void
memtrack_release_foreign(uint64_t usable, uint32_t cls)
{
  if (cls != MEMTRACK_CLASS_HEAP || memtrack_hooks_get(heap)) {
    memtrack_account_free_untracked(memtrack_attributes(cls, 0, memtrack_context.owner), usable);
  }
}

/* Removes the tag of a block about to be released, and counts the release. `cls` is the class of the function with which a
   plugin releases it. For a block that probably has a tag. hook-safe. */
MT_INLINE void
memtrack_release_likely(void *block, uint64_t usable, uint32_t cls)
{
  uint32_t birth;
  uint64_t size;
  if (memtrack_block_untag(block, usable, memtrack_hooks_get(key), &birth, &size)) {
    memtrack_account_free(birth, size);
  } else {
    memtrack_release_untagged(block, usable, cls);
  }
}

/* Same, for a block that probably has no tag: reading one word decides most cases. hook-safe. */
MT_INLINE void
memtrack_release(void *block, uint32_t cls)
{
  if (block == NULL) {
    return;
  }
  uint64_t usable = malloc_usable_size(block);
  bool by_plugin  = cls != MEMTRACK_RELEASE_BY_OTHERS;
  if (!memtrack_tag_absent(block, usable) || (by_plugin && MT_UNLIKELY(memtrack_release_marked(block, usable)))) {
    memtrack_release_likely(block, usable, cls);
  } else if (by_plugin) {
    memtrack_release_foreign(usable, cls);
  }
}

#ifdef __cplusplus
}
#endif

#endif
