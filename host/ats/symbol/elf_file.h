/* SPDX-License-Identifier: Apache-2.0
 *
 * An ELF file, read with pread and never mapped: truncating a mapped file would end the process. Opening refuses incomplete
 * modules. None is hook-safe: it allocates and reads.
 */
#ifndef MEMTRACK_ELF_FILE_H
#define MEMTRACK_ELF_FILE_H

#include <gelf.h>

#ifdef __cplusplus
extern "C" {
#endif

/* -1 and NULL if no file is open. */
struct memtrack_elf {
  int fd;
  Elf *elf;
};

enum memtrack_elf_kind {
  MEMTRACK_ELF_MODULE, /* a shared object or a program, or its separate debug information */
  MEMTRACK_ELF_SHARED, /* debug information shared by several of these (dwz); without a link of its own */
};

/* Takes ownership of `fd`. Returns NULL, or the reason of a failure. */
const char *memtrack_elf_open(struct memtrack_elf *file, int fd, enum memtrack_elf_kind kind);

void memtrack_elf_close(struct memtrack_elf *file);

/* The section of a type (SHT_NULL: any) and a name (NULL: any), with its header; NULL if there is none. */
Elf_Scn *memtrack_elf_section(Elf *elf, GElf_Word type, const char *name, GElf_Shdr *header);

/* The name of the section that an address of the loaded module is in; NULL if there is none. */
const char *memtrack_elf_section_at(Elf *elf, uint64_t address);

#ifdef __cplusplus
}
#endif

#endif
