/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/place_text.h"

#include <string.h>

#include "core/ask.h"

void
memtrack_place_line(const char *name, const char *path, int line, char *text, size_t size)
{
  memtrack_answer answer;
  uint64_t length = strlen(name), path_length = strlen(path);
  if (size) {
    memtrack_ask(&answer, {{name, length}, {path, path_length}},
                 [=](memtrack_core *core) { return memtrack_call(core, writeLine, length, path_length, line, size - 1); });
    memtrack_answer_copy(&answer, text, size);
  }
}

void
memtrack_place_distance(const char *name, uint64_t distance, char *text, size_t size)
{
  memtrack_answer answer;
  uint64_t length = strlen(name);
  if (size) {
    memtrack_ask(&answer, name, length,
                 [=](memtrack_core *core) { return memtrack_call(core, writeDistance, length, distance, size - 1); });
    memtrack_answer_copy(&answer, text, size);
  }
}

void
memtrack_place_function(const char *name, char *text, size_t size)
{
  memtrack_answer answer;
  uint64_t length = strlen(name);
  if (size) {
    memtrack_ask(&answer, name, length, [=](memtrack_core *core) { return memtrack_call(core, writeFunction, length, size - 1); });
    memtrack_answer_copy(&answer, text, size);
  }
}

bool
memtrack_path_is_system(const char *path)
{
  uint64_t length = strlen(path);
  return memtrack_ask_whether(path, length, [=](memtrack_core *core) { return memtrack_call(core, isSystemPath, length); });
}

bool
memtrack_name_is_allocator(const char *name)
{
  uint64_t length = strlen(name);
  return memtrack_ask_whether(name, length, [=](memtrack_core *core) { return memtrack_call(core, isAllocatorName, length); });
}

void
memtrack_debug_path(const void *id, size_t length, char *path, size_t size)
{
  memtrack_answer answer;
  memtrack_ask(&answer, (const char *)id, length, [=](memtrack_core *core) { return memtrack_call(core, debugPath, length); });
  memtrack_answer_copy(&answer, path, size);
}

uint32_t
memtrack_checksum(uint32_t before, const void *bytes, size_t length)
{
  return memtrack_ask_number((const char *)bytes, length, before,
                             [=](memtrack_core *core) { return memtrack_call(core, checksum, before, length); });
}
