/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/elf_functions.h"

#include <stdlib.h>
#include <string.h>

#include "symbol/elf_file.h"
#include "symbol/elfutils.h"

#define NESTED_MAX 16 /* nested functions that end before an address within the outer function */

static int
compare_functions(const void *left, const void *right)
{
  const struct memtrack_function *a = left, *b = right;
  int order = memtrack_range_compare(&a->range, &b->range);
  return order ? order : a->rank != b->rank ? a->rank - b->rank : strcmp(a->name, b->name);
}

/* Adds the functions of the symbol table of a type. Returns true if there are any. */
static bool
read_table(struct memtrack_functions *functions, Elf *elf, GElf_Word type)
{
  GElf_Shdr header;
  Elf_Scn *section = memtrack_elf_section(elf, type, NULL, &header);
  Elf_Data *data   = section ? elfutils->elf_getdata(section, NULL) : NULL;
  GElf_Sym symbol;
  for (int i = 0; data && elfutils->gelf_getsym(data, i, &symbol); ++i) {
    int kind         = GELF_ST_TYPE(symbol.st_info);
    int binding      = GELF_ST_BIND(symbol.st_info);
    const char *name = elfutils->elf_strptr(elf, header.sh_link, symbol.st_name);
    if ((kind != STT_FUNC && kind != STT_GNU_IFUNC) || symbol.st_shndx == SHN_UNDEF || symbol.st_value == 0 || !name || !*name) {
      continue;
    }
    if (!memtrack_ranges_grow((void **)&functions->sorted, functions->count, sizeof(struct memtrack_function))) {
      break;
    }
    /* Hand-written assembly may have no sizes: such a function extends to the next function, or to the end of its section. Not in a
       table of exported functions: the next one of those may be far behind functions of other names. */
    uint64_t to = symbol.st_value + symbol.st_size;
    GElf_Shdr home;
    if (symbol.st_size == 0 && type == SHT_SYMTAB && elfutils->gelf_getshdr(elfutils->elf_getscn(elf, symbol.st_shndx), &home)) {
      to = home.sh_addr + home.sh_size;
    }
    functions->sorted[functions->count++] = (struct memtrack_function){
      .range    = {symbol.st_value, to < symbol.st_value ? symbol.st_value : to},
      .name     = name,
      .rank     = binding == STB_GLOBAL ? 0 : 1 + (binding != STB_WEAK),
      .has_size = symbol.st_size != 0,
    };
  }
  return functions->count > 0;
}

void
memtrack_functions_read(struct memtrack_functions *functions, Elf *elf, Elf *debug)
{
  *functions = (struct memtrack_functions){0};
  if (!read_table(functions, elf, SHT_SYMTAB) && !(debug && read_table(functions, debug, SHT_SYMTAB)) &&
      !read_table(functions, elf, SHT_DYNSYM)) {
    return;
  }
  qsort(functions->sorted, functions->count, sizeof(struct memtrack_function), compare_functions);
  uint64_t next = UINT64_MAX;
  for (size_t i = functions->count; i-- > 0;) {
    struct memtrack_function *function = &functions->sorted[i];
    if (i + 1 < functions->count && function[1].range.from != function->range.from) {
      next = function[1].range.from;
    }
    if (!function->has_size && function->range.to > next) {
      function->range.to = next;
    }
  }
}

void
memtrack_functions_free(struct memtrack_functions *functions)
{
  free(functions->sorted);
}

const struct memtrack_function *
memtrack_functions_at(const struct memtrack_functions *functions, uint64_t address)
{
  size_t i = memtrack_range_find(functions->sorted, functions->count, sizeof(struct memtrack_function), address);
  if (i == functions->count) {
    return NULL;
  }
  /* The first of several at the same address. Hand-written assembly may have nested functions. */
  for (int outer = 0; outer < NESTED_MAX; ++outer, --i) {
    while (i > 0 && functions->sorted[i - 1].range.from == functions->sorted[i].range.from) {
      --i;
    }
    if (address < functions->sorted[i].range.to) {
      return &functions->sorted[i];
    }
    if (i == 0) {
      break;
    }
  }
  return NULL;
}
