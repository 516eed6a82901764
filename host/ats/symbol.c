/* SPDX-License-Identifier: Apache-2.0
 *
 * A module's file gives its functions (.symtab, else .dynsym), sorted by address. Its debug information, own or separate, gives
 * the code ranges of its units, sorted too, and all else when it is asked for:
 *
 *   address -> unit -> scopes: function [ inlined [ inlined ...]]   from the tree of the unit
 *                 \--> line of the innermost scope                  from its line table
 *                      line of an outer scope                       where the scope within was called
 *
 * libdw rather than libdwfl: the latter maps files, may ask a debuginfod server, and finds no unit of a compiler that writes no
 * .debug_aranges (clang). The tree is walked here, forward only and a bounded number of entries, so that broken debug information
 * ends a search but cannot hold it; of libdw's functions those that assert what a file says are left out.
 */
#define _GNU_SOURCE
#include "symbol.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mangled.h"

#define NAME_SIZE   256       /* a function's name in a site, with its NUL */
#define SCOPES_MAX  256       /* functions inlined into each other; what is deeper is not seen */
#define DEPTH_MAX   512       /* nesting of anything that is walked */
#define ENTRIES_MAX (1 << 24) /* of a tree in one question: 1 to 2 seconds */
#define ORIGINS_MAX 16
#define RANGES_MAX  (1 << 20) /* of one function or unit */
#define CRC_CHUNK   65536

const char *memtrack_symbols_root = "/usr/lib/debug";

struct file {
  int fd;
  Elf *elf;
};

struct function {
  struct memtrack_range range;
  const char *name; /* in the string table of its file */
  int rank;         /* of several at one address the first is taken: global, weak, local */
  bool has_size;
};

struct unit {
  struct memtrack_range range;
  Dwarf_Die lines; /* the unit's own entry, which has the line table */
  Dwarf_Die tree;  /* the same, but of a split unit the entry in the .dwo file */
};

struct list {
  struct memtrack_range *ranges;
  size_t count;
};

struct memtrack_symbols {
  struct file file, debug; /* debug: where it is separate */
  Dwarf *dwarf;
  struct function *functions;
  size_t function_count;
  struct unit *units;
  size_t unit_count;
};

/* Grown by doubling: `count` of them are in use. False where there is no memory. */
static bool
make_room(void **array, size_t count, size_t size)
{
  if (count & (count - 1)) {
    return true;
  }
  void *larger = reallocarray(*array, count ? count * 2 : 1, size);
  if (larger) {
    *array = larger;
  }
  return larger != NULL;
}

static int
compare_ranges(const void *left, const void *right)
{
  const struct memtrack_range *a = left, *b = right;
  return (a->from > b->from) - (a->from < b->from);
}

static int
compare_functions(const void *left, const void *right)
{
  const struct function *a = left, *b = right;
  int order = compare_ranges(&a->range, &b->range);
  return order ? order : a->rank != b->rank ? a->rank - b->rank : strcmp(a->name, b->name);
}

/* The index of the last of `count` elements, sorted and beginning with their range, that begins at or before the address; `count`
   where there is none. */
