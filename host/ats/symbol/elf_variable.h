/* SPDX-License-Identifier: Apache-2.0
 *
 * The variable of a module at an address, from its symbols: .symtab, possibly in the separate debug information, or else .dynsym.
 * Not hook-safe: it reads.
 */
#ifndef MEMTRACK_ELF_VARIABLE_H
#define MEMTRACK_ELF_VARIABLE_H

#include <gelf.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The name as stored, in the string table of its file, which must stay open; NULL if no variable has the address. `debug` is
   separate debug information or NULL. Not hook-safe. */
const char *memtrack_elf_variable(Elf *elf, Elf *debug, uint64_t address);

#ifdef __cplusplus
}
#endif

#endif
