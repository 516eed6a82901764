/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "module/slots.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/limits.h"
#include "module/hold.h"
#include "module/segment.h"

#if defined(__x86_64__)
#define CALL_TYPE    R_X86_64_JUMP_SLOT
#define ADDRESS_TYPE R_X86_64_GLOB_DAT
#define DATA_TYPE    R_X86_64_64
#define COPY_TYPE    R_X86_64_COPY
#elif defined(__aarch64__)
#define CALL_TYPE    R_AARCH64_JUMP_SLOT
#define ADDRESS_TYPE R_AARCH64_GLOB_DAT
#define DATA_TYPE    R_AARCH64_ABS64
#define COPY_TYPE    R_AARCH64_COPY
#else
#error "slots.c knows the relocation types of x86-64 and aarch64 only"
#endif
#define IS_SLOT(type) ((type) == CALL_TYPE || (type) == ADDRESS_TYPE)

/* A list of slots. Nothing may be allocated under the loader's lock, so the slots beyond the room are only counted there. */
struct list {
  struct memtrack_patch *slots;
  size_t count, room;
};

static void
append(struct list *list, const struct memtrack_patch *slot)
{
  if (list->count < list->room) {
    list->slots[list->count] = *slot;
  }
  ++list->count;
}

/* Fills a list by dl_iterate_phdr(visit, argument), which contains the list. Returns 0, or -1 if there is no memory. */
static int
fill(struct list *list, int (*visit)(struct dl_phdr_info *, size_t, void *), void *argument)
{
  for (;;) {
    list->count = 0;
    dl_iterate_phdr(visit, argument);
    if (list->count <= list->room) {
      return 0;
    }
    free(list->slots);
    list->room  = list->count;
    list->slots = calloc(list->room, sizeof(*list->slots));
    if (!list->slots) {
      return -1;
    }
  }
}

struct search {
  struct list list;
  const char *symbol;
  const char *module;
  const void *self;
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
      void **at = (void **)(info->dlpi_addr + rela->r_offset);
      append(&search->list, &(struct memtrack_patch){.at = at, .before = *at});
    }
  }
  return 0;
}

struct place {
  const void *address;
  uintptr_t base;
  char path[512];
};

static int
find_module(struct dl_phdr_info *info, size_t size, void *data)
{
  struct place *place = data;
  (void)size;
  if (!memtrack_segments_contain(info, place->address)) {
    return 0;
  }
  place->base = info->dlpi_addr;
  snprintf(place->path, sizeof(place->path), "%s", memtrack_module_path(info->dlpi_name));
  return 1;
}

/* Keeps the modules of slots loaded: the handles are never closed. Returns whether none was unloaded before. */
static bool
keep_loaded(const struct list *list)
{
  for (size_t i = 0; i < list->count; ++i) {
    struct place place = {.address = list->slots[i].at};
    if (!dl_iterate_phdr(find_module, &place) || !memtrack_module_hold(place.path, place.base, NULL)) {
      return false;
    }
  }
  return true;
}

int
memtrack_slots_find(struct memtrack_slots *slots, const char *symbol, const char *module, const void *self,
                    struct memtrack_reason *reason)
{
  struct search search = {.symbol = symbol, .module = module, .self = self};
  bool found           = fill(&search.list, search_module, &search) == 0;
  /* Once more, since another module may have been loaded in the place of one that was unloaded before it could be held. */
  size_t count = search.list.count;
  bool kept = found && keep_loaded(&search.list) && fill(&search.list, search_module, &search) == 0 && search.list.count == count;
  *slots    = (struct memtrack_slots){.count = search.list.count, .list = search.list.slots};
  if (kept && count) {
    return 0;
  }
  memtrack_slots_free(slots);
  return memtrack_reason_set(reason,
                             !found  ? "out of memory for the slots of %s"
                             : count ? "a module that calls %s was loaded or unloaded at the same time"
                                     : "no loaded module calls %s through a slot",
                             symbol);
}

static int
compare_modules(struct dl_phdr_info *info, size_t size, void *slot)
{
  const struct memtrack_patch *looked = slot;
  (void)size;
  /* The slot's module decides. Its result is 1 or 2, since 0 continues with the next module. */
  return !memtrack_segments_contain(info, looked->at) ? 0 : memtrack_segments_contain(info, looked->before) ? 1 : 2;
}

