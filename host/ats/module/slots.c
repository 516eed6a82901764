/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "module/slots.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomic.h"
#include "module/segment.h"

#if defined(__x86_64__)
#define IS_SLOT(type) ((type) == R_X86_64_JUMP_SLOT || (type) == R_X86_64_GLOB_DAT)
#elif defined(__aarch64__)
#define IS_SLOT(type) ((type) == R_AARCH64_JUMP_SLOT || (type) == R_AARCH64_GLOB_DAT)
#else
#error "slots.c knows the relocation types of x86-64 and aarch64 only"
#endif

struct search {
  struct memtrack_slots *slots;
  const char *symbol;
  const char *module;
  const void *self;
  bool overflow;
};

struct dynamic {
  const ElfW(Sym) * symbols;
  const char *strings;
  const ElfW(Rela) * rela[2]; /* .rela.plt and .rela.dyn */
  size_t count[2];
};

/* The loader makes these pointers absolute, except in modules that it does not relocate (the vDSO), where they are offsets. */
static const void *
pointer(const struct dl_phdr_info *info, ElfW(Addr) value)
{
  return (const void *)(value < info->dlpi_addr ? value + info->dlpi_addr : value);
}

static bool
read_dynamic(const struct dl_phdr_info *info, struct dynamic *out)
{
  memset(out, 0, sizeof(*out));
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    if (info->dlpi_phdr[i].p_type != PT_DYNAMIC) {
      continue;
    }
    const ElfW(Dyn) *entry = (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    for (; entry->d_tag != DT_NULL; ++entry) {
      switch (entry->d_tag) {
      case DT_SYMTAB:
        out->symbols = pointer(info, entry->d_un.d_ptr);
        break;
      case DT_STRTAB:
        out->strings = pointer(info, entry->d_un.d_ptr);
        break;
      case DT_JMPREL:
        out->rela[0] = pointer(info, entry->d_un.d_ptr);
        break;
      case DT_PLTRELSZ:
        out->count[0] = entry->d_un.d_val / sizeof(ElfW(Rela));
        break;
      case DT_RELA:
        out->rela[1] = pointer(info, entry->d_un.d_ptr);
        break;
      case DT_RELASZ:
        out->count[1] = entry->d_un.d_val / sizeof(ElfW(Rela));
        break;
      }
    }
  }
  return out->symbols && out->strings;
}

static bool
is_module(const char *path, const char *ending)
{
  size_t have = strlen(path), want = strlen(ending);
  return have >= want && strcmp(path + have - want, ending) == 0;
}

/* Under the loader's lock: reads, allocates nothing. */
static int
search_module(struct dl_phdr_info *info, size_t size, void *data)
{
  struct search *search = data;
  struct dynamic dynamic;
  (void)size;
  if (memtrack_segments_contain(info, search->self) || (search->module && !is_module(info->dlpi_name, search->module)) ||
      !read_dynamic(info, &dynamic)) {
    return 0;
  }
  for (int table = 0; table < 2; ++table) {
    for (size_t i = 0; dynamic.rela[table] && i < dynamic.count[table]; ++i) {
      const ElfW(Rela) *rela = &dynamic.rela[table][i];
      if (!IS_SLOT(ELF64_R_TYPE(rela->r_info)) ||
          strcmp(dynamic.strings + dynamic.symbols[ELF64_R_SYM(rela->r_info)].st_name, search->symbol) != 0) {
        continue;
      }
      struct memtrack_slots *slots = search->slots;
      if (slots->count == MEMTRACK_SLOTS_MAX) {
        search->overflow = true;
        return 1;
      }
      slots->at[slots->count]     = (void **)(info->dlpi_addr + rela->r_offset);
      slots->before[slots->count] = *slots->at[slots->count];
      ++slots->count;
    }
  }
  return 0;
}

int
memtrack_slots_find(struct memtrack_slots *slots, const char *symbol, const char *module, const void *self,
                    struct memtrack_reason *reason)
{
  struct search search = {.slots = slots, .symbol = symbol, .module = module, .self = self};
  slots->count         = 0;
  dl_iterate_phdr(search_module, &search);
  if (search.overflow) {
    return memtrack_reason_set(reason, "more than %d slots for %s", MEMTRACK_SLOTS_MAX, symbol);
  }
  if (slots->count == 0) {
    return memtrack_reason_set(reason, "no loaded module calls %s through a slot", symbol);
  }
  return 0;
}

