/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/elf_file.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbol/elfutils.h"

void
memtrack_elf_close(struct memtrack_elf *file)
{
  elfutils->elf_end(file->elf);
  if (file->fd >= 0) {
    close(file->fd);
  }
  *file = (struct memtrack_elf){.fd = -1};
}

const char *
memtrack_elf_open(struct memtrack_elf *file, int fd, enum memtrack_elf_kind kind)
{
  GElf_Ehdr header;
  struct stat stat;
  const char *reason = NULL;
  size_t sections;
  *file = (struct memtrack_elf){.fd = fd};
  elfutils->elf_version(EV_CURRENT);
  if (fd < 0 || fstat(fd, &stat) || !S_ISREG(stat.st_mode)) {
    reason = "not a regular file";
  } else if (!(file->elf = elfutils->elf_begin(fd, ELF_C_READ, NULL)) || elfutils->elf_kind(file->elf) != ELF_K_ELF ||
             !elfutils->gelf_getehdr(file->elf, &header)) {
    reason = "not an ELF file";
  } else if (kind == MEMTRACK_ELF_MODULE && header.e_type != ET_DYN && header.e_type != ET_EXEC) {
    reason = "not a shared object or program";
  } else if (elfutils->elf_getshdrnum(file->elf, &sections) || (header.e_shoff && sections == 0) ||
             header.e_shoff > (uint64_t)stat.st_size ||
             (header.e_shoff && sections * header.e_shentsize > stat.st_size - header.e_shoff)) {
    reason = "truncated";
  }
  if (reason) {
    memtrack_elf_close(file);
  }
  return reason;
}

Elf_Scn *
memtrack_elf_section(Elf *elf, GElf_Word type, const char *name, GElf_Shdr *header)
{
  size_t strings;
  Elf_Scn *section = NULL;
  if (elfutils->elf_getshdrstrndx(elf, &strings)) {
    return NULL;
  }
  while ((section = elfutils->elf_nextscn(elf, section))) {
    const char *found;
    if (elfutils->gelf_getshdr(section, header) && (type == SHT_NULL || header->sh_type == type) &&
        (!name || ((found = elfutils->elf_strptr(elf, strings, header->sh_name)) && strcmp(found, name) == 0))) {
      return section;
    }
  }
  return NULL;
}

const char *
memtrack_elf_section_at(Elf *elf, uint64_t address)
{
  size_t strings;
  GElf_Shdr header;
  if (elfutils->elf_getshdrstrndx(elf, &strings)) {
    return NULL;
  }
  for (Elf_Scn *section = NULL; (section = elfutils->elf_nextscn(elf, section));) {
    /* That of thread-local variables has addresses, which are others'. */
    if (elfutils->gelf_getshdr(section, &header) && (header.sh_flags & SHF_ALLOC) && !(header.sh_flags & SHF_TLS) &&
        address - header.sh_addr < header.sh_size) {
      return elfutils->elf_strptr(elf, strings, header.sh_name);
    }
  }
  return NULL;
}
