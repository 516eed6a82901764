/* SPDX-License-Identifier: Apache-2.0
 *
 * The separate debug information of a module: a file by the module's build id, else one by its .gnu_debuglink; and what several
 * modules' debug information has in common (.gnu_debugaltlink, as dwz makes it). Such a file is believed only where it has the
 * build id that is asked for, or the CRC that the link tells. Nothing is ever asked from the network.
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

/* Opens the separate debug information of `elf`, whose file is, or was, installed at `path`. By build id it is looked for under
   `root`, by link beside the path, in .debug there and under `root`. False, and `debug` closed, where the module has its own or
   none is found. */
bool memtrack_elf_find_debug(struct memtrack_elf *debug, Elf *elf, const char *path, const char *root);

/* Opens what the debug information in `from` shares with others: `name` and the build id as its link tells them. It is looked for
   by build id under `root`, and by name; one that does not begin at "/" is beside `from`. False, and `shared` closed, for none. */
bool memtrack_elf_find_shared(struct memtrack_elf *shared, const struct memtrack_elf *from, const char *name,
                              const unsigned char *id, size_t length, const char *root);

#ifdef __cplusplus
}
#endif

#endif