static size_t
find_last(const void *array, size_t count, size_t size, uint64_t address)
{
  size_t low = 0, high = count;
  while (low < high) {
    size_t middle                      = low + (high - low) / 2;
    const struct memtrack_range *range = (const void *)((const char *)array + middle * size);
    if (range->from <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low ? low - 1 : count;
}

/* ---- files ---- */

static void
close_file(struct file *file)
{
  elf_end(file->elf);
  if (file->fd >= 0) {
    close(file->fd);
  }
  *file = (struct file){.fd = -1};
}

/* Takes `fd` over. NULL, or a reason why not. */
static const char *
open_file(struct file *file, int fd)
{
  GElf_Ehdr header;
  struct stat stat;
  const char *reason = NULL;
  size_t sections;
  *file = (struct file){.fd = fd};
  elf_version(EV_CURRENT);
  if (fd < 0 || fstat(fd, &stat) || !S_ISREG(stat.st_mode)) {
    reason = "it is no file";
  } else if (!(file->elf = elf_begin(fd, ELF_C_READ, NULL)) || elf_kind(file->elf) != ELF_K_ELF ||
             !gelf_getehdr(file->elf, &header)) {
    reason = "it is no ELF file";
  } else if (header.e_type != ET_DYN && header.e_type != ET_EXEC) {
    reason = "it is no shared object";
  } else if (elf_getshdrnum(file->elf, &sections) || (header.e_shoff && sections == 0) ||
             (header.e_shoff && header.e_shoff + sections * header.e_shentsize > (uint64_t)stat.st_size)) {
    reason = "it is cut off";
  }
  if (reason) {
    close_file(file);
  }
  return reason;
}

/* The section of a type (or SHT_NULL: any) and a name (or NULL: any). */
static Elf_Scn *
find_section(Elf *elf, GElf_Word type, const char *name, GElf_Shdr *header)
{
  size_t strings;
  Elf_Scn *section = NULL;
  if (elf_getshdrstrndx(elf, &strings)) {
    return NULL;
  }
  while ((section = elf_nextscn(elf, section))) {
    const char *found;
    if (gelf_getshdr(section, header) && (type == SHT_NULL || header->sh_type == type) &&
        (!name || ((found = elf_strptr(elf, strings, header->sh_name)) && strcmp(found, name) == 0))) {
      return section;
    }
  }
  return NULL;
}

/* The name of old is that of a section compressed in the way of old. */
static bool
has_debug_information(Elf *elf)
{
  GElf_Shdr header;
  return (find_section(elf, SHT_PROGBITS, ".debug_info", &header) || find_section(elf, SHT_PROGBITS, ".zdebug_info", &header)) &&
         header.sh_size > 0;
}

/* That of .gnu_debuglink: CRC-32 of the whole file. */
static bool
file_crc(int fd, uint32_t *crc)
{
  uint32_t table[256], sum = ~0u;
  unsigned char *chunk = malloc(CRC_CHUNK);
  ssize_t length       = -1;
  off_t at             = 0;
  for (uint32_t i = 0; i < 256; ++i) {
    table[i] = i;
    for (int bit = 0; bit < 8; ++bit) {
      table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
    }
  }
  while (chunk && (length = pread(fd, chunk, CRC_CHUNK, at)) > 0) {
    for (ssize_t i = 0; i < length; ++i) {
      sum = sum >> 8 ^ table[(sum ^ chunk[i]) & 0xff];
    }
    at += length;
  }
  free(chunk);
  *crc = ~sum;
  return length == 0;
}

/* Opens `path` as the debug information of `elf`: where both have a build id they must be the same, else the CRC must be right. */
static bool
open_debug(struct file *debug, const char *path, Elf *elf, bool has_crc, uint32_t crc)
{
  const void *wanted, *found;
  uint32_t sum;
  /* A fifo must not hold us up. */
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 || open_file(debug, fd)) {
    return false;
  }
  ssize_t length       = dwelf_elf_gnu_build_id(elf, &wanted);
  ssize_t found_length = dwelf_elf_gnu_build_id(debug->elf, &found);
  bool is_same         = length > 0 && found_length > 0 ? length == found_length && memcmp(wanted, found, length) == 0
                                                        : has_crc && file_crc(debug->fd, &sum) && sum == crc;
  if (!is_same || !has_debug_information(debug->elf)) {
    close_file(debug);
    return false;
  }
  return true;
}

static bool
find_by_build_id(struct memtrack_symbols *symbols)
{
  char path[PATH_MAX];
  const unsigned char *id = NULL;
  ssize_t length          = dwelf_elf_gnu_build_id(symbols->file.elf, (const void **)&id);
  if (length < 2 || length > 64) {
    return false;
  }
  int used = snprintf(path, sizeof(path), "%s/.build-id/%02x/", memtrack_symbols_root, id[0]);
  for (ssize_t i = 1; i < length && used < PATH_MAX; ++i) {
    used += snprintf(path + used, sizeof(path) - used, "%02x", id[i]);
  }
  if (used < PATH_MAX) {
    used += snprintf(path + used, sizeof(path) - used, ".debug");
  }
  return used < PATH_MAX && open_debug(&symbols->debug, path, symbols->file.elf, false, 0);
}

static bool
find_by_debuglink(struct memtrack_symbols *symbols, const char *module)
{
  char path[PATH_MAX], folder[PATH_MAX];
  GElf_Word crc;
  const char *name = dwelf_elf_gnu_debuglink(symbols->file.elf, &crc);
  if (!name || strchr(name, '/') || !realpath(module, folder)) {
    return false;
  }
  *strrchr(folder, '/') = '\0';
  const struct {
    const char *root, *sub;
  } places[] = {{"", ""}, {"", "/.debug"}, {memtrack_symbols_root, ""}};
  for (size_t i = 0; i < sizeof(places) / sizeof(*places); ++i) {
    int length = snprintf(path, sizeof(path), "%s%s%s/%s", places[i].root, folder, places[i].sub, name);
    if (length < PATH_MAX && open_debug(&symbols->debug, path, symbols->file.elf, true, crc)) {
      return true;
    }
  }
  return false;
}

/* ---- functions, by their symbols ---- */

static bool
read_functions(struct memtrack_symbols *symbols, Elf *elf, GElf_Word type)
{
  GElf_Shdr header;
  Elf_Scn *section = find_section(elf, type, NULL, &header);
  Elf_Data *data   = section ? elf_getdata(section, NULL) : NULL;
  GElf_Sym symbol;
  for (int i = 0; data && gelf_getsym(data, i, &symbol); ++i) {
    int kind         = GELF_ST_TYPE(symbol.st_info);
    int binding      = GELF_ST_BIND(symbol.st_info);
    const char *name = elf_strptr(elf, header.sh_link, symbol.st_name);
    if ((kind != STT_FUNC && kind != STT_GNU_IFUNC) || symbol.st_shndx == SHN_UNDEF || symbol.st_value == 0 || !name || !*name) {
      continue;
    }
    if (!make_room((void **)&symbols->functions, symbols->function_count, sizeof(struct function))) {
      break;
    }
    /* Hand-written assembly may have no sizes: such a function reaches to the next one, or to the end of its section. */
    uint64_t to = symbol.st_value + symbol.st_size;
    GElf_Shdr home;
    if (symbol.st_size == 0 && gelf_getshdr(elf_getscn(elf, symbol.st_shndx), &home)) {
      to = home.sh_addr + home.sh_size;
    }
    symbols->functions[symbols->function_count++] = (struct function){
      .range    = {symbol.st_value, to < symbol.st_value ? symbol.st_value : to},
      .name     = name,
      .rank     = binding == STB_GLOBAL ? 0 : 1 + (binding != STB_WEAK),
      .has_size = symbol.st_size != 0,
    };
  }
  return symbols->function_count > 0;
}

static void
find_functions(struct memtrack_symbols *symbols)
{
  if (!read_functions(symbols, symbols->file.elf, SHT_SYMTAB) &&
      !(symbols->debug.elf && read_functions(symbols, symbols->debug.elf, SHT_SYMTAB)) &&
      !read_functions(symbols, symbols->file.elf, SHT_DYNSYM)) {
    return;
  }
  qsort(symbols->functions, symbols->function_count, sizeof(struct function), compare_functions);
  uint64_t next = UINT64_MAX;
  for (size_t i = symbols->function_count; i-- > 0;) {
    struct function *function = &symbols->functions[i];
    if (i + 1 < symbols->function_count && function[1].range.from != function->range.from) {
      next = function[1].range.from;
    }
    if (!function->has_size && function->range.to > next) {
      function->range.to = next;
    }
  }
}

static const struct function *
function_at(const struct memtrack_symbols *symbols, uint64_t address)
{
  size_t i = find_last(symbols->functions, symbols->function_count, sizeof(struct function), address);
  if (i == symbols->function_count) {
    return NULL;
  }
  /* Of those at one address the first. */
  while (i > 0 && symbols->functions[i - 1].range.from == symbols->functions[i].range.from) {
    --i;
  }
  return address < symbols->functions[i].range.to ? &symbols->functions[i] : NULL;
}

/* ---- debug information ---- */

/* Calls `visit` for each code range of an entry, until it returns false. */
static void
each_range(Dwarf_Die *die, bool (*visit)(uint64_t from, uint64_t to, void *data), void *data)
{
  Dwarf_Addr base, from, to;
  ptrdiff_t next = 0;
  /* The linker gives code that it left out the address 0. */
  for (size_t i = 0; i < RANGES_MAX && (next = dwarf_ranges(die, next, &base, &from, &to)) > 0; ++i) {
    if (from != 0 && from < to && !visit(from, to, data)) {
      return;
    }
  }
}

/* libdw takes it for granted that the last string of these ends in its section. They are unpacked by now, where they were packed.
 */
static bool
has_sound_strings(Elf *elf)
{
  static const char *const NAMES[] = {".debug_str", ".debug_line_str"};
  for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); ++i) {
    GElf_Shdr header;
    Elf_Scn *section = find_section(elf, SHT_NULL, NAMES[i], &header);
    Elf_Data *data   = section ? elf_rawdata(section, NULL) : NULL;
    if (data && data->d_size && (!data->d_buf || ((const char *)data->d_buf)[data->d_size - 1])) {
      return false;
    }
  }
  return true;
}

