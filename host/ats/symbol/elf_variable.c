/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/elf_variable.h"

#include <stddef.h>

#include "symbol/elf_file.h"
#include "symbol/elfutils.h"

/* Of several the smallest: a symbol of a whole section may contain others. */
static const char *
find_in(Elf *elf, GElf_Word type, uint64_t address)
{
  GElf_Shdr header;
  Elf_Scn *section = memtrack_elf_section(elf, type, NULL, &header);
  Elf_Data *data   = section ? elfutils->elf_getdata(section, NULL) : NULL;
  const char *best = NULL;
  uint64_t least   = UINT64_MAX;
  GElf_Sym symbol;
  for (int i = 0; data && elfutils->gelf_getsym(data, i, &symbol); ++i) {
    if (GELF_ST_TYPE(symbol.st_info) == STT_OBJECT && symbol.st_shndx != SHN_UNDEF && address - symbol.st_value < symbol.st_size &&
        symbol.st_size < least) {
      best  = elfutils->elf_strptr(elf, header.sh_link, symbol.st_name);
      least = symbol.st_size;
    }
  }
  return best;
}

const char *
memtrack_elf_variable(Elf *elf, Elf *debug, uint64_t address)
{
  const char *name = find_in(elf, SHT_SYMTAB, address);
  name             = name || !debug ? name : find_in(debug, SHT_SYMTAB, address);
  return name ? name : find_in(elf, SHT_DYNSYM, address);
}
