/* SPDX-License-Identifier: Apache-2.0 */
#include "dwarf_position.h"

#include <dwarf.h>
#include <limits.h>
#include <stddef.h>

const char *
memtrack_position_file(Dwarf_Attribute *attribute)
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

bool
memtrack_position_of_call(Dwarf_Die *unit, uint64_t address, struct memtrack_position *position)
{
  Dwarf_Lines *lines;
  Dwarf_Addr at;
  size_t count, low = 0;
  if (dwarf_getsrclines(unit, &lines, &count)) {
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

bool
memtrack_position_of_inlined(Dwarf_Die *inlined, struct memtrack_position *position)
{
  Dwarf_Attribute attribute;
  Dwarf_Word line;
  if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &attribute), &line) || line == 0 || line > INT_MAX) {
    return false;
  }
  position->line = (int)line;
  position->file = memtrack_position_file(dwarf_attr(inlined, DW_AT_call_file, &attribute));
  return position->file != NULL;
}