struct collection {
  const void *inside;
  const struct memtrack_redirect *table;
  const void *const *global;
  struct memtrack_patch *patches;
  size_t room, count;
};

/* Whether a slot refers to the module's own definition: libstdc++ defines operator new and calls it through a slot, which refers to
 * another allocator if one is preloaded. An unused slot still refers to the module's lookup code.
 */
static bool
is_own(const struct dl_phdr_info *info, const ElfW(Sym) * symbol, const void *value, const void *global)
{
  return symbol->st_shndx != SHN_UNDEF && memtrack_segments_contain(info, value) &&
         ((uintptr_t)value == info->dlpi_addr + symbol->st_value || global == NULL || memtrack_segments_contain(info, global));
}

/* Under the loader's lock. */
static int
collect_module(struct dl_phdr_info *info, size_t size, void *data)
{
  struct collection *collection = data;
  struct dynamic dynamic;
  (void)size;
  if (!memtrack_segments_contain(info, collection->inside)) {
    return 0;
  }
  if (!read_dynamic(info, &dynamic)) {
    return 1;
  }
  for (int table = 0; table < 2; ++table) {
    for (size_t i = 0; dynamic.rela[table] && i < dynamic.count[table]; ++i) {
      const ElfW(Rela) *rela  = &dynamic.rela[table][i];
      const ElfW(Sym) *symbol = &dynamic.symbols[ELF64_R_SYM(rela->r_info)];
      if (!IS_SLOT(ELF64_R_TYPE(rela->r_info))) {
        continue;
      }
      for (size_t r = 0; collection->table[r].symbol; ++r) {
        const struct memtrack_redirect *redirect = &collection->table[r];
        if (strcmp(dynamic.strings + symbol->st_name, redirect->symbol) != 0) {
          continue;
        }
        void **at   = (void **)(info->dlpi_addr + rela->r_offset);
        bool looked = r < MEMTRACK_REDIRECTS_MAX;
        /* A weak symbol may be defined nowhere, or by a library that only this module sees. */
        if (*at == NULL || (looked && collection->global[r] == NULL) || *at == redirect->hook ||
            is_own(info, symbol, *at, looked ? collection->global[r] : NULL)) {
          break;
        }
        if (collection->count < collection->room) {
          collection->patches[collection->count] = (struct memtrack_patch){.at = at, .before = *at, .after = redirect->hook};
        }
        ++collection->count;
        break;
      }
    }
  }
  return 1;
}

void
memtrack_slots_resolve(const struct memtrack_redirect *table, const void **global)
{
  for (size_t r = 0; r < MEMTRACK_REDIRECTS_MAX && table[r].symbol; ++r) {
    global[r] = dlsym(RTLD_DEFAULT, table[r].symbol);
  }
}

size_t
memtrack_slots_collect(const void *inside, const struct memtrack_redirect *table, const void *const *global,
                       struct memtrack_patch *patches, size_t room)
{
  struct collection collection = {.inside = inside, .table = table, .global = global, .patches = patches, .room = room};
  dl_iterate_phdr(collect_module, &collection);
  return collection.count;
}

/* The protection in a line of the table if its range contains the address, else -1. */
static int
protection_in(const char *line, uintptr_t address)
{
  char *end;
  uintptr_t from = strtoul(line, &end, 16);
  uintptr_t to   = *end == '-' ? strtoul(end + 1, &end, 16) : 0;
  if (address < from || address >= to || *end != ' ' || strnlen(end, 4) < 4) {
    return -1;
  }
  return (end[1] == 'r' ? PROT_READ : 0) | (end[2] == 'w' ? PROT_WRITE : 0) | (end[3] == 'x' ? PROT_EXEC : 0);
}

int
memtrack_maps_protection(FILE *maps, const void *address)
{
  char line[512];
  int protection = -1;
  bool at_start  = true; /* of a line: what follows in a long line is a part of a file's name */
  while (protection < 0 && fgets(line, sizeof(line), maps)) {
    protection = at_start ? protection_in(line, (uintptr_t)address) : -1;
    at_start   = strchr(line, '\n') != NULL;
  }
  return protection;
}

