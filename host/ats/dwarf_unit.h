/* SPDX-License-Identifier: Apache-2.0
 *
 * The debug information of a module by its units, one for each source that was compiled: which unit has an address, and which
 * functions in its tree are around it. The units' code ranges are read when it is opened, all else when it is asked for.
 *
 * libdw rather than libdwfl: the latter maps files, may ask a debuginfod server, and finds no unit of a compiler that writes no
 * .debug_aranges (clang). Not hook-safe: it allocates and reads.
 */
#ifndef MEMTRACK_DWARF_UNIT_H
#define MEMTRACK_DWARF_UNIT_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "range.h"

#define MEMTRACK_SCOPES_MAX 256 /* functions inlined into each other; what is deeper is not seen */

struct memtrack_unit {
  struct memtrack_range range;
  Dwarf_Die lines; /* the unit's own entry, which has the line table */
  Dwarf_Die tree;  /* the same, but of a split unit the entry in the .dwo file */
};

/* A unit is in it once for each of its ranges. */
struct memtrack_units {
  Dwarf *dwarf;
  struct memtrack_unit *sorted;
  size_t count;
};

/* Reads the units of a file, which stays open as long as they are used; none where it has no debug information, or none that can be
   read. */
void memtrack_units_open(struct memtrack_units *units, Elf *elf);

void memtrack_units_close(struct memtrack_units *units);

/* The next unit that can hold code, from *cu NULL on. A split unit whose .dwo file is not there has its lines all the same. */
bool memtrack_units_next(const struct memtrack_units *units, Dwarf_CU **cu, Dwarf_Die *lines, Dwarf_Die *tree);

/* The one that holds an address; NULL for none. */
struct memtrack_unit *memtrack_units_at(const struct memtrack_units *units, uint64_t address);

/* The functions around an address, outermost first, at most MEMTRACK_SCOPES_MAX of them. Returns how many. */
size_t memtrack_unit_scopes(struct memtrack_unit *unit, uint64_t address, Dwarf_Die *scopes);

#endif
