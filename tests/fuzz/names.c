// SPDX-License-Identifier: Apache-2.0
//
// Names and paths from symbol tables, debug information and configuration: any bytes. Each text is within its size, and a terminal
// can show it.
#include "fuzz.h"

#include "core_abi.h"
#include "module/module_name.h"
#include "symbol/mangled.h"
#include "symbol/place_text.h"

static void
check(const char *text, size_t size)
{
  CLAIM(strnlen(text, size) < size);
  CLAIM(is_printable(text));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct input input = {data, size};
  size_t room        = 1 + take(&input, 1);
  int line           = (int)take(&input, 4);
  char *name         = take_text(&input);
  char *path         = take_text(&input);
  char *text         = malloc(room);
  memtrack_mangled_text(name, text, room);
  check(text, room);
  CLAIM(memtrack_mangled_kind(name) <= MEMTRACK_MANGLED_TRAMPOLINE);
  memtrack_place_line(name, path, line, text, room);
  CLAIM(strnlen(text, room) < room);
  memtrack_place_distance(name, (uint64_t)line, text, room);
  CLAIM(strnlen(text, room) < room);
  memtrack_place_function(name, text, room);
  CLAIM(strnlen(text, room) < room);
  memtrack_path_is_system(path);
  memtrack_name_is_allocator(name);
  CLAIM(memtrack_module_name_kind(path) <= MEMTRACK_MODULE_NAME_LEFT_ALONE);
  memtrack_debug_path(path, strlen(path), text, room);
  CLAIM(strnlen(text, room) < room);
  memtrack_module_name_load(path, line & 1, text, room);
  CLAIM(strnlen(text, room) < room);
  CLAIM(memtrack_checksum(memtrack_checksum(0, name, strlen(name)), "", 0) == memtrack_checksum(0, name, strlen(name)));
  free(text);
  free(path);
  free(name);
  return 0;
}
