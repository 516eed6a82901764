/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/dwarf_unit.h"

#include <dwarf.h>
#include <stdlib.h>

#include "symbol/dwarf_entry.h"
#include "symbol/elf_debug.h"
#include "symbol/elfutils.h"

/* libdw assumes that the last string of these sections ends within the section. Compressed sections are already decompressed here.
 */
static bool
has_sound_strings(Elf *elf)
{
  static const char *const NAMES[] = {".debug_str", ".debug_line_str"};
  for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); ++i) {
    GElf_Shdr header;
    Elf_Scn *section = memtrack_elf_section(elf, SHT_NULL, NAMES[i], &header);
    Elf_Data *data   = section ? elfutils->elf_rawdata(section, NULL) : NULL;
    if (data && data->d_size && (!data->d_buf || ((const char *)data->d_buf)[data->d_size - 1])) {
      return false;
    }
  }
  return true;
}

/* Returns NULL if there is no debug information, or if it cannot be read. */
static Dwarf *
read_debug(Elf *elf)
{
  Dwarf *dwarf = elfutils->dwarf_begin_elf(elf, DWARF_C_READ, NULL);
  if (dwarf) {
    elfutils->dwarf_new_oom_handler(dwarf, memtrack_elfutils_no_memory);
  }
  if (dwarf && !has_sound_strings(elf)) {
    elfutils->dwarf_end(dwarf);
    dwarf = NULL;
  }
  return dwarf;
}

/* Passes the shared debug information to libdw. Returns false if there is a link to it but it cannot be opened: libdw would
   search for it at the first reference. */
static bool
add_shared(struct memtrack_units *units, const struct memtrack_elf *file, const char *root)
{
  const char *name;
  const void *id;
  ssize_t length = elfutils->dwelf_dwarf_gnu_debugaltlink(units->dwarf, &name, &id);
  if (length == 0) {
    return true;
  }
  if (length < 0 || !memtrack_elf_find_shared(&units->shared_file, file, name, id, length, root)) {
    return false;
  }
  units->shared = read_debug(units->shared_file.elf);
  elfutils->dwarf_setalt(units->dwarf, units->shared);
  return units->shared != NULL;
}

struct unit_search {
  struct memtrack_units *units;
  Dwarf_Die die;
};

static bool
add_unit(uint64_t from, uint64_t to, void *data)
{
  const struct unit_search *search = data;
  struct memtrack_units *units     = search->units;
  if (!memtrack_ranges_grow((void **)&units->sorted, units->count, sizeof(struct memtrack_unit))) {
    return false;
  }
  units->sorted[units->count++] = (struct memtrack_unit){{from, to}, search->die};
  return true;
}

bool
memtrack_units_next(const struct memtrack_units *units, Dwarf_CU **cu, Dwarf_Die *die)
{
  uint8_t type;
  while (units->dwarf && elfutils->dwarf_get_units(units->dwarf, *cu, cu, NULL, &type, die, NULL) == 0) {
    if (type == DW_UT_compile || type == DW_UT_skeleton) {
      return true;
    }
  }
  return false;
}

void
memtrack_units_open(struct memtrack_units *units, const struct memtrack_elf *file, const char *root)
{
  *units       = (struct memtrack_units){.shared_file = {.fd = -1}};
  units->dwarf = read_debug(file->elf);
  if (units->dwarf && !add_shared(units, file, root)) {
    elfutils->dwarf_end(units->dwarf);
    units->dwarf = NULL;
  }
  struct unit_search search = {.units = units};
  Dwarf_CU *cu              = NULL;
  while (memtrack_units_next(units, &cu, &search.die)) {
    memtrack_entry_ranges(&search.die, add_unit, &search);
  }
  if (units->count) {
    qsort(units->sorted, units->count, sizeof(struct memtrack_unit), memtrack_range_compare);
  }
}

void
memtrack_units_close(struct memtrack_units *units)
{
  elfutils->dwarf_end(units->dwarf);
  elfutils->dwarf_end(units->shared);
  memtrack_elf_close(&units->shared_file);
  free(units->sorted);
}

void
memtrack_units_abandon(struct memtrack_units *units)
{
  units->dwarf = units->shared = NULL;
  units->count                 = 0;
}

struct memtrack_unit *
memtrack_units_at(const struct memtrack_units *units, uint64_t address)
{
  size_t i = memtrack_range_find(units->sorted, units->count, sizeof(struct memtrack_unit), address);
  return i < units->count && address < units->sorted[i].range.to ? &units->sorted[i] : NULL;
}

static bool
is_function(Dwarf_Die *die)
{
  int tag = elfutils->dwarf_tag(die);
  return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine;
}

/* The function that contains the address: first among the unit's own children, where gcc puts all functions, then in its
   namespaces. */
static bool
find_function(Dwarf_Die *parent, uint64_t address, Dwarf_Die *found, size_t depth, size_t *left)
{
  Dwarf_Die child;
  bool has_namespace = false;
  for (bool more = memtrack_entry_child(parent, &child, left); more; more = memtrack_entry_sibling(&child, left)) {
    int tag = elfutils->dwarf_tag(&child);
    if (tag == DW_TAG_subprogram && elfutils->dwarf_haspc(&child, address) == 1) {
      *found = child;
      return true;
    }
    has_namespace |= tag == DW_TAG_namespace;
  }
  if (!has_namespace || depth == MEMTRACK_DEPTH_MAX) {
    return false;
  }
  for (bool more = memtrack_entry_child(parent, &child, left); more; more = memtrack_entry_sibling(&child, left)) {
    if (elfutils->dwarf_tag(&child) == DW_TAG_namespace && find_function(&child, address, found, depth + 1, left)) {
      return true;
    }
  }
  return false;
}

size_t
memtrack_unit_scopes(struct memtrack_unit *unit, uint64_t address, Dwarf_Die *scopes)
{
  size_t left = MEMTRACK_ENTRIES_MAX, count = 0;
  Dwarf_Die die, child;
  bool found = find_function(&unit->die, address, &die, 0, &left);
  for (size_t depth = 0; found && depth < MEMTRACK_DEPTH_MAX && count < MEMTRACK_SCOPES_MAX; ++depth) {
    if (is_function(&die)) {
      scopes[count++] = die;
    }
    found = memtrack_entry_child(&die, &child, &left);
    while (found && !((is_function(&child) || memtrack_entry_is_block(&child)) && elfutils->dwarf_haspc(&child, address) == 1)) {
      found = memtrack_entry_sibling(&child, &left);
    }
    die = child;
  }
  return count;
}
