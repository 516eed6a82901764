/* SPDX-License-Identifier: Apache-2.0
 *
 * Interprets the linkage name of a function without its file: the short name, and whether the function belongs to the C++ library
 * or is an allocator of the language, which a plugin only passes through. The core decides both (assembly/naming/mangled.ts); the
 * C++ run-time library demangles.
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

/* Writes the function's name into `text`, truncated to `size` with its NUL: with namespaces and classes, without return type,
   argument list and long template arguments. A name that is not mangled, or is malformed, is shortened in the same way. Bytes
   that are not printable ASCII become '?'. Not hook-safe: it allocates. */
void memtrack_mangled_text(const char *name, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
