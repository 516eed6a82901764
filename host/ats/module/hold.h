/* SPDX-License-Identifier: Apache-2.0
 *
 * Holds a module: an additional handle, so that the loader does not unload it while its memory is read or written.
 */
#ifndef MEMTRACK_HOLD_H
#define MEMTRACK_HOLD_H

#include <stdint.h>

#include "base/reason.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACK_PROGRAM_PATH "/proc/self/exe" /* path of the module for which the loader has no name */

/* Path of a module by the loader's name for it. hook-safe. */
static inline const char *
memtrack_module_path(const char *name)
{
  return name && *name ? name : MEMTRACK_PROGRAM_PATH;
}

/* Returns a handle of the module that the loader has listed under a path and at a base, or NULL with a reason if it is gone. The
   loader returns it only when a module loaded by another thread has been relocated and protected. Waits while another thread loads
   or unloads, so the caller must hold no mutex that a hook may take. Not hook-safe. */
void *memtrack_module_hold(const char *path, uintptr_t base, struct memtrack_reason *reason);

/* Gives a handle back, or NULL: unloads the module if its user has closed it meanwhile. Not hook-safe. */
void memtrack_module_release(void *handle);

#ifdef __cplusplus
}
#endif

#endif
