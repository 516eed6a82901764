/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/dwarf_name.h"

#include <dwarf.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "symbol/dwarf_entry.h"
#include "symbol/elfutils.h"
#include "symbol/mangled.h"

#define PART_SIZE   256 /* a name in a path, with its NUL */
#define ORIGINS_MAX 16

/* A component of a path: the name of a namespace, a class or a function; "" for any other entry. */
static void
write_name(Dwarf_Die *die, char *text, size_t size)
{
  const char *name = memtrack_entry_string(die, DW_AT_name);
  text[0]          = '\0';
  switch (elfutils->dwarf_tag(die)) {
  case DW_TAG_namespace:
    break; /* an unnamed scope carries no information */
  case DW_TAG_class_type:
  case DW_TAG_structure_type:
  case DW_TAG_union_type:
    /* A class that has code but no name, or <lambda(int)>. */
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

/* The declaration from which an instance of a function was made. */
static Dwarf_Die
origin_of(Dwarf_Die die)
{
  Dwarf_Attribute attribute;
  for (int i = 0; i < ORIGINS_MAX && ((elfutils->dwarf_attr(&die, DW_AT_abstract_origin, &attribute)) ||
                                      elfutils->dwarf_attr(&die, DW_AT_specification, &attribute));
       ++i) {
    Dwarf_Die next;
    if (!elfutils->dwarf_formref_die(&attribute, &next)) {
      break;
    }
    die = next;
  }
  return die;
}

/* Appends the function's name to the names of its enclosing scopes. For functions without a linkage name: C, and with gcc also
   C++ lambdas and anonymous namespaces. Entries are ordered by offset, and an entry's contents precede the next entry. */
static void
write_qualified(Dwarf_Die *function, char *text, size_t size)
{
  Dwarf_Die target = origin_of(*function), parent, child, next;
  Dwarf_Off wanted = elfutils->dwarf_dieoffset(&target);
  size_t left = MEMTRACK_ENTRIES_MAX, used = 0;
  bool found = elfutils->dwarf_diecu(&target, &parent, NULL, NULL) != NULL;
  for (int depth = 0; found && depth < MEMTRACK_DEPTH_MAX && elfutils->dwarf_dieoffset(&parent) != wanted; ++depth) {
    found = false;
    for (bool more = memtrack_entry_child(&parent, &child, &left); more && elfutils->dwarf_dieoffset(&child) <= wanted;
         more      = memtrack_entry_sibling(&child, &left)) {
      next  = child;
      found = true;
    }
    if (found) {
      char name[PART_SIZE];
      write_name(&next, name, sizeof(name));
      used += name[0] && used < size ? snprintf(text + used, size - used, "%s%s", used ? "::" : "", name) : 0;
      parent = next;
    }
  }
  if (!found) {
    text[0] = '\0';
  }
}

void
memtrack_scope_name(Dwarf_Die *scope, char *text, size_t size)
{
  const char *name = memtrack_entry_linkage_name(scope);
  text[0]          = '\0';
  if (name) {
    memtrack_mangled_text(name, text, size);
  }
  /* A malformed linkage name is worse than a path of plain names. */
  if (!name || strncmp(text, "_Z", 2) == 0) {
    write_qualified(scope, text, size);
  }
}