bool
memtrack_slots_is_unbound(const struct memtrack_patch *slot)
{
  return dl_iterate_phdr(compare_modules, (void *)slot) == 1;
}

void
memtrack_slots_free(struct memtrack_slots *slots)
{
  free(slots->list);
  *slots = (struct memtrack_slots){0};
}

/* The symbols of a table by their hash, because a large plugin has as many relocations as the table has symbols many times over. An
   entry is a symbol's number and 1, and leads to the next symbol of the same hash; 0 ends the chain. */
#define HASHES 256u

struct collection {
  struct list list;
  const void *inside;
  const struct memtrack_redirect *table;
  const void *const *global;
  unsigned words;
  bool foreign;
  uint8_t first[HASHES];
  uint8_t next[MEMTRACK_REDIRECTS_MAX];
};

_Static_assert(MEMTRACK_REDIRECTS_MAX < UINT8_MAX, "a symbol's number and 1 are a byte");

/* Bernstein's, as the loader's own tables of symbols have it. */
static uint32_t
hash_symbol(const char *symbol)
{
  uint32_t hash = 5381;
  for (; *symbol; ++symbol) {
    hash = hash * 33 + (uint8_t)*symbol;
  }
  return (hash ^ hash >> 8) % HASHES;
}

/* Later symbols first, so that a chain is in the order of the table. */
static void
index_symbols(struct collection *collection)
{
  size_t count = 0;
  while (count < MEMTRACK_REDIRECTS_MAX && collection->table[count].symbol) {
    ++count;
  }
  while (count > 0) {
    uint8_t *first              = &collection->first[hash_symbol(collection->table[count - 1].symbol)];
    collection->next[count - 1] = *first;
    *first                      = (uint8_t)count--;
  }
}

/* The number of a symbol in the table, or -1. */
static int
number_of(const struct collection *collection, const char *symbol)
{
  unsigned entry = collection->first[hash_symbol(symbol)];
  while (entry && strcmp(collection->table[entry - 1].symbol, symbol) != 0) {
    entry = collection->next[entry - 1];
  }
  return (int)entry - 1;
}

/* A word that a relocation describes. */
struct word {
  const struct dl_phdr_info *info;
  const ElfW(Rela) * rela;
  const ElfW(Sym) * symbol;
  unsigned type;
  void **at;
};

/* This module, which has all hooks: its header, by the linker's name. */
extern const ElfW(Ehdr) own_header __asm__("__ehdr_start") MT_HIDDEN;

static bool
is_hook(const void *function)
{
  const struct dl_phdr_info own = {.dlpi_addr  = (uintptr_t)&own_header,
                                   .dlpi_phdr  = (const void *)((uintptr_t)&own_header + own_header.e_phoff),
                                   .dlpi_phnum = own_header.e_phnum};
  return memtrack_segments_contain(&own, function);
}

/* Whether a word contains the function that a table's entry stands for, or may after the first call through it. Not the module's
   own definition: libstdc++ defines operator new and calls it through a slot, which refers to another allocator if one is
   preloaded. */
static bool
refers_to(struct collection *collection, const struct word *word, int number)
{
  const void *global = collection->global[number], *value = *word->at;
  bool defined = word->symbol->st_shndx != SHN_UNDEF;
  if (value == collection->table[number].hook || value == NULL || global == NULL) {
    return false; /* done already; or a weak symbol that is defined nowhere, or only where this module looks */
  }
  if (defined && !(collection->words & MEMTRACK_WORDS_OWN) && memtrack_segments_contain(word->info, global)) {
    return false;
  }
  if (value == global || is_hook(value)) {
    return true;
  }
  bool itself  = defined && (uintptr_t)value == word->info->dlpi_addr + word->symbol->st_value;
  bool unbound = word->type == CALL_TYPE && !itself && memtrack_segments_contain(word->info, value);
  collection->foreign |=
    (!unbound || defined) && word->type != DATA_TYPE && strcmp(collection->table[number].symbol, "malloc") == 0;
  return unbound && (collection->words & MEMTRACK_WORDS_UNBOUND);
}

