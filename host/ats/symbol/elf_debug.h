/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds the separate debug information of a module: by the module's build id, or else by its .gnu_debuglink; and the debug
 * information that several modules share (.gnu_debugaltlink, made by dwz). A file is accepted only with the required build id, or
 * with the CRC stored in the link. Nothing is requested from the network.
 *
 * None is hook-safe: it allocates and reads.
 */
#ifndef MEMTRACK_ELF_DEBUG_H
#define MEMTRACK_ELF_DEBUG_H

#include <stdbool.h>
#include <stddef.h>

#include "symbol/elf_file.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Opens the separate debug information of `elf`, whose file is or was installed at `path`. Searches by build id below `root`,
   and by link beside the path, in .debug there and below `root`. Returns false, with `debug` closed, if the module contains its
   debug information or none is found. */
bool memtrack_elf_find_debug(struct memtrack_elf *debug, Elf *elf, const char *path, const char *root);

/* Opens the shared debug information of `from`: `name` and the build id come from its link. Searches by build id below `root`,
   and by name; a relative name is relative to `from`. Returns false, with `shared` closed, if none is found. */
bool memtrack_elf_find_shared(struct memtrack_elf *shared, const struct memtrack_elf *from, const char *name,
                              const unsigned char *id, size_t length, const char *root);

#ifdef __cplusplus
}
#endif

#endif
