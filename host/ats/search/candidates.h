/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks that have no tag, and whose addresses memtrack's tables have: objects, and mappings of plugins.
 */
#ifndef MEMTRACK_SEARCH_CANDIDATES_H
#define MEMTRACK_SEARCH_CANDIDATES_H

#include <stdbool.h>

#include "core/instance.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reserves room for the copies. Returns 0 or -1. Of the search's thread. Not hook-safe. */
int memtrack_candidates_open(void);
void memtrack_candidates_close(void);

/* Tells the core all of them. Takes no lock. Returns false if a table changed faster than it could be copied. Within
   memtrack_guarded(), not hook-safe. */
bool memtrack_candidates_offer(struct memtrack_core *core);

struct memtrack_candidate {
  uint64_t start, size; /* a size that is not known is MEMTRACK_OBJECT_UNKNOWN */
  uint32_t birth;
  bool mapped; /* a mapping, not an object */
};

/* Tells the mapping that an address lies in, as it was when they were offered, or the object. Returns false if it is in none. Takes
   no lock. Of the search's thread, not hook-safe. */
bool memtrack_candidates_at(uint64_t address, struct memtrack_candidate *found);

#ifdef __cplusplus
}
#endif

#endif
