/* SPDX-License-Identifier: Apache-2.0 */
#include "module/module_name.h"

#include <cstdio>
#include <cstring>

#include "base/limits.h"
#include "core/ask.h"

uint32_t
memtrack_module_name_kind(const char *path)
{
  uint64_t length = strlen(path);
  return memtrack_ask_number(path, length, MEMTRACK_MODULE_NAME_LEFT_ALONE,
                             [=](memtrack_core *core) { return memtrack_call(core, moduleKind, length); });
}

const char *
memtrack_module_name_of_copy(const char *path)
{
  uint64_t length = strlen(path);
  uint64_t offset =
    memtrack_ask_number(path, length, 0, [=](memtrack_core *core) { return memtrack_call(core, copiedPath, length); });
  return offset ? path + offset : nullptr;
}

void
memtrack_module_name_load(const char *name, bool by_remap, char *text, size_t size)
{
  memtrack_answer answer;
  uint64_t length = strlen(name);
  if (memtrack_ask(&answer, name, length, [=](memtrack_core *core) { return memtrack_call(core, nameLoad, length, by_remap); })) {
    memtrack_answer_copy(&answer, text, size);
  } else {
    snprintf(text, size, "%s", name);
  }
  if (answer.number == 0) {
    memtrack_limit_hit(MEMTRACK_LIMIT_GENERATIONS);
  }
}
