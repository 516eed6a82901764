/* SPDX-License-Identifier: Apache-2.0
 *
 * What the linkage name of a function tells without its file: the name as a person writes it, and whether the function is one of
 * the C++ library's or an allocator of the language, which a plugin only passes through. The core says both
 * (assembly/naming/mangled.ts); taking a name apart is the C++ run-time library's.
 */
#ifndef MEMTRACK_MANGLED_H
#define MEMTRACK_MANGLED_H

#include <stddef.h>
#include <stdint.h>

#include "core_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* MEMTRACK_MANGLED_.... Not hook-safe. */
uint32_t memtrack_mangled_kind(const char *name);

/* Writes the function's name into `text`, cut at `size` with its NUL: namespaces and classes, but no return type and no argument
   list, and no template arguments that are long. A name that is not mangled, or that cannot be read, is cut down in the same way.
   What is not printable ASCII becomes '?'. Not hook-safe: it allocates. */
void memtrack_mangled_text(const char *name, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
