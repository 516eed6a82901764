/* SPDX-License-Identifier: Apache-2.0
 *
 * What the linkage name of a function tells without its file: the name as a person writes it, and whether the function is one of
 * the C++ library's or an allocator of the language, which a plugin only passes through.
 */
#ifndef MEMTRACK_MANGLED_H
#define MEMTRACK_MANGLED_H

#include <stddef.h>

enum memtrack_mangled {
  MEMTRACK_MANGLED_OWN,       /* nothing is known against it: a function somebody wrote for this module */
  MEMTRACK_MANGLED_WRAPPER,   /* of namespace std or __gnu_cxx, or an operator new or delete */
  MEMTRACK_MANGLED_TRAMPOLINE /* of namespace std, but there to call somebody's function, which is often inlined into it */
};

enum memtrack_mangled memtrack_mangled_kind(const char *name);

/* Writes the function's name into `text`, cut at `size` with its NUL: namespaces and classes, but no return type and no argument
   list, and no template arguments that are long. A name that is not mangled, or that cannot be read, is cut down in the same way.
   What is not printable ASCII becomes '?'. Not hook-safe: it allocates. */
void memtrack_mangled_text(const char *name, char *text, size_t size);

#endif
