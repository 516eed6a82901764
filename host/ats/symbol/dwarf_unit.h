/* SPDX-License-Identifier: Apache-2.0
 *
 * The debug information of a module by its units, one for each source that was compiled: which unit has an address, and which
 * functions in its tree are around it. The units' code ranges are read when it is opened, all else when it is asked for.
 *
 * libdw is never let open a file by itself: it maps what it opens, and waits for a fifo. So what is shared with other modules is
 * opened here, and .dwo files (-gsplit-dwarf), which cannot be handed to it, are not read: such a unit has lines, and no functions.
 *
 * libdw rather than libdwfl: the latter maps files, may ask a debuginfod server, and finds no unit of a compiler that writes no
 * .debug_aranges (clang). None is hook-safe: it allocates and reads.
 */
#ifndef MEMTRACK_DWARF_UNIT_H
#define MEMTRACK_DWARF_UNIT_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbol/elf_file.h"
#include "symbol/range.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACK_SCOPES_MAX 256 /* functions inlined into each other; what is deeper is not seen */

struct memtrack_unit {
  struct memtrack_range range;
  Dwarf_Die die; /* it has the line table, and the tree of functions below it */
};

/* A unit is in it once for each of its ranges. */
struct memtrack_units {
  Dwarf *dwarf, *shared;
  struct memtrack_elf shared_file;
  struct memtrack_unit *sorted;
  size_t count;
};

/* Reads the units of a file, which stays open as long as they are used; none where it has no debug information, or none that can be
   read. `root` is where shared debug information is (elf_debug.h). */
void memtrack_units_open(struct memtrack_units *units, const struct memtrack_elf *file, const char *root);

void memtrack_units_close(struct memtrack_units *units);

/* The next unit that can hold code, from *cu NULL on. */
bool memtrack_units_next(const struct memtrack_units *units, Dwarf_CU **cu, Dwarf_Die *die);

/* The one that holds an address; NULL for none. */
struct memtrack_unit *memtrack_units_at(const struct memtrack_units *units, uint64_t address);

/* The functions around an address, outermost first, at most MEMTRACK_SCOPES_MAX of them. Returns how many. */
size_t memtrack_unit_scopes(struct memtrack_unit *unit, uint64_t address, Dwarf_Die *scopes);

#ifdef __cplusplus
}
#endif

#endif
