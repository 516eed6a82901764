/* SPDX-License-Identifier: Apache-2.0 */
#include "owner/frames.h"

#include <cstring>

#include "core/model.h"

namespace
{
/* A call in the module without a name; 0 if there is none, or no model any more. */
uint64_t
next_call(uint32_t module)
{
  uint64_t call = 0;
  memtrack_model_with([&](memtrack_core *model) { call = memtrack_call(model, unnamedFrame, module); });
  return call;
}
} // namespace

bool
memtrack_frames_wait(uint32_t module)
{
  return next_call(module) != 0;
}

void
memtrack_frames_name(const struct memtrack_module_source *module, struct memtrack_symbols *symbols)
{
  for (uint64_t call; (call = next_call(module->id)) != 0;) {
    char text[MEMTRACK_MODULE_TEXT + 160];
    size_t length     = strnlen(module->text, MEMTRACK_MODULE_TEXT);
    text[length]      = '\0';
    auto offset       = (uint32_t)call;
    char *const after = text + length;
    memcpy(text, module->text, length);
    if (symbols) {
      memtrack_symbols_name(symbols, offset, after, sizeof(text) - length);
    }
    auto more = (uint32_t)strlen(after);
    memtrack_model_with([=](memtrack_core *model) {
      memtrack_core_input(model, text, length + more);
      memtrack_call(model, nameFrame, call, (uint32_t)length, more);
    });
  }
}
