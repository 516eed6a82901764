/* SPDX-License-Identifier: Apache-2.0
 *
 * The release of a block that may carry a plugin's tag: whoever releases it, it is charged to the site that allocated it.
 */
#ifndef MEMTRACK_RELEASE_H
#define MEMTRACK_RELEASE_H

#include "block.h"
#include "plugins.h"

/* A block without a tag is released by a plugin: was it damaged? Says and counts it. hook-safe. */
void memtrack_release_untagged(void *block, uint64_t usable);

/* Takes the tag off a block that is about to be released, and accounts it. `by_plugin`: what has no tag is looked at again.
   hook-safe. */
INLINE_ void
memtrack_release(void *block, bool by_plugin)
{
  uint32_t site;
  uint64_t size;
  if (block == NULL) {
    return;
  }
  uint64_t usable = malloc_usable_size(block);
  if (memtrack_block_untag(block, usable, atomic_load_explicit(&memtrack_plugins.key, memory_order_relaxed), &site, &size)) {
    memtrack_account_free(site, size);
  } else if (by_plugin) {
    memtrack_release_untagged(block, usable);
  }
}

#endif
