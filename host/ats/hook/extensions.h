/* SPDX-License-Identifier: Apache-2.0
 *
 * Hooks of functions that an allocator adds to the standard ones, for blocks from malloc(): releases that are told a size
 * (sdallocx, tc_free_sized, ...), which is not the size of a tagged block, so their counterparts without a size are called instead;
 * and those that return the usable size. For callers' slots, and for later bindings.
 */
#ifndef MEMTRACK_HOOK_EXTENSIONS_H
#define MEMTRACK_HOOK_EXTENSIONS_H

#include "module/definition.h"
#include "module/slots.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct memtrack_redirect memtrack_extensions[];
extern struct memtrack_definition memtrack_extension_definitions[];

/* Looks up the functions; those that are not of malloc's module have no `original`. init-only. */
void memtrack_hook_extensions_open(void);

#ifdef __cplusplus
}
#endif

#endif