/* NULL where there is none, or none that can be read. */
static Dwarf *
read_debug(Elf *elf)
{
  Dwarf *dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
  if (dwarf && !has_sound_strings(elf)) {
    dwarf_end(dwarf);
    dwarf = NULL;
  }
  return dwarf;
}

struct unit_search {
  struct memtrack_symbols *symbols;
  Dwarf_Die lines, tree;
};

static bool
add_unit(uint64_t from, uint64_t to, void *data)
{
  const struct unit_search *search = data;
  struct memtrack_symbols *symbols = search->symbols;
  if (!make_room((void **)&symbols->units, symbols->unit_count, sizeof(struct unit))) {
    return false;
  }
  symbols->units[symbols->unit_count++] = (struct unit){{from, to}, search->lines, search->tree};
  return true;
}

/* The next unit that can hold code. A split unit whose .dwo file is not there has its lines all the same. */
static bool
next_unit(Dwarf *dwarf, Dwarf_CU **cu, Dwarf_Die *lines, Dwarf_Die *tree)
{
  uint8_t type;
  while (dwarf_get_units(dwarf, *cu, cu, NULL, &type, lines, tree) == 0) {
    if (type == DW_UT_compile || type == DW_UT_skeleton) {
      if (dwarf_tag(tree) == DW_TAG_invalid) {
        *tree = *lines;
      }
      return true;
    }
  }
  return false;
}

