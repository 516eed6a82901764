/* SPDX-License-Identifier: Apache-2.0
 *
 * The release of a block that may carry a plugin's tag: whoever releases it, it is charged to the site that allocated it.
 */
#ifndef MEMTRACK_RELEASE_H
#define MEMTRACK_RELEASE_H

#include "base/compiler.h"
#include "hook/block.h"
#include "hook/state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Learns how the C library marks what is released. init-only. */
void memtrack_release_open(void);

/* Releases a block that has a tag of this key, which is not that of the function that is called: it was allocated by another
   family. False where it has none. hook-safe. */
bool memtrack_release_tagged(void *block, uint64_t usable, uint64_t key);

/* Whether the block holds the mark that the C library gives to blocks in a thread's cache. No proof that the block is there: a
   thread that ends gives its cache back with the marks in it, and whoever is given such a block need not write over the mark.
   hook-safe. */
MT_INLINE bool
memtrack_release_marked(const void *block, uint64_t usable)
{
  uintptr_t mark = memtrack_hooks.freed_mark;
  return mark && usable >= 2 * sizeof(mark) && ((const uintptr_t *)block)[1] == mark;
}

/* A block without a plugin's tag is released by a plugin, with a function of class `cls`: is it OpenSSL's, damaged, free already?
   The latter two are said and counted. What remains is foreign. hook-safe. */
void memtrack_release_untagged(void *block, uint64_t usable, uint32_t cls);

/* A plugin releases a block that is the server's or the C library's, or older than the arming: counted apart, where the allocations
   of that class are tracked. hook-safe. */
MT_INLINE void
memtrack_release_foreign(uint64_t usable, uint32_t cls)
{
  if (cls != MEMTRACK_CLASS_HEAP || memtrack_hooks_get(heap)) {
    memtrack_account_free_untagged(cls, usable);
  }
}

#define MEMTRACK_RELEASE_BY_OTHERS MEMTRACK_CLASS_COUNT

/* Takes the tag off a block that is about to be released, and accounts it. `cls` is that of the function by which a plugin releases
   it; what others release is not looked at twice. For a block that most likely has a tag. hook-safe. */
MT_INLINE void
memtrack_release_likely(void *block, uint64_t usable, uint32_t cls)
{
  uint32_t birth;
  uint64_t size;
  if (memtrack_block_untag(block, usable, memtrack_hooks_get(key), &birth, &size)) {
    memtrack_account_free(birth, size);
  } else if (cls != MEMTRACK_RELEASE_BY_OTHERS) {
    memtrack_release_untagged(block, usable, cls);
  }
}

/* The same of a block that most likely has none: a look at one word tells most of them. hook-safe. */
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
