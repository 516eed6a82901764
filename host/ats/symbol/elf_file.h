/* SPDX-License-Identifier: Apache-2.0
 *
 * An ELF file that is read with pread and never mapped: a file that is cut off while it is mapped ends the process. What is no
 * complete module is refused when it is opened. None is hook-safe: it allocates and reads.
 */
#ifndef MEMTRACK_ELF_FILE_H
#define MEMTRACK_ELF_FILE_H

#include <gelf.h>

#ifdef __cplusplus
extern "C" {
#endif

/* -1 and NULL where none is open. */
struct memtrack_elf {
  int fd;
  Elf *elf;
};

enum memtrack_elf_kind {
  MEMTRACK_ELF_MODULE, /* a shared object or a program, or its separate debug information */
  MEMTRACK_ELF_SHARED, /* what several of these have in common (dwz); linked to nothing */
};

/* Takes `fd` over. NULL, or a reason why not. */
const char *memtrack_elf_open(struct memtrack_elf *file, int fd, enum memtrack_elf_kind kind);

void memtrack_elf_close(struct memtrack_elf *file);

/* The section of a type (or SHT_NULL: any) and a name (or NULL: any), and its header; NULL where there is none. */
Elf_Scn *memtrack_elf_section(Elf *elf, GElf_Word type, const char *name, GElf_Shdr *header);

#ifdef __cplusplus
}
#endif

#endif