static void
find_units(struct memtrack_symbols *symbols)
{
  struct unit_search search = {.symbols = symbols};
  Dwarf_CU *cu              = NULL;
  while (next_unit(symbols->dwarf, &cu, &search.lines, &search.tree)) {
    each_range(&search.lines, add_unit, &search);
  }
  if (symbols->unit_count) {
    qsort(symbols->units, symbols->unit_count, sizeof(struct unit), compare_ranges);
  }
}

static struct unit *
unit_at(const struct memtrack_symbols *symbols, uint64_t address)
{
  size_t i = find_last(symbols->units, symbols->unit_count, sizeof(struct unit), address);
  return i < symbols->unit_count && address < symbols->units[i].range.to ? &symbols->units[i] : NULL;
}

static bool
is_function(Dwarf_Die *die)
{
  int tag = dwarf_tag(die);
  return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine;
}

static bool
is_block(Dwarf_Die *die)
{
  int tag = dwarf_tag(die);
  return tag == DW_TAG_lexical_block || tag == DW_TAG_try_block || tag == DW_TAG_catch_block;
}

/* The entry's first child, or the next one. Both only ever go forward in the unit. */
static bool
first_child(Dwarf_Die *die, Dwarf_Die *child, size_t *left)
{
  return *left > 0 && (*left)-- && dwarf_child(die, child) == 0;
}

static bool
next_child(Dwarf_Die *child, size_t *left)
{
  return *left > 0 && (*left)-- && dwarf_siblingof(child, child) == 0;
}

/* The function that holds the address: among the unit's own children, as gcc has them all, else in its namespaces. */
static bool
find_function(Dwarf_Die *parent, uint64_t address, Dwarf_Die *found, size_t depth, size_t *left)
{
  Dwarf_Die child;
  bool has_namespace = false;
  for (bool more = first_child(parent, &child, left); more; more = next_child(&child, left)) {
    int tag = dwarf_tag(&child);
    if (tag == DW_TAG_subprogram && dwarf_haspc(&child, address) == 1) {
      *found = child;
      return true;
    }
    has_namespace |= tag == DW_TAG_namespace;
  }
  if (!has_namespace || depth == DEPTH_MAX) {
    return false;
  }
  for (bool more = first_child(parent, &child, left); more; more = next_child(&child, left)) {
    if (dwarf_tag(&child) == DW_TAG_namespace && find_function(&child, address, found, depth + 1, left)) {
      return true;
    }
  }
  return false;
}

/* The functions around an address, outermost first. */
static size_t
find_scopes(struct unit *unit, uint64_t address, Dwarf_Die *scopes)
{
  size_t left = ENTRIES_MAX, count = 0;
  Dwarf_Die die, child;
  bool found = find_function(&unit->tree, address, &die, 0, &left);
  for (size_t depth = 0; found && depth < DEPTH_MAX && count < SCOPES_MAX; ++depth) {
    if (is_function(&die)) {
      scopes[count++] = die;
    }
    found = first_child(&die, &child, &left);
    while (found && !((is_function(&child) || is_block(&child)) && dwarf_haspc(&child, address) == 1)) {
      found = next_child(&child, &left);
    }
    die = child;
  }
  return count;
}

/* ---- what a function is ---- */

static const char *
string_of(Dwarf_Die *die, unsigned int name)
{
  Dwarf_Attribute attribute;
  return dwarf_formstring(dwarf_attr_integrate(die, name, &attribute));
}

static const char *
linkage_name(Dwarf_Die *die)
{
  const char *name = string_of(die, DW_AT_linkage_name);
  return name ? name : string_of(die, DW_AT_MIPS_linkage_name);
}

