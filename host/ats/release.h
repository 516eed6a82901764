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

/* A block without a plugin's tag is released by a plugin, with a function of class `cls`: is it OpenSSL's, damaged, released
   already? The latter are said and counted. What remains is foreign (the server's, the C library's), or older than the arming; its
   release is counted apart, where the allocations of that class are tracked. hook-safe. */
void memtrack_release_untagged(void *block, uint64_t usable, uint32_t cls);

#define MEMTRACK_RELEASE_BY_OTHERS MEMTRACK_CLASS_COUNT

/* Takes the tag off a block that is about to be released, and accounts it. `cls` is that of the function by which a plugin releases
   it; what others release is not looked at twice. hook-safe. */
INLINE_ void
memtrack_release(void *block, uint32_t cls)
{
  uint32_t site;
  uint64_t size;
  if (block == NULL) {
    return;
  }
  uint64_t usable = malloc_usable_size(block);
  if (memtrack_block_untag(block, usable, atomic_load_explicit(&memtrack_plugins.key, memory_order_relaxed), &site, &size)) {
    memtrack_account_free(site, size);
  } else if (cls != MEMTRACK_RELEASE_BY_OTHERS) {
    memtrack_release_untagged(block, usable, cls);
  }
}

#endif
