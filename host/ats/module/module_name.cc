/* SPDX-License-Identifier: Apache-2.0 */
#include "module/module_name.h"

#include <cstring>

#include "base/limits.h"
#include "core/ask.h"

/* A question whose answer is a number alone; `otherwise` where there is none. */
template <typename Question>
static uint32_t
ask_number(const char *text, uint32_t otherwise, Question question)
{
  memtrack_answer answer;
  uint32_t number = otherwise;
  memtrack_ask(&answer, text, strlen(text), [&](memtrack_core *core) {
    number = question(core, strlen(text));
    return 0u;
  });
  return number;
}

uint32_t
memtrack_module_name_kind(const char *path)
{
  return ask_number(path, MEMTRACK_MODULE_NAME_LEFT_ALONE,
                    [](memtrack_core *core, uint64_t length) { return memtrack_call(core, moduleKind, length); });
}

uint32_t
memtrack_module_name_count(const char *name)
{
  uint32_t count = ask_number(name, 0, [](memtrack_core *core, uint64_t length) { return memtrack_call(core, countLoad, length); });
  if (count == 0) {
    memtrack_limit_hit(MEMTRACK_LIMIT_GENERATIONS);
  }
  return count ? count : 1;
}