/* The path of a file by its number in the attribute's unit. */
static const char *
file_of(Dwarf_Attribute *attribute)
{
  Dwarf_Die unit;
  Dwarf_Files *files;
  size_t count;
  Dwarf_Word number;
  if (!attribute || dwarf_formudata(attribute, &number) ||
      !dwarf_cu_die(attribute->cu, &unit, NULL, NULL, NULL, NULL, NULL, NULL) || dwarf_getsrcfiles(&unit, &files, &count) ||
      number >= count) {
    return NULL;
  }
  return dwarf_filesrc(files, number, NULL, NULL);
}

static bool
is_system_header(const char *path)
{
  return strstr(path, "/include/c++/") || strncmp(path, "/usr/include/", 13) == 0 ||
         strncmp(path, "/usr/local/include/", 19) == 0 || (strncmp(path, "/usr/lib", 8) == 0 && strstr(path, "/include/"));
}

/* The type that an entry has, without typedefs and qualifiers; false for none (void). */
static bool
type_of(Dwarf_Die *die, Dwarf_Die *type)
{
  Dwarf_Attribute attribute;
  return dwarf_formref_die(dwarf_attr_integrate(die, DW_AT_type, &attribute), type) && dwarf_peel_type(type, type) == 0;
}

/* Plain memory: void *, or a pointer to something of one byte. */
static bool
returns_memory(Dwarf_Die *function)
{
  Dwarf_Die pointer, target;
  Dwarf_Attribute attribute;
  Dwarf_Word size;
  if (!type_of(function, &pointer) || dwarf_tag(&pointer) != DW_TAG_pointer_type) {
    return false;
  }
  return !dwarf_attr(&pointer, DW_AT_type, &attribute) || !type_of(&pointer, &target) ||
         (dwarf_tag(&target) == DW_TAG_base_type && dwarf_formudata(dwarf_attr(&target, DW_AT_byte_size, &attribute), &size) == 0 &&
          size == 1);
}

static bool
takes_something(Dwarf_Die *function)
{
  Dwarf_Die child;
  size_t left = SCOPES_MAX;
  for (bool more = first_child(function, &child, &left); more; more = next_child(&child, &left)) {
    if (dwarf_tag(&child) == DW_TAG_formal_parameter) {
      return true;
    }
  }
  return false;
}

/* void *xmalloc(size_t), char *my_strdup(const char *), void *Arena::allocate(size_t). */
static bool
is_allocator(Dwarf_Die *function)
{
  static const char *const ENDINGS[] = {"alloc", "allocate", "allocarray", "memalign", "dup"};
  const char *name                   = string_of(function, DW_AT_name);
  size_t length                      = name ? strlen(name) : 0;
  for (size_t i = 0; i < sizeof(ENDINGS) / sizeof(*ENDINGS); ++i) {
    size_t ending = strlen(ENDINGS[i]);
    if (length >= ending && strcasecmp(name + length - ending, ENDINGS[i]) == 0) {
      return returns_memory(function) && takes_something(function);
    }
  }
  return false;
}

/* Declared in a header for others to define: what an API asks of its user (TSPluginInit). Compilers tell the place of the
   declaration even where the function has a body elsewhere. What such a header defines itself is inline or has a C++ name. */
static bool
is_callback(Dwarf_Die *function)
{
  Dwarf_Attribute attribute;
  return dwarf_attr_integrate(function, DW_AT_external, &attribute) && !dwarf_attr_integrate(function, DW_AT_inline, &attribute) &&
         !linkage_name(function);
}

static bool
is_wrapper(Dwarf_Die *function)
{
  Dwarf_Attribute attribute;
  const char *name = linkage_name(function);
  if (name && memtrack_mangled_kind(name) != MEMTRACK_MANGLED_OWN) {
    return true;
  }
  /* Constructors and assignments that nobody wrote: who copies is told by their caller. gcc calls a lambda's code artificial too.
   */
  const char *plain = string_of(function, DW_AT_name);
  if (dwarf_attr_integrate(function, DW_AT_artificial, &attribute) && plain && strcmp(plain, "operator()") != 0) {
    return true;
  }
  const char *path = file_of(dwarf_attr_integrate(function, DW_AT_decl_file, &attribute));
  return (path && is_system_header(path) && !is_callback(function)) || is_allocator(function);
}

/* ---- names ---- */

struct position {
  const char *file;
  int line;
};

