/* SPDX-License-Identifier: Apache-2.0
 *
 * Releases that no hook saw: by a pointer to the allocator's function that memtrack did not hand out. Such a block keeps its tag,
 * and its place in its row. If the allocator hands the block out again and the tag is still valid, the release is proved: the block
 * is counted out of its row then, and its site is noted, because a search for references would call such blocks lost
 * (assembly/model/findings.ts).
 *
 * Not every such block is met: calloc() clears it, a block that the allocator cuts or joins ends elsewhere, an unseen user may
 * write to its end, and it may never be used again.
 */
#ifndef MEMTRACK_UNSEEN_H
#define MEMTRACK_UNSEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "core/tag.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Examines a block that was just allocated and may have a tag. hook-safe. */
void memtrack_unseen_examine(void *block, uint64_t usable);

/* Same, for any block that was just allocated, MEMTRACK_TAG_SIZE bytes longer at least: a word decides nearly always. hook-safe. */
MT_INLINE void
memtrack_unseen_look(void *block, uint64_t usable)
{
  if (MT_UNLIKELY(!memtrack_tag_is_none_(memtrack_tag_word_(block, usable)))) {
    memtrack_unseen_examine(block, usable);
  }
}

/* Number of blocks that were met so far. Any thread. */
uint64_t memtrack_unseen_count(void);

/* The next site noted since the last call; MEMTRACK_SITE_UNKNOWN if there is none. task-thread. */
uint32_t memtrack_unseen_next(void);

#ifdef __cplusplus
}
#endif

#endif
