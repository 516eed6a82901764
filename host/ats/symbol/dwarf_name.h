/* SPDX-License-Identifier: Apache-2.0
 *
 * What a function is called, by its entry in the debug information: by its linkage name, else by the path of plain names from the
 * unit down to where it is declared. None is hook-safe: it allocates and reads.
 */
#ifndef MEMTRACK_DWARF_NAME_H
#define MEMTRACK_DWARF_NAME_H

#include <elfutils/libdw.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Writes the name of a function, inlined or not, into `text`, cut at `size` with its NUL; "" where it has none. */
void memtrack_scope_name(Dwarf_Die *scope, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