/* Where the call is, by the line table: the last row at or before it that has a line (the compiler's own code has line 0). */
static bool
position_of_call(struct unit *unit, uint64_t address, struct position *position)
{
  Dwarf_Lines *lines;
  Dwarf_Addr at;
  size_t count, low = 0;
  if (dwarf_getsrclines(&unit->lines, &lines, &count)) {
    return false;
  }
  for (size_t high = count; low < high;) {
    size_t middle = low + (high - low) / 2;
    if (dwarf_lineaddr(dwarf_onesrcline(lines, middle), &at) == 0 && at <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  while (low-- > 0) {
    Dwarf_Line *row = dwarf_onesrcline(lines, low);
    bool is_end;
    if (dwarf_lineendsequence(row, &is_end) || is_end || dwarf_lineno(row, &position->line)) {
      return false;
    }
    if (position->line > 0) {
      position->file = dwarf_linesrc(row, NULL, NULL);
      return position->file != NULL;
    }
  }
  return false;
}

/* Where an inlined function was called. */
static bool
position_of_inlined(Dwarf_Die *inlined, struct position *position)
{
  Dwarf_Attribute attribute;
  Dwarf_Word line;
  if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &attribute), &line) || line == 0 || line > INT_MAX) {
    return false;
  }
  position->line = (int)line;
  position->file = file_of(dwarf_attr(inlined, DW_AT_call_file, &attribute));
  return position->file != NULL;
}

struct place {
  uint64_t address;
  struct unit *unit;
  const struct function *function;
  Dwarf_Die scopes[SCOPES_MAX];
  size_t count;
};

/* A name in a path of names: of a namespace, a class or a function, and "" of anything else. */
static void
write_name(Dwarf_Die *die, char *text, size_t size)
{
  const char *name = string_of(die, DW_AT_name);
  text[0]          = '\0';
  switch (dwarf_tag(die)) {
  case DW_TAG_namespace:
    break; /* one without a name tells a reader nothing */
  case DW_TAG_class_type:
  case DW_TAG_structure_type:
  case DW_TAG_union_type:
    /* A class that has code and no name, or <lambda(int)>. */
    name = !name || strncmp(name, "<lambda", 7) == 0 ? "{lambda}" : name;
    break;
  case DW_TAG_subprogram:
    break;
  default:
    return;
  }
  if (name) {
    memtrack_mangled_text(name, text, size);
  }
}

/* The entry that an instance of a function was made from, which stands where the function was declared. */
static Dwarf_Die
origin_of(Dwarf_Die die)
{
  Dwarf_Attribute attribute;
  for (int i = 0; i < ORIGINS_MAX &&
                  ((dwarf_attr(&die, DW_AT_abstract_origin, &attribute)) || dwarf_attr(&die, DW_AT_specification, &attribute));
       ++i) {
    Dwarf_Die next;
    if (!dwarf_formref_die(&attribute, &next)) {
      break;
    }
    die = next;
  }
  return die;
}

/* The function's name after those of what it is declared in. For what has no linkage name: C, and of gcc's C++ lambdas and
   anonymous namespaces. Entries are in the order of their offsets, and what is within one comes before the next. */
static void
write_qualified(Dwarf_Die *function, char *text, size_t size)
{
  Dwarf_Die target = origin_of(*function), parent, child, next;
  Dwarf_Off wanted = dwarf_dieoffset(&target);
  size_t left = ENTRIES_MAX, used = 0;
  bool found = dwarf_diecu(&target, &parent, NULL, NULL) != NULL;
  for (int depth = 0; found && depth < DEPTH_MAX && dwarf_dieoffset(&parent) != wanted; ++depth) {
    found = false;
    for (bool more = first_child(&parent, &child, &left); more && dwarf_dieoffset(&child) <= wanted;
         more      = next_child(&child, &left)) {
      next  = child;
      found = true;
    }
    if (found) {
      char name[NAME_SIZE];
      write_name(&next, name, sizeof(name));
      used += name[0] && used < size ? snprintf(text + used, size - used, "%s%s", used ? "::" : "", name) : 0;
      parent = next;
    }
  }
  if (!found) {
    text[0] = '\0';
  }
}

/* Of scope number `index`, else of the symbol; "" for none. */
static void
write_function(struct place *place, size_t index, char *text, size_t size)
{
  Dwarf_Die *scope = index < place->count ? &place->scopes[index] : NULL;
  const char *name = scope ? linkage_name(scope) : NULL;
  text[0]          = '\0';
  if (name) {
    memtrack_mangled_text(name, text, size);
  }
  /* A linkage name that could not be read is worse than a path of plain ones. */
  if (scope && (!name || strncmp(text, "_Z", 2) == 0)) {
    write_qualified(scope, text, size);
  }
  if (!text[0] && place->function) {
    memtrack_mangled_text(place->function->name, text, size);
  }
}

