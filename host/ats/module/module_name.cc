/* SPDX-License-Identifier: Apache-2.0 */
#include "module/module_name.h"

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

uint32_t
memtrack_module_name_count(const char *name)
{
  uint64_t length = strlen(name);
  uint32_t count =
    memtrack_ask_number(name, length, 0, [=](memtrack_core *core) { return memtrack_call(core, countLoad, length); });
  if (count == 0) {
    memtrack_limit_hit(MEMTRACK_LIMIT_GENERATIONS);
  }
  return count ? count : 1;
}