/* A word of one of the first three types. Under the loader's lock. */
static void
collect_word(struct collection *collection, const struct word *word, const char *name)
{
  unsigned kind = word->type == CALL_TYPE ? MEMTRACK_WORDS_CALLS : MEMTRACK_WORDS_ADDRESSES;
  if (word->type == DATA_TYPE && (word->rela->r_addend || (uintptr_t)word->at % sizeof(void *))) {
    return;
  }
  int number = number_of(collection, name);
  /* Asked first: any word of malloc() tells whether the module calls another one. */
  if (number >= 0 && refers_to(collection, word, number) && (collection->words & kind)) {
    append(&collection->list,
           &(struct memtrack_patch){
             .at = word->at, .before = *word->at, .after = collection->table[number].hook, .data = word->type == DATA_TYPE});
  }
}

/* A library's variable of which the program has a copy, which is the one in use: its words. Under the loader's lock. */
static void
collect_copy(struct collection *collection, const struct word *word)
{
  size_t count = (collection->words & MEMTRACK_WORDS_ADDRESSES) && (uintptr_t)word->at % sizeof(void *) == 0
                   ? word->symbol->st_size / sizeof(void *)
                   : 0;
  for (size_t i = 0; i < count; ++i) {
    for (size_t number = 0; number < MEMTRACK_REDIRECTS_MAX && collection->table[number].symbol; ++number) {
      if (word->at[i] && word->at[i] == collection->global[number]) {
        append(&collection->list,
               &(struct memtrack_patch){
                 .at = &word->at[i], .before = word->at[i], .after = collection->table[number].hook, .data = true});
        break; /* the next symbol may be another name of the same function */
      }
    }
  }
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
      const ElfW(Rela) *rela = &dynamic.rela[table][i];
      struct word word       = {.info   = info,
                                .rela   = rela,
                                .symbol = &dynamic.symbols[ELF64_R_SYM(rela->r_info)],
                                .type   = ELF64_R_TYPE(rela->r_info),
                                .at     = (void **)(info->dlpi_addr + rela->r_offset)};
      if (IS_SLOT(word.type) || word.type == DATA_TYPE) {
        collect_word(collection, &word, dynamic.strings + word.symbol->st_name);
      } else if (word.type == COPY_TYPE) {
        collect_copy(collection, &word);
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

int
memtrack_slots_collect(struct memtrack_slots *slots, const void *inside, const struct memtrack_redirect *table,
                       const void *const *global, unsigned words, bool *foreign)
{
  struct collection collection = {.inside = inside, .table = table, .global = global, .words = words};
  index_symbols(&collection);
  int result = fill(&collection.list, collect_module, &collection);
  if (foreign) {
    *foreign = collection.foreign;
  }
  *slots = (struct memtrack_slots){.count = collection.list.count, .list = collection.list.slots};
  if (result) {
    memtrack_slots_free(slots);
  }
  return result;
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
  memtrack_limit_descriptor(maps ? 0 : -1);
  if (!maps) {
    return -1;
  }
  int protection = memtrack_maps_protection(maps, address);
  int error      = ferror(maps) ? errno : EFAULT;
  fclose(maps);
  errno = protection < 0 ? error : errno;
  return protection;
}

static void *
page_of(void **slot, long page_size)
{
  return (void *)((uintptr_t)slot & ~((uintptr_t)page_size - 1));
}

/* One exchange tells what was in the slot, which the loader binds at a first call on any thread. A variable that the program has
   changed meanwhile keeps its value, now and when the slots are restored. */
static void
write_slot(void **at, struct memtrack_patch *patch, bool on)
{
  if (on && patch->data) {
    void *expected = patch->before;
    patch->before  = memtrack_replace_ordered(at, &expected, patch->after) ? expected : patch->after;
  } else if (on) {
    patch->before = memtrack_exchange_ordered(at, patch->after);
  } else if (patch->written) {
    void *expected = patch->after;
    memtrack_replace_ordered(at, &expected, patch->before);
  }
}

static void
set_written(struct memtrack_patch *patches, size_t count, bool written)
{
  for (size_t i = 0; i < count; ++i) {
    patches[i].written = written;
  }
}

/* Writes to a page of code, which must never be writable and executable: a changed copy takes its place. Another thread executes
   the old page or the new one. */
static int
replace_page(void *page, size_t page_size, int protection, struct memtrack_patch *patches, size_t count, bool on)
{
  char *copy = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (copy == MAP_FAILED) {
    return -1;
  }
  memcpy(copy, page, page_size);
  for (size_t i = 0; i < count; ++i) {
    write_slot((void **)(copy + ((char *)patches[i].at - (char *)page)), &patches[i], on);
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

static bool
any_written(const struct memtrack_patch *patches, size_t count)
{
  size_t i = 0;
  while (i < count && !patches[i].written) {
    ++i;
  }
  return i < count;
}

/* Held while a page has another protection, so that no thread takes that for the page's own. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* Writes the slots of one page and then restores the page's protection. Under the mutex. */
static int
write_page(struct memtrack_patch *patches, size_t count, bool on, struct memtrack_reason *reason)
{
  long page_size = sysconf(_SC_PAGESIZE);
  void *page     = page_of(patches[0].at, page_size);
  if (!on && !any_written(patches, count)) {
    return 0;
  }
  int protection = memtrack_page_protection(page);
  if (protection < 0 && errno == EFAULT) {
    return memtrack_reason_set(reason, "the slot at %p is not mapped", (void *)patches[0].at);
  }
  if (protection < 0) {
    return memtrack_reason_set(reason, "cannot read page protections from /proc/self/maps: %s", strerror(errno));
  }
  if ((protection & (PROT_EXEC | PROT_WRITE)) == PROT_EXEC) {
    if (replace_page(page, page_size, protection, patches, count, on)) {
      return memtrack_reason_set(reason, "cannot replace the page of code at %p: %s", page, strerror(errno));
    }
    set_written(patches, count, on);
    return 0;
  }
  int writable = protection | PROT_WRITE;
  if (protection != writable && mprotect(page, page_size, writable)) {
    return memtrack_reason_set(reason, "cannot make the page of the slot at %p writable: %s", (void *)patches[0].at,
                               errno == ENOMEM ? "out of memory, or of mappings (vm.max_map_count)" : strerror(errno));
  }
  for (size_t i = 0; i < count; ++i) {
    write_slot(patches[i].at, &patches[i], on);
  }
  set_written(patches, count, on);
  if (protection == writable) {
    return 0;
  }
  int now = memtrack_page_protection(page);
  if ((now < 0 || now == writable) && mprotect(page, page_size, protection)) {
    return memtrack_reason_set(reason, "cannot restore the protection of the page of the slot at %p: %s", (void *)patches[0].at,
                               strerror(errno));
  }
  return 0;
}

int
memtrack_slots_apply(struct memtrack_patch *patches, size_t count, bool on, struct memtrack_reason *reason)
{
  long page_size = sysconf(_SC_PAGESIZE);
  int result     = 0;
  for (size_t i = 0, end; i < count; i = end) {
    void *page = page_of(patches[i].at, page_size);
    for (end = i + 1; end < count && page_of(patches[end].at, page_size) == page; ++end) {
    }
    pthread_mutex_lock(&mutex);
    int written = write_page(patches + i, end - i, on, reason);
    pthread_mutex_unlock(&mutex);
    result = written ? -1 : result;
  }
  return result;
}

static int
give(struct memtrack_patch *slot, void *value, struct memtrack_reason *reason)
{
  struct memtrack_patch now = {.at = slot->at, .after = value};
  int result                = memtrack_slots_apply(&now, 1, true, reason);
  if (now.written) {
    now.before = slot->written ? slot->before : now.before;
    *slot      = now;
  }
  return result;
}

int
memtrack_slots_write(struct memtrack_slots *slots, void *value, struct memtrack_reason *reason)
{
  void *previous = slots->count && slots->list[0].written ? slots->list[0].after : NULL;
  size_t done    = 0;
  while (done < slots->count && give(&slots->list[done], value, reason) == 0) {
    ++done;
  }
  if (done == slots->count) {
    return 0;
  }
  for (size_t i = 0; i <= done; ++i) {
    if (!previous) {
      memtrack_slots_apply(&slots->list[i], 1, false, NULL);
    } else if (slots->list[i].after != previous) {
      give(&slots->list[i], previous, NULL);
    }
  }
  return -1;
}

int
memtrack_slots_restore(struct memtrack_slots *slots, struct memtrack_reason *reason)
{
  return memtrack_slots_apply(slots->list, slots->count, false, reason);
}