static void
make_printable(char *text)
{
  for (; *text; ++text) {
    *text = *text >= ' ' && *text <= '~' ? *text : '?';
  }
}

/* `name` and `rest`; where there is no room for both, the end of the name goes. */
static void
join(const char *name, const char *rest, char *text, size_t size)
{
  size_t length = strlen(rest), room = size > length ? size - 1 - length : 0;
  if (strlen(name) > room && room > 3) {
    snprintf(text, size, "%.*s...%s", (int)(room - 3), name, rest);
  } else {
    snprintf(text, size, "%.*s%s", (int)room, name, rest);
  }
}

/* Large, so not for the stack. NULL where there is no memory. */
static struct place *
find_place(const struct memtrack_symbols *symbols, uint64_t offset)
{
  struct place *place = malloc(sizeof(*place));
  if (place) {
    /* The call is before the address that it returns to, which may be another line's or another function's. */
    place->address  = offset - 1;
    place->unit     = unit_at(symbols, place->address);
    place->function = function_at(symbols, place->address);
    place->count    = place->unit ? find_scopes(place->unit, place->address, place->scopes) : 0;
  }
  return place;
}

enum memtrack_symbol
memtrack_symbols_name(struct memtrack_symbols *symbols, uint64_t offset, char *text, size_t size)
{
  char name[NAME_SIZE], rest[NAME_SIZE + 32];
  struct position position;
  enum memtrack_symbol known = MEMTRACK_SYMBOL_NONE;
  if (size) {
    text[0] = '\0';
  }
  struct place *place = find_place(symbols, offset);
  if (!place) {
    return known;
  }
  size_t site = place->count;
  while (site > 0 && is_wrapper(&place->scopes[site - 1])) {
    --site;
  }
  site          = site ? site - 1 : 0;
  bool has_line = place->unit && (site + 1 < place->count ? position_of_inlined(&place->scopes[site + 1], &position)
                                                          : position_of_call(place->unit, place->address, &position));
  /* Without the scopes a line of a system header is nobody's. */
  if (has_line && place->count == 0 && is_system_header(position.file)) {
    has_line = false;
  }
  if (has_line) {
    const char *base = strrchr(position.file, '/');
    char file[NAME_SIZE];
    write_function(place, site, name, sizeof(name));
    snprintf(file, sizeof(file), "%s", base ? base + 1 : position.file);
    make_printable(file);
    snprintf(rest, sizeof(rest), " (%s:%d)", file, position.line);
    join(name[0] ? name : "??", rest, text, size);
    known = MEMTRACK_SYMBOL_LINE;
  } else if (place->function) {
    memtrack_mangled_text(place->function->name, name, sizeof(name));
    snprintf(rest, sizeof(rest), "+0x%llx", (unsigned long long)(offset - place->function->range.from));
    join(name, rest, text, size);
    known = MEMTRACK_SYMBOL_FUNCTION;
  }
  free(place);
  return known;
}

enum memtrack_symbol
memtrack_symbols_function(struct memtrack_symbols *symbols, uint64_t offset, char *text, size_t size)
{
  char name[NAME_SIZE] = "";
  struct place *place  = find_place(symbols, offset);
  if (place) {
    write_function(place, place->count ? place->count - 1 : 0, name, sizeof(name));
    free(place);
  }
  join(name, "", text, size);
  return name[0] ? MEMTRACK_SYMBOL_FUNCTION : MEMTRACK_SYMBOL_NONE;
}

/* ---- wrappers ---- */

struct wrappers {
  struct list in, out; /* code of wrappers; and within it of what is none */
  size_t left;
};

static bool
add_range(uint64_t from, uint64_t to, void *data)
{
  struct list *list = data;
  if (!make_room((void **)&list->ranges, list->count, sizeof(*list->ranges))) {
    return false;
  }
  list->ranges[list->count++] = (struct memtrack_range){from, to};
  return true;
}

/* A plugin's lambda inlined into std::for_each is the plugin's code. */
static void
leave_own_out(struct wrappers *wrappers, Dwarf_Die *parent, size_t depth)
{
  Dwarf_Die child;
  for (bool more = first_child(parent, &child, &wrappers->left); more; more = next_child(&child, &wrappers->left)) {
    bool is_inlined = dwarf_tag(&child) == DW_TAG_inlined_subroutine;
    if (is_inlined && !is_wrapper(&child)) {
      each_range(&child, add_range, &wrappers->out);
    } else if ((is_inlined || is_block(&child)) && depth < DEPTH_MAX) {
      leave_own_out(wrappers, &child, depth + 1);
    }
  }
}

