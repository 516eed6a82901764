/* SPDX-License-Identifier: Apache-2.0
 *
 * Name of a function, from its entry in the debug information: the linkage name, or else the path of plain names from the unit down
 * to the declaration. None is hook-safe: it allocates and reads.
 */
#ifndef MEMTRACK_DWARF_NAME_H
#define MEMTRACK_DWARF_NAME_H

#include <elfutils/libdw.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Writes the name of a function, inlined or not, into `text`, truncated to `size` with its NUL; "" if it has no name. */
void memtrack_scope_name(Dwarf_Die *scope, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
