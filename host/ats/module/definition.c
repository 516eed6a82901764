/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "module/definition.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "module/hold.h"
#include "module/slots.h"

void
memtrack_definitions_resolve(struct memtrack_definition *table)
{
  for (; table->symbol; ++table) {
    table->original = table->original ? table->original : dlsym(RTLD_DEFAULT, table->symbol);
  }
  dlerror(); /* clears this error, so that the caller's next dlerror() does not report it */
}

struct symbols {
  ElfW(Sym) * list;
  const char *names;
  size_t count;
};

/* Number of symbols. A GNU hash table has no such number: the symbols are in the order of their buckets, each bucket ends with a
   marked entry, and symbols before the first bucket are not defined here. */
static size_t
count_hashed(const uint32_t *table)
{
  uint32_t bucket_count = table[0], first = table[1], bloom_words = table[2];
  const uint32_t *buckets = table + 4 + bloom_words * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
  const uint32_t *chain   = buckets + bucket_count;
  uint32_t last           = 0;
  for (uint32_t i = 0; i < bucket_count; ++i) {
    last = buckets[i] > last ? buckets[i] : last;
  }
  if (last < first) {
    return first;
  }
  while (!(chain[last - first] & 1)) {
    ++last;
  }
  return last + 1;
}

/* The loader makes these pointers absolute, except in a read-only dynamic section. */
static void *
pointer(const struct link_map *map, ElfW(Addr) value)
{
  return (void *)(value < map->l_addr ? value + map->l_addr : value);
}

static struct symbols
read_symbols(const struct link_map *map)
{
  struct symbols symbols = {0};
  const uint32_t *gnu = NULL, *plain = NULL;
  for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL; ++entry) {
    switch (entry->d_tag) {
    case DT_SYMTAB:
      symbols.list = pointer(map, entry->d_un.d_ptr);
      break;
    case DT_STRTAB:
      symbols.names = pointer(map, entry->d_un.d_ptr);
      break;
    case DT_GNU_HASH:
      gnu = pointer(map, entry->d_un.d_ptr);
      break;
    case DT_HASH:
      plain = pointer(map, entry->d_un.d_ptr);
      break;
    }
  }
  symbols.count = !symbols.list || !symbols.names ? 0 : gnu ? count_hashed(gnu) : plain ? plain[1] : 0;
  return symbols;
}

static bool
is_function(const ElfW(Sym) * symbol)
{
  unsigned type = ELF64_ST_TYPE(symbol->st_info);
  return symbol->st_shndx != SHN_UNDEF && symbol->st_shndx != SHN_ABS && ELF64_ST_BIND(symbol->st_info) != STB_LOCAL &&
         (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE);
}

/* The module of a function. It is never unloaded from then on, because its definition leads to a hook that calls the function. */
static const struct link_map *
hold(const void *function)
{
  Dl_info info;
  struct link_map *map;
  if (!dladdr1(function, &info, (void **)&map, RTLD_DL_LINKMAP)) {
    return NULL;
  }
  return memtrack_module_hold(memtrack_module_path(map->l_name), map->l_addr, NULL) ? map : NULL;
}

int
memtrack_definition_redirect(const struct memtrack_definition *definition, struct memtrack_reason *reason)
{
  const struct link_map *map = hold(definition->original);
  if (!map) {
    return memtrack_reason_set(reason, "the module that defines %s cannot be held", definition->symbol);
  }
  struct symbols symbols = read_symbols(map);
  size_t found           = 0;
  /* All versions of the symbol. */
  for (size_t i = 0; symbols.list && i < symbols.count; ++i) {
    ElfW(Sym) *symbol = &symbols.list[i];
    if (!is_function(symbol) || strcmp(symbols.names + symbol->st_name, definition->symbol) != 0) {
      continue;
    }
    bool resolved               = ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC;
    uintptr_t to                = resolved ? (uintptr_t)definition->resolver : (uintptr_t)definition->hook;
    struct memtrack_patch patch = {.at     = (void **)&symbol->st_value,
                                   .before = (void *)symbol->st_value,
                                   .after  = (void *)(to - map->l_addr)}; /* modulo 2^64, like the loader's sum */
    if (patch.before != patch.after && memtrack_slots_apply(&patch, 1, true, reason)) {
      return -1;
    }
    ++found;
  }
  return found ? 0 : memtrack_reason_set(reason, "%.100s has no definition of %s", map->l_name, definition->symbol);
}

_Static_assert(sizeof(((ElfW(Sym) *)0)->st_value) == sizeof(void *) && offsetof(ElfW(Sym), st_value) % sizeof(void *) == 0,
               "one aligned store redirects a definition");