static void
find_wrappers(struct wrappers *wrappers, Dwarf_Die *parent, size_t depth)
{
  Dwarf_Die child;
  for (bool more = first_child(parent, &child, &wrappers->left); more; more = next_child(&child, &wrappers->left)) {
    int tag = dwarf_tag(&child);
    if (tag == DW_TAG_subprogram && (dwarf_hasattr(&child, DW_AT_low_pc) || dwarf_hasattr(&child, DW_AT_ranges)) &&
        is_wrapper(&child)) {
      each_range(&child, add_range, &wrappers->in);
      leave_own_out(wrappers, &child, depth);
    } else if (tag == DW_TAG_namespace && depth < DEPTH_MAX) {
      find_wrappers(wrappers, &child, depth + 1);
    }
  }
}

/* Sorts them, and makes one of those that touch. */
static void
merge(struct list *list)
{
  size_t count = 0;
  if (list->count) {
    qsort(list->ranges, list->count, sizeof(*list->ranges), compare_ranges);
  }
  for (size_t i = 0; i < list->count; ++i) {
    struct memtrack_range next = list->ranges[i];
    if (count && next.from <= list->ranges[count - 1].to) {
      if (next.to > list->ranges[count - 1].to) {
        list->ranges[count - 1].to = next.to;
      }
    } else if (next.from < next.to) {
      list->ranges[count++] = next;
    }
  }
  list->count = count;
}

/* What is in `in` and not in `out`, both merged. */
static struct list
subtract(const struct list *in, const struct list *out)
{
  struct list rest = {0};
  size_t next      = 0;
  for (size_t i = 0; i < in->count; ++i) {
    uint64_t from = in->ranges[i].from, to = in->ranges[i].to;
    while (next < out->count && out->ranges[next].to <= from) {
      ++next;
    }
    for (size_t j = next; j < out->count && out->ranges[j].from < to && from < to; ++j) {
      if (out->ranges[j].from > from) {
        add_range(from, out->ranges[j].from, &rest);
      }
      from = out->ranges[j].to;
    }
    if (from < to) {
      add_range(from, to, &rest);
    }
  }
  return rest;
}

size_t
memtrack_symbols_wrappers(struct memtrack_symbols *symbols, struct memtrack_range **ranges)
{
  struct wrappers wrappers = {.left = ENTRIES_MAX};
  for (size_t i = 0; i < symbols->function_count; ++i) {
    const struct function *function = &symbols->functions[i];
    /* Without debug information nobody knows whether a trampoline holds the function that it is there to call. */
    if (memtrack_mangled_kind(function->name) == MEMTRACK_MANGLED_WRAPPER) {
      add_range(function->range.from, function->range.to, &wrappers.in);
    }
  }
  Dwarf_CU *cu = NULL;
  Dwarf_Die lines, tree;
  while (symbols->dwarf && next_unit(symbols->dwarf, &cu, &lines, &tree)) {
    find_wrappers(&wrappers, &tree, 0);
  }
  merge(&wrappers.in);
  merge(&wrappers.out);
  struct list rest = subtract(&wrappers.in, &wrappers.out);
  free(wrappers.in.ranges);
  free(wrappers.out.ranges);
  *ranges = rest.ranges;
  return rest.count;
}

/* ---- a module ---- */

struct memtrack_symbols *
memtrack_symbols_open(int fd, const char *path, char *reason)
{
  struct memtrack_symbols *symbols = calloc(1, sizeof(*symbols));
  if (!symbols) {
    snprintf(reason, MEMTRACK_REASON_SIZE, "no memory to read the symbols of %.120s", path);
    if (fd >= 0) {
      close(fd);
    }
    return NULL;
  }
  symbols->debug.fd   = -1;
  const char *refusal = open_file(&symbols->file, fd);
  if (refusal) {
    snprintf(reason, MEMTRACK_REASON_SIZE, "%.120s has no symbols to read: %s", path, refusal);
    memtrack_symbols_close(symbols);
    return NULL;
  }
  bool is_separate = !has_debug_information(symbols->file.elf) && (find_by_build_id(symbols) || find_by_debuglink(symbols, path));
  symbols->dwarf   = read_debug(is_separate ? symbols->debug.elf : symbols->file.elf);
  find_functions(symbols);
  if (symbols->dwarf) {
    find_units(symbols);
  }
  return symbols;
}

void
memtrack_symbols_close(struct memtrack_symbols *symbols)
{
  dwarf_end(symbols->dwarf);
  close_file(&symbols->debug);
  close_file(&symbols->file);
  free(symbols->functions);
  free(symbols->units);
  free(symbols);
}
