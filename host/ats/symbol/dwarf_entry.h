/* SPDX-License-Identifier: Apache-2.0
 *
 * An entry of debug information (a DIE of DWARF), as libdw reads it: its children, its names, its code. Trees are walked forward
 * only and a bounded number of entries, so that broken debug information ends a search but cannot hold it; of libdw's functions
 * those that assert what a file says are left out, here and in all that is built on this.
 *
 * None is hook-safe: libdw allocates and reads. What it gives lives as long as the debug information is open.
 */
#ifndef MEMTRACK_DWARF_ENTRY_H
#define MEMTRACK_DWARF_ENTRY_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACK_ENTRIES_MAX (1 << 24) /* of a tree in one question: 1 to 2 seconds */
#define MEMTRACK_DEPTH_MAX   512       /* nesting of anything that is walked */

/* The entry's first child, or the next one, which takes the child's place. Both only ever go forward in the unit, and count `left`
   down; false where there is none, or nothing left. */
bool memtrack_entry_child(Dwarf_Die *die, Dwarf_Die *child, size_t *left);
bool memtrack_entry_sibling(Dwarf_Die *child, size_t *left);

/* Whether it is a block of statements within a function. */
bool memtrack_entry_is_block(Dwarf_Die *die);

/* An attribute that is a string, and the linkage name, of the entry or of what it was made from; NULL where it has none. */
const char *memtrack_entry_string(Dwarf_Die *die, unsigned int name);
const char *memtrack_entry_linkage_name(Dwarf_Die *die);

/* Calls `visit` for each code range of an entry, until it returns false. */
void memtrack_entry_ranges(Dwarf_Die *die, bool (*visit)(uint64_t from, uint64_t to, void *data), void *data);

#ifdef __cplusplus
}
#endif

#endif
