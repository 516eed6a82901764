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

void
name_frame(memtrack_core *model, uint64_t call, uint32_t level, const char *module, const char (&function)[MEMTRACK_SYMBOL_TEXT])
{
  char text[MEMTRACK_MODULE_TEXT + MEMTRACK_SYMBOL_TEXT];
  auto length = (uint32_t)strnlen(module, MEMTRACK_MODULE_TEXT), more = (uint32_t)strlen(function);
  memcpy(text, module, length);
  memcpy(text + length, function, sizeof(function));
  memtrack_core_input(model, text, length + more);
  memtrack_call(model, nameFrame, call, level, length, more);
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
    char functions[MEMTRACK_INLINED_MAX][MEMTRACK_SYMBOL_TEXT] = {""};
    size_t known = symbols ? memtrack_symbols_chain(symbols, (uint32_t)call, functions, MEMTRACK_INLINED_MAX) : 0;
    memtrack_model_with([&](memtrack_core *model) {
      for (uint32_t level = 0; level == 0 || level < known; ++level) {
        name_frame(model, call, level, module->text, functions[level]);
      }
    });
  }
}
