/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of a module, from its symbols: .symtab, possibly in the separate debug information, or else .dynsym. Names are
 * reported as stored. None is hook-safe: it allocates and reads.
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
  int rank;         /* of several at the same address the lowest is used: global, weak, local */
  bool has_size;
};

struct memtrack_functions {
  struct memtrack_function *sorted;
  size_t count;
};

/* Reads the functions of a module; `debug` is its separate debug information or NULL. None if the module is stripped. Both files
   must stay open as long as the names are used. */
void memtrack_functions_read(struct memtrack_functions *functions, Elf *elf, Elf *debug);

void memtrack_functions_free(struct memtrack_functions *functions);

/* The function that contains an address, the first of several at the same address; NULL if there is none. */
const struct memtrack_function *memtrack_functions_at(const struct memtrack_functions *functions, uint64_t address);

#ifdef __cplusplus
}
#endif

#endif
