/* SPDX-License-Identifier: Apache-2.0
 *
 * The imported function that a call calls, by the module's file: its instructions (assembly/naming/called.ts) lead to a slot, and
 * the slot's relocation has the name.
 */
#ifndef MEMTRACK_ELF_CALLED_H
#define MEMTRACK_ELF_CALLED_H

#include <stdint.h>

#include "symbol/elf_file.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The linkage name of the function that the call before a return address calls, in the file's strings; NULL if it is not known, or
   the module's own. Not hook-safe. */
const char *memtrack_elf_called(const struct memtrack_elf *file, uint64_t return_address);

#ifdef __cplusplus
}
#endif

#endif
