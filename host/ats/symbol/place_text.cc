/* SPDX-License-Identifier: Apache-2.0 */
#include "place_text.h"

#include <string.h>

#include "ask.h"

void
memtrack_place_line(const char *name, const char *path, int line, char *text, size_t size)
{
  memtrack_answer answer;
  uint64_t length = strlen(name), path_length = strlen(path);
  if (size) {
    memtrack_ask(&answer, {{name, length}, {path, path_length}},
                 [=](Z_core_instance_t *core) { return Z_coreZ_writeLine(core, length, path_length, line, size - 1); });
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
                 [=](Z_core_instance_t *core) { return Z_coreZ_writeDistance(core, length, distance, size - 1); });
    memtrack_answer_copy(&answer, text, size);
  }
}

void
memtrack_place_function(const char *name, char *text, size_t size)
{
  memtrack_answer answer;
  uint64_t length = strlen(name);
  if (size) {
    memtrack_ask(&answer, name, length, [=](Z_core_instance_t *core) { return Z_coreZ_writeFunction(core, length, size - 1); });
    memtrack_answer_copy(&answer, text, size);
  }
}

bool
memtrack_path_is_system(const char *path)
{
  uint64_t length = strlen(path);
  return memtrack_ask_whether(path, length, [=](Z_core_instance_t *core) { return Z_coreZ_isSystemPath(core, length); });
}

bool
memtrack_name_is_allocator(const char *name)
{
  uint64_t length = strlen(name);
  return memtrack_ask_whether(name, length, [=](Z_core_instance_t *core) { return Z_coreZ_isAllocatorName(core, length); });
}

void
memtrack_debug_path(const void *id, size_t length, char *path, size_t size)
{
  memtrack_answer answer;
  memtrack_ask(&answer, (const char *)id, length, [=](Z_core_instance_t *core) { return Z_coreZ_debugPath(core, length); });
  memtrack_answer_copy(&answer, path, size);
}

uint32_t
memtrack_checksum(uint32_t before, const void *bytes, size_t length)
{
  memtrack_answer answer;
  uint32_t sum = before;
  memtrack_ask(&answer, (const char *)bytes, length, [&](Z_core_instance_t *core) {
    sum = Z_coreZ_checksum(core, before, length);
    return 0u;
  });
  return sum;
}
