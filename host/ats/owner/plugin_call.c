/* SPDX-License-Identifier: Apache-2.0 */
#include "owner/plugin_call.h"

#include <stddef.h>

#include "base/compiler.h"
#include "module/module.h"
#include "owner/context.h"
#include "owner/walk.h"

bool
memtrack_plugin_call_is(uintptr_t address)
{
  const struct memtrack_module *module = memtrack_module_at(address - 1);
  return module && module->kind == MEMTRACK_MODULE_PLUGIN && !memtrack_module_is_wrapper(module, address);
}

/* The unwinder's own allocations are not counted. */
MT_NOINLINE uintptr_t
memtrack_plugin_call_find(uintptr_t otherwise)
{
  MEMTRACK_GUARD_REENTRY;
  return memtrack_walk(MEMTRACK_SITES_OF_PLUGINS, memtrack_plugin_call_is, otherwise);
}

MT_NOINLINE uintptr_t
memtrack_plugin_call_of_api(uintptr_t address)
{
  const struct memtrack_module *module = memtrack_module_at(address - 1);
  return module && memtrack_module_is_api_wrapper(module, address) ? memtrack_plugin_call_find(address) : address;
}
