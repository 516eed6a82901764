/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of a module by its symbols: those of .symtab, which may be in the separate debug information, else of .dynsym.
 * Names are told as they are there. None is hook-safe: it allocates and reads.
 */
#ifndef MEMTRACK_ELF_FUNCTIONS_H
#define MEMTRACK_ELF_FUNCTIONS_H

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbol/range.h"

#ifdef __cplusplus
extern "C" {
#endif

struct memtrack_function {
  struct memtrack_range range;
  const char *name; /* in the string table of its file */
  int rank;         /* of several at one address the first is taken: global, weak, local */
  bool has_size;
};

struct memtrack_functions {
  struct memtrack_function *sorted;
  size_t count;
};

/* Reads those of a module, `debug` being its separate debug information or NULL; none where it is stripped. Both files stay open as
   long as the names are used. */
void memtrack_functions_read(struct memtrack_functions *functions, Elf *elf, Elf *debug);

void memtrack_functions_free(struct memtrack_functions *functions);

/* The one that holds an address, of several at one address the first; NULL for none. */
const struct memtrack_function *memtrack_functions_at(const struct memtrack_functions *functions, uint64_t address);

#ifdef __cplusplus
}
#endif

#endif
