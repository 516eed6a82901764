/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/dwarf_wrapper.h"

#include <dwarf.h>
#include <stddef.h>
#include <string.h>

#include "symbol/dwarf_entry.h"
#include "symbol/dwarf_position.h"
#include "symbol/elfutils.h"
#include "symbol/mangled.h"
#include "symbol/place_text.h"

#define CHILDREN_MAX 256 /* of a function, searched for its parameters */

/* The type of an entry without typedefs and qualifiers; false for void. */
static bool
type_of(Dwarf_Die *die, Dwarf_Die *type)
{
  Dwarf_Attribute attribute;
  return elfutils->dwarf_formref_die(elfutils->dwarf_attr_integrate(die, DW_AT_type, &attribute), type) &&
         elfutils->dwarf_peel_type(type, type) == 0;
}

/* Plain memory: void *, or a pointer to a type of one byte. */
static bool
returns_memory(Dwarf_Die *function)
{
  Dwarf_Die pointer, target;
  Dwarf_Attribute attribute;
  Dwarf_Word size;
  if (!type_of(function, &pointer) || elfutils->dwarf_tag(&pointer) != DW_TAG_pointer_type) {
    return false;
  }
  return !elfutils->dwarf_attr(&pointer, DW_AT_type, &attribute) || !type_of(&pointer, &target) ||
         (elfutils->dwarf_tag(&target) == DW_TAG_base_type &&
          elfutils->dwarf_formudata(elfutils->dwarf_attr(&target, DW_AT_byte_size, &attribute), &size) == 0 && size == 1);
}

static bool
takes_something(Dwarf_Die *function)
{
  Dwarf_Die child;
  size_t left = CHILDREN_MAX;
  for (bool more = memtrack_entry_child(function, &child, &left); more; more = memtrack_entry_sibling(&child, &left)) {
    if (elfutils->dwarf_tag(&child) == DW_TAG_formal_parameter) {
      return true;
    }
  }
  return false;
}

/* void *xmalloc(size_t), char *my_strdup(const char *), void *Arena::allocate(size_t). */
static bool
is_allocator(Dwarf_Die *function)
{
  const char *name = memtrack_entry_string(function, DW_AT_name);
  return name && memtrack_name_is_allocator(name) && returns_memory(function) && takes_something(function);
}

/* Declared in a header and defined by the user of an API (TSPluginInit). Compilers record the place of the declaration even if
   the function has its body elsewhere. A function defined in such a header is inline or has a C++ name. */
static bool
is_callback(Dwarf_Die *function)
{
  Dwarf_Attribute attribute;
  return elfutils->dwarf_attr_integrate(function, DW_AT_external, &attribute) &&
         !elfutils->dwarf_attr_integrate(function, DW_AT_inline, &attribute) && !memtrack_entry_linkage_name(function);
}

bool
memtrack_scope_is_wrapper(Dwarf_Die *function)
{
  Dwarf_Attribute attribute;
  const char *name = memtrack_entry_linkage_name(function);
  if (name && memtrack_mangled_kind(name) != MEMTRACK_MANGLED_OWN) {
    return true;
  }
  /* Implicit constructors and assignments: the caller is the one that copies. gcc marks a lambda's code as artificial too. */
  const char *plain = memtrack_entry_string(function, DW_AT_name);
  if (elfutils->dwarf_attr_integrate(function, DW_AT_artificial, &attribute) && plain && strcmp(plain, "operator()") != 0) {
    return true;
  }
  const char *path = memtrack_position_file(elfutils->dwarf_attr_integrate(function, DW_AT_decl_file, &attribute));
  return (path && memtrack_path_is_system(path) && !is_callback(function)) || is_allocator(function);
}

struct wrappers {
  struct memtrack_ranges *in, *out; /* code of wrappers; within it, inlined code of other functions */
  size_t left;
};

static bool
add_range(uint64_t from, uint64_t to, void *data)
{
  return memtrack_ranges_add(data, from, to);
}

static void
leave_own_out(struct wrappers *wrappers, Dwarf_Die *parent, size_t depth)
{
  Dwarf_Die child;
  for (bool more = memtrack_entry_child(parent, &child, &wrappers->left); more;
       more      = memtrack_entry_sibling(&child, &wrappers->left)) {
    bool is_inlined = elfutils->dwarf_tag(&child) == DW_TAG_inlined_subroutine;
    if (is_inlined && !memtrack_scope_is_wrapper(&child)) {
      memtrack_entry_ranges(&child, add_range, wrappers->out);
    } else if ((is_inlined || memtrack_entry_is_block(&child)) && depth < MEMTRACK_DEPTH_MAX) {
      leave_own_out(wrappers, &child, depth + 1);
    }
  }
}

static void
find_wrappers(struct wrappers *wrappers, Dwarf_Die *parent, size_t depth)
{
  Dwarf_Die child;
  for (bool more = memtrack_entry_child(parent, &child, &wrappers->left); more;
       more      = memtrack_entry_sibling(&child, &wrappers->left)) {
    int tag = elfutils->dwarf_tag(&child);
    if (tag == DW_TAG_subprogram &&
        (elfutils->dwarf_hasattr(&child, DW_AT_low_pc) || elfutils->dwarf_hasattr(&child, DW_AT_ranges)) &&
        memtrack_scope_is_wrapper(&child)) {
      memtrack_entry_ranges(&child, add_range, wrappers->in);
      leave_own_out(wrappers, &child, depth);
    } else if (tag == DW_TAG_namespace && depth < MEMTRACK_DEPTH_MAX) {
      find_wrappers(wrappers, &child, depth + 1);
    }
  }
}

void
memtrack_units_wrappers(const struct memtrack_units *units, struct memtrack_ranges *in, struct memtrack_ranges *out)
{
  struct wrappers wrappers = {.in = in, .out = out, .left = MEMTRACK_ENTRIES_MAX};
  Dwarf_CU *cu             = NULL;
  Dwarf_Die die;
  while (memtrack_units_next(units, &cu, &die)) {
    find_wrappers(&wrappers, &die, 0);
  }
}
