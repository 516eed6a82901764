/* SPDX-License-Identifier: Apache-2.0
 *
 * An entry of debug information (a DIE of DWARF), read with libdw: its children, its names, its code. Trees are walked forward
 * only, over a bounded number of entries, so broken debug information ends a search but cannot hang it. libdw functions that assert
 * the validity of a file are not used, here or in the files built on this one.
 *
 * None is hook-safe: libdw allocates and reads. Its results are valid while the debug information is open.
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

#define MEMTRACK_ENTRIES_MAX (1 << 24) /* of a tree per query: 1 to 2 seconds */
#define MEMTRACK_DEPTH_MAX   512       /* nesting of any walk */

/* Moves to the entry's first child, or from `child` to its next sibling. Both move only forward in the unit and decrement
   `left`; they return false at the end or when `left` is 0. */
bool memtrack_entry_child(Dwarf_Die *die, Dwarf_Die *child, size_t *left);
bool memtrack_entry_sibling(Dwarf_Die *child, size_t *left);

/* Whether the entry is a block of statements within a function. */
bool memtrack_entry_is_block(Dwarf_Die *die);

/* A string attribute, and the linkage name, of the entry or of the entry that it refers to as its origin; NULL if absent. */
const char *memtrack_entry_string(Dwarf_Die *die, unsigned int name);
const char *memtrack_entry_linkage_name(Dwarf_Die *die);

/* Calls `visit` for each code range of an entry until it returns false. */
void memtrack_entry_ranges(Dwarf_Die *die, bool (*visit)(uint64_t from, uint64_t to, void *data), void *data);

#ifdef __cplusplus
}
#endif

#endif
