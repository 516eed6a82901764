/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory that a pass of the search reads: what /proc/self/maps lists and the core chooses (assembly/control/mapping.ts),
 * without memtrack's own (base/own.h), and without that of IOBuffers unless the pass reads it too. Neighbours of one kind are one
 * region. The regions are cut into pieces of MEMTRACK_PIECE bytes, which are numbered.
 *
 * The kernel holds the lock of the address space for a page of the file's text at a time. smaps, which tells where IOBuffers are,
 * takes longer: it is read once.
 *
 * Of one thread, the search's. None is hook-safe.
 */
#ifndef MEMTRACK_SEARCH_REGIONS_H
#define MEMTRACK_SEARCH_REGIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/own.h"
#include "core/instance.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACK_PIECE 65536u

/* Most regions, and most spans of IOBuffers. */
#define MEMTRACK_REGIONS_MAX 131072u
#define MEMTRACK_BUFFERS_MAX 65536u

struct memtrack_region {
  uint64_t start, end;
  uint64_t limit; /* end of its last mapping: behind `end` there may be pages of it that were never touched */
  uint64_t first; /* number of its first piece */
  bool rare;      /* only thorough passes read it: memory of IOBuffers, and files that are shared */
};

struct memtrack_regions {
  struct memtrack_region *list; /* by address */
  uint32_t count;
  uint64_t pieces; /* their number */
  uint32_t gap;    /* why something is missing, MEMTRACK_GAP_...; MEMTRACK_GAP_NONE if nothing is */
};

/* Reserves the lists. Returns 0 or -1. */
int memtrack_regions_open(struct memtrack_regions *regions);
void memtrack_regions_close(struct memtrack_regions *regions);

/* Lists the regions of this moment, those that only thorough passes read if `is_thorough`. If the process is `swapped`, pages in
   the swap count as those that are resident. Within memtrack_guarded(). */
void memtrack_regions_list(struct memtrack_core *core, struct memtrack_regions *regions, bool is_thorough, bool swapped);

/* Lists what is in `now` and not in `before`. */
void memtrack_regions_new(const struct memtrack_regions *now, const struct memtrack_regions *before,
                          struct memtrack_regions *fresh);

/* The region of an address; NULL if none has it. */
const struct memtrack_region *memtrack_regions_at(const struct memtrack_regions *regions, uint64_t address);

/* The end of the mapping that an address lies in, if that or a part before it is in a region, also of pages that were never
   touched; 0 if none has it. */
uint64_t memtrack_regions_limit(const struct memtrack_regions *regions, uint64_t address);

/* The addresses of a piece by its number, and its region. */
const struct memtrack_region *memtrack_regions_piece(const struct memtrack_regions *regions, uint64_t number,
                                                     struct memtrack_span *piece);

/* Learns where IOBuffers are: at the first call from smaps, then from the server's calls of madvise (hook/undumped.h). Memory that
   is marked once more was given back meanwhile, as by a server without freelists (its option -f): then all are read. Within
   memtrack_guarded(). */
void memtrack_regions_find_buffers(struct memtrack_core *core);

/* Tells the mapping of an address, and its name as maps has it: a path, "[heap]", or none. Returns false if nothing is mapped
   there. Within memtrack_guarded(). */
bool memtrack_regions_name(struct memtrack_core *core, uint64_t address, struct memtrack_span *mapping, char *name, size_t size);

#ifdef __cplusplus
}
#endif

#endif
