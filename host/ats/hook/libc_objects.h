/* SPDX-License-Identifier: Apache-2.0
 *
 * Hooks of the C library's functions whose result must be closed or freed by a function of its own (libc_objects.c), as tables for
 * their callers' slots. They are installed with those of the heap.
 */
#ifndef MEMTRACK_HOOK_LIBC_OBJECTS_H
#define MEMTRACK_HOOK_LIBC_OBJECTS_H

#include "module/slots.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct memtrack_redirect memtrack_libc_objects[];     /* for plugins, and for libraries on their behalf */
extern const struct memtrack_redirect memtrack_libc_object_ends[]; /* for the server, which may close what a plugin hands over */

#ifdef __cplusplus
}
#endif

#endif
