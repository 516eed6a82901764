/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/elf_called.h"

#include <stdbool.h>
#include <unistd.h>

#include "core_abi.h"
#include "symbol/elfutils.h"
#include "symbol/instructions.h"

/* Reads the module's bytes at an address. */
static bool
read_at(const struct memtrack_elf *file, uint64_t address, unsigned char *to, size_t size)
{
  size_t count;
  GElf_Phdr segment;
  if (elfutils->elf_getphdrnum(file->elf, &count)) {
    return false;
  }
  for (size_t i = 0; i < count && elfutils->gelf_getphdr(file->elf, (int)i, &segment); ++i) {
    uint64_t distance = address - segment.p_vaddr;
    if (segment.p_type == PT_LOAD && distance < segment.p_filesz && size <= segment.p_filesz - distance) {
      return pread(file->fd, to, size, (off_t)(segment.p_offset + distance)) == (ssize_t)size;
    }
  }
  return false;
}

static uint64_t
find_slot(const struct memtrack_elf *file, uint64_t return_address)
{
  unsigned char call[MEMTRACK_CALL_SIZE], stub[MEMTRACK_STUB_SIZE];
  if (!read_at(file, return_address - sizeof(call), call, sizeof(call))) {
    return 0;
  }
  uint64_t slot = memtrack_slot_of_call(call, return_address);
  uint64_t code = slot ? 0 : memtrack_code_of_call(call, return_address);
  return code && read_at(file, code, stub, sizeof(stub)) ? memtrack_slot_of_stub(stub, code) : slot;
}

/* The symbol of the relocation of a slot in a section. */
static const char *
find_name(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, uint64_t slot)
{
  Elf_Data *data = elfutils->elf_getdata(section, NULL);
  GElf_Rela rela;
  for (int i = 0; data && elfutils->gelf_getrela(data, i, &rela); ++i) {
    GElf_Shdr symbols;
    GElf_Sym symbol;
    if (rela.r_offset != slot || GELF_R_SYM(rela.r_info) == 0) {
      continue;
    }
    Elf_Scn *table = elfutils->elf_getscn(elf, header->sh_link);
    if (table && elfutils->gelf_getshdr(table, &symbols) &&
        elfutils->gelf_getsym(elfutils->elf_getdata(table, NULL), (int)GELF_R_SYM(rela.r_info), &symbol)) {
      return elfutils->elf_strptr(elf, symbols.sh_link, symbol.st_name);
    }
  }
  return NULL;
}

const char *
memtrack_elf_called(const struct memtrack_elf *file, uint64_t return_address)
{
  uint64_t slot    = find_slot(file, return_address);
  const char *name = NULL;
  Elf_Scn *section = NULL;
  GElf_Shdr header;
  while (slot && !name && (section = elfutils->elf_nextscn(file->elf, section))) {
    if (elfutils->gelf_getshdr(section, &header) && header.sh_type == SHT_RELA) {
      name = find_name(file->elf, section, &header, slot);
    }
  }
  return name && name[0] ? name : NULL;
}
