/* SPDX-License-Identifier: Apache-2.0
 *
 * The release of a block that may carry a plugin's tag: whoever releases it, it is charged to the site that allocated it.
 */
#ifndef MEMTRACK_RELEASE_H
#define MEMTRACK_RELEASE_H

#include "block.h"
#include "plugins.h"

/* Learns how the C library marks what is released. init-only. */
void memtrack_release_open(void);

/* Releases a block that has a tag of this key, which is not that of the function that is called: it was allocated by another
   family. False where it has none. hook-safe. */
bool memtrack_release_tagged(void *block, uint64_t usable, uint64_t key);

/* A block without a plugin's tag is released by a plugin: is it OpenSSL's, or damaged? Says and counts the latter. hook-safe. */
void memtrack_release_untagged(void *block, uint64_t usable);

/* Takes the tag off a block that is about to be released, and accounts it. `by_plugin`: what has no tag is looked at again.
   hook-safe. */
INLINE_ void
memtrack_release(void *block, bool by_plugin)
{
  uint32_t birth;
  uint64_t size;
  if (block == NULL) {
    return;
  }
  uint64_t usable = malloc_usable_size(block);
  if (memtrack_block_untag(block, usable, atomic_load_explicit(&memtrack_plugins.key, memory_order_relaxed), &birth, &size)) {
    memtrack_account_free(birth, size);
  } else if (by_plugin) {
    memtrack_release_untagged(block, usable);
  }
}

#endif
