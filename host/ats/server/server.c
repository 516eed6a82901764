/* SPDX-License-Identifier: Apache-2.0 */
#include "server/server.h"

#include <stddef.h>
#include <string.h>

/* Symbols are C++ names as the linker sees them. In 9.2 and in a 10 of shared libraries the first two are imported from libtscore
   through slots, and the program has the level in its own variable (a copy relocation of libtscore's); in a static 10 all are in
   the program. From 10.0.6 on the two callers of dump have no symbol (an unnamed namespace). */
#define SAME_IN_ALL                                                                                                                \
  .increment = "_ZN15ResourceTracker9incrementEPKcl", .dump = "_ZN15ResourceTracker4dumpEP8_IO_FILE", .level = "res_track_memory", \
  .log_folder = "_Z19RecConfigReadLogDirB5cxx11v", .signal = "_ZN18SignalContinuation8periodicEiP5Event",                          \
  .timer = "_ZN19TrackerContinuation8periodicEiP5Event"

/* Into which the compiler puts those two. */
#define IN_HDR_HEAP "_ZN7HdrHeap12allocate_objEii", "_ZN7HdrHeap12allocate_strEi", "_ZN7HdrHeap18coalesce_str_heapsEi"

static const struct memtrack_server servers[] = {
  {
    .versions = {"9.2."},
    SAME_IN_ALL,
    .freelists  = "ink_freelists_dump",
    .allocators = {"ats_malloc", "ats_calloc", "ats_realloc", "ats_memalign", "ats_track_malloc", "ats_track_realloc", "_xstrdup",
                   "_Z17ats_unique_mallocm", "_ZN7jearena23JemallocNodumpAllocator8allocateEP12_InkFreeList"},
    .freelist_tables = {"ink_freelist_freelist_ops", "ink_freelist_malloc_ops"},
    .header_heaps    = {"_Z11new_HdrHeapi", "_Z14new_HdrStrHeapi", IN_HDR_HEAP},
  },
  {
    .versions = {"10.0.", "10.1.", "10.2."},
    SAME_IN_ALL,
    .freelists  = "_Z18ink_freelists_dumpP8_IO_FILE",
    .allocators = {"_Z10ats_mallocm", "_Z10ats_callocmm", "_Z11ats_reallocPvm", "_Z12ats_memalignmm", "_Z16ats_track_mallocmPm",
                   "_Z17ats_track_reallocPvmPmS0_", "_Z8_xstrdupPKciS0_", "_Z17ats_unique_mallocm",
                   "_ZN7jearena23JemallocNodumpAllocator8allocateEP12_InkFreeList",
                   "_ZN12je_mi_malloc19JeMiNodumpAllocator8allocateEP12_InkFreeList"},
    .freelist_tables = {"_Z25ink_freelist_freelist_opsv", "_Z23ink_freelist_malloc_opsv"},
    .header_heaps    = {"_Z11new_HdrHeapi", "_ZN10HdrStrHeap5allocEi", IN_HDR_HEAP},
    .has_yaml        = true,
  },
};

const struct memtrack_server *
memtrack_server_find(const char *version)
{
  for (size_t i = 0; version && i < sizeof(servers) / sizeof(servers[0]); ++i) {
    for (const char *const *known = servers[i].versions; *known; ++known) {
      if (strncmp(version, *known, strlen(*known)) == 0) {
        return &servers[i];
      }
    }
  }
  return NULL;
}

const char *
memtrack_server_versions(void)
{
  return "9.2.x, 10.0.x, 10.1.x, 10.2.x";
}
