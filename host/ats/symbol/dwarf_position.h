/* SPDX-License-Identifier: Apache-2.0
 *
 * Source positions from debug information: the file and the line of a call. Paths are reported as the compiler wrote them; no
 * source file is opened. None is hook-safe: libdw allocates and reads.
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

/* Position of a call from the unit's line table: the last row at or before the address that has a line (compiler-generated code
   has line 0). */
bool memtrack_position_of_call(Dwarf_Die *unit, uint64_t address, struct memtrack_position *position);

/* Position at which an inlined function was called. */
bool memtrack_position_of_inlined(Dwarf_Die *inlined, struct memtrack_position *position);

/* Path of a file by its number in the attribute's unit; NULL if it is missing, or if there is no attribute. */
const char *memtrack_position_file(Dwarf_Attribute *attribute);

#ifdef __cplusplus
}
#endif

#endif