int
memtrack_page_protection(const void *address)
{
  FILE *maps = fopen("/proc/self/maps", "re");
  if (!maps) {
    return -1;
  }
  int protection = memtrack_maps_protection(maps, address);
  int error      = ferror(maps) ? errno : ENOMEM;
  fclose(maps);
  errno = protection < 0 ? error : errno;
  return protection;
}

static void *
page_of(void **slot, long page_size)
{
  return (void *)((uintptr_t)slot & ~((uintptr_t)page_size - 1));
}

/* Writes to a page of code, which must never be writable and executable: a changed copy takes its place. Another thread executes
   the old page or the new one. */
static int
replace_page(void *page, size_t page_size, int protection, const struct memtrack_patch *patches, size_t count, bool on)
{
  char *copy = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (copy == MAP_FAILED) {
    return -1;
  }
  memcpy(copy, page, page_size);
  for (size_t i = 0; i < count; ++i) {
    *(void **)(copy + ((char *)patches[i].at - (char *)page)) = on ? patches[i].after : patches[i].before;
  }
  if (mprotect(copy, page_size, protection) ||
      mremap(copy, page_size, page_size, MREMAP_MAYMOVE | MREMAP_FIXED, page) == MAP_FAILED) {
    int error = errno;
    munmap(copy, page_size);
    errno = error;
    return -1;
  }
  return 0;
}

/* Writes the slots of one page and then restores the page's protection. */
static int
write_page(const struct memtrack_patch *patches, size_t count, bool on, struct memtrack_reason *reason)
{
  long page_size = sysconf(_SC_PAGESIZE);
  void *page     = page_of(patches[0].at, page_size);
  int protection = memtrack_page_protection(page);
  if (protection < 0 && errno == ENOMEM) {
    return memtrack_reason_set(reason, "the slot at %p is not mapped", (void *)patches[0].at);
  }
  if (protection < 0) {
    return memtrack_reason_set(reason, "cannot read page protections from /proc/self/maps: %s", strerror(errno));
  }
  if ((protection & (PROT_EXEC | PROT_WRITE)) == PROT_EXEC) {
    return replace_page(page, page_size, protection, patches, count, on) == 0
             ? 0
             : memtrack_reason_set(reason, "cannot replace the page of code at %p: %s", page, strerror(errno));
  }
  bool writable = protection & PROT_WRITE;
  if (!writable && mprotect(page, page_size, protection | PROT_WRITE)) {
    return memtrack_reason_set(reason, "cannot make the page of the slot at %p writable: %s", (void *)patches[0].at,
                               strerror(errno));
  }
  for (size_t i = 0; i < count; ++i) {
    memtrack_store_release(patches[i].at, on ? patches[i].after : patches[i].before);
  }
  if (!writable && mprotect(page, page_size, protection)) {
    return memtrack_reason_set(reason, "cannot restore the protection of the page of the slot at %p: %s", (void *)patches[0].at,
                               strerror(errno));
  }
  return 0;
}

int
memtrack_slots_apply(const struct memtrack_patch *patches, size_t count, bool on, struct memtrack_reason *reason)
{
  long page_size = sysconf(_SC_PAGESIZE);
  int result     = 0;
  for (size_t i = 0, next; i < count; i = next) {
    void *page = page_of(patches[i].at, page_size);
    for (next = i + 1; next < count && page_of(patches[next].at, page_size) == page; ++next) {
    }
    if (write_page(patches + i, next - i, on, reason)) {
      result = -1;
    }
  }
  return result;
}

static int
write_slot(void **slot, void *value, struct memtrack_reason *reason)
{
  struct memtrack_patch patch = {.at = slot, .after = value};
  return memtrack_slots_apply(&patch, 1, true, reason);
}

int
memtrack_slots_write(struct memtrack_slots *slots, void *value, struct memtrack_reason *reason)
{
  for (size_t i = 0; i < slots->count; ++i) {
    if (write_slot(slots->at[i], value, reason)) {
      for (size_t j = 0; j <= i; ++j) {
        write_slot(slots->at[j], slots->before[j], NULL);
      }
      return -1;
    }
  }
  return 0;
}

int
memtrack_slots_restore(struct memtrack_slots *slots, struct memtrack_reason *reason)
{
  int result = 0;
  for (size_t i = 0; i < slots->count; ++i) {
    if (write_slot(slots->at[i], slots->before[i], reason)) {
      result = -1;
    }
  }
  return result;
}
