/* SPDX-License-Identifier: Apache-2.0
 *
 * The loaded segments of a module (PT_LOAD), from dl_iterate_phdr(). All are hook-safe: they read data passed by the loader.
 * Includes need _GNU_SOURCE.
 */
#ifndef MEMTRACK_SEGMENT_H
#define MEMTRACK_SEGMENT_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct memtrack_segment {
  uintptr_t from, to;
  uint32_t flags; /* PF_... */
};

/* The segment of a program header, by number. Returns false if the segment is not loaded. */
static inline bool
memtrack_segment_get(const struct dl_phdr_info *info, int number, struct memtrack_segment *segment)
{
  const ElfW(Phdr) *header = &info->dlpi_phdr[number];
  segment->from            = info->dlpi_addr + header->p_vaddr;
  segment->to              = segment->from + header->p_memsz;
  segment->flags           = header->p_flags;
  return header->p_type == PT_LOAD;
}

/* Whether an address is in a segment of the module. */
static inline bool
memtrack_segments_contain(const struct dl_phdr_info *info, const void *address)
{
  struct memtrack_segment segment;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    if (memtrack_segment_get(info, i, &segment) && (uintptr_t)address - segment.from < segment.to - segment.from) {
      return true;
    }
  }
  return false;
}

#ifdef __cplusplus
}
#endif

#endif
