/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/dwarf_entry.h"

#include <dwarf.h>

#include "symbol/elfutils.h"

#define RANGES_MAX (1 << 20) /* of a function or unit */

bool
memtrack_entry_child(Dwarf_Die *die, Dwarf_Die *child, size_t *left)
{
  return *left > 0 && (*left)-- && elfutils->dwarf_child(die, child) == 0;
}

bool
memtrack_entry_sibling(Dwarf_Die *child, size_t *left)
{
  return *left > 0 && (*left)-- && elfutils->dwarf_siblingof(child, child) == 0;
}

bool
memtrack_entry_is_block(Dwarf_Die *die)
{
  int tag = elfutils->dwarf_tag(die);
  return tag == DW_TAG_lexical_block || tag == DW_TAG_try_block || tag == DW_TAG_catch_block;
}

const char *
memtrack_entry_string(Dwarf_Die *die, unsigned int name)
{
  Dwarf_Attribute attribute;
  return elfutils->dwarf_formstring(elfutils->dwarf_attr_integrate(die, name, &attribute));
}

const char *
memtrack_entry_linkage_name(Dwarf_Die *die)
{
  const char *name = memtrack_entry_string(die, DW_AT_linkage_name);
  return name ? name : memtrack_entry_string(die, DW_AT_MIPS_linkage_name);
}

void
memtrack_entry_ranges(Dwarf_Die *die, bool (*visit)(uint64_t from, uint64_t to, void *data), void *data)
{
  Dwarf_Addr base, from, to;
  ptrdiff_t next = 0;
  /* The linker assigns address 0 to discarded code. */
  for (size_t i = 0; i < RANGES_MAX && (next = elfutils->dwarf_ranges(die, next, &base, &from, &to)) > 0; ++i) {
    if (from != 0 && from < to && !visit(from, to, data)) {
      return;
    }
  }
}
