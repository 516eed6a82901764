/* SPDX-License-Identifier: Apache-2.0
 *
 * Where in the sources something stands, by debug information: the file and the line of a call. Paths are told as the compiler
 * wrote them; no source is ever opened. None is hook-safe: libdw allocates and reads.
 */
#ifndef MEMTRACK_DWARF_POSITION_H
#define MEMTRACK_DWARF_POSITION_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct memtrack_position {
  const char *file;
  int line;
};

/* Where the call is, by the line table of the unit: the last row at or before it that has a line (the compiler's own code has line
   0). */
bool memtrack_position_of_call(Dwarf_Die *unit, uint64_t address, struct memtrack_position *position);

/* Where an inlined function was called. */
bool memtrack_position_of_inlined(Dwarf_Die *inlined, struct memtrack_position *position);

/* The path of a file by its number in the attribute's unit; NULL where there is none, or no attribute. */
const char *memtrack_position_file(Dwarf_Attribute *attribute);

#ifdef __cplusplus
}
#endif

#endif
