/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/dwarf_position.h"

#include <dwarf.h>
#include <limits.h>
#include <stddef.h>

#include "symbol/elfutils.h"

const char *
memtrack_position_file(Dwarf_Attribute *attribute)
{
  Dwarf_Die unit;
  Dwarf_Files *files;
  size_t count;
  Dwarf_Word number;
  if (!attribute || elfutils->dwarf_formudata(attribute, &number) ||
      !elfutils->dwarf_cu_die(attribute->cu, &unit, NULL, NULL, NULL, NULL, NULL, NULL) ||
      elfutils->dwarf_getsrcfiles(&unit, &files, &count) || number >= count) {
    return NULL;
  }
  return elfutils->dwarf_filesrc(files, number, NULL, NULL);
}

bool
memtrack_position_of_call(Dwarf_Die *unit, uint64_t address, struct memtrack_position *position)
{
  Dwarf_Lines *lines;
  Dwarf_Addr at;
  size_t count, low = 0;
  if (elfutils->dwarf_getsrclines(unit, &lines, &count)) {
    return false;
  }
  for (size_t high = count; low < high;) {
    size_t middle = low + (high - low) / 2;
    if (elfutils->dwarf_lineaddr(elfutils->dwarf_onesrcline(lines, middle), &at) == 0 && at <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  while (low-- > 0) {
    Dwarf_Line *row = elfutils->dwarf_onesrcline(lines, low);
    bool is_end;
    if (elfutils->dwarf_lineendsequence(row, &is_end) || is_end || elfutils->dwarf_lineno(row, &position->line)) {
      return false;
    }
    if (position->line > 0) {
      position->file = elfutils->dwarf_linesrc(row, NULL, NULL);
      return position->file != NULL;
    }
  }
  return false;
}

bool
memtrack_position_of_inlined(Dwarf_Die *inlined, struct memtrack_position *position)
{
  Dwarf_Attribute attribute;
  Dwarf_Word line;
  if (elfutils->dwarf_formudata(elfutils->dwarf_attr(inlined, DW_AT_call_line, &attribute), &line) || line == 0 || line > INT_MAX) {
    return false;
  }
  position->line = (int)line;
  position->file = memtrack_position_file(elfutils->dwarf_attr(inlined, DW_AT_call_file, &attribute));
  return position->file != NULL;
}
