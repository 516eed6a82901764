/* SPDX-License-Identifier: Apache-2.0
 *
 * Debug information of a module by units, one for each compiled source: finds the unit of an address, and the functions around the
 * address in the unit's tree. Code ranges of units are read when the module is opened, everything else on request.
 *
 * libdw must never open a file: it maps files, and waits for a FIFO. Debug information shared with other modules is therefore
 * opened here. .dwo files (-gsplit-dwarf) cannot be passed to libdw and are not read: their units have lines but no functions.
 *
 * This uses libdw, not libdwfl: libdwfl maps files, may query a debuginfod server, and finds no unit of a compiler that writes no
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

#define MEMTRACK_SCOPES_MAX 256 /* functions inlined into one another; deeper levels are ignored */

struct memtrack_unit {
  struct memtrack_range range;
  Dwarf_Die die; /* with the line table, and the tree of functions below it */
};

/* Contains a unit once for each of its ranges. */
struct memtrack_units {
  Dwarf *dwarf, *shared;
  struct memtrack_elf shared_file;
  struct memtrack_unit *sorted;
  size_t count;
};

/* Reads the units of a file, which must stay open as long as they are used. No units if it has no debug information, or none
   that can be read. `root` is the folder of shared debug information (elf_debug.h). */
void memtrack_units_open(struct memtrack_units *units, const struct memtrack_elf *file, const char *root);

void memtrack_units_close(struct memtrack_units *units);

/* Leaves them without debug information, and that unreleased: libdw had no memory, so its state is unknown. */
void memtrack_units_abandon(struct memtrack_units *units);

/* Moves to the next unit that can contain code; *cu is NULL at first. */
bool memtrack_units_next(const struct memtrack_units *units, Dwarf_CU **cu, Dwarf_Die *die);

/* The unit that contains an address; NULL if there is none. */
struct memtrack_unit *memtrack_units_at(const struct memtrack_units *units, uint64_t address);

/* The functions around an address, outermost first, at most MEMTRACK_SCOPES_MAX. Returns their number. */
size_t memtrack_unit_scopes(struct memtrack_unit *unit, uint64_t address, Dwarf_Die *scopes);

#ifdef __cplusplus
}
#endif

#endif
