/* SPDX-License-Identifier: Apache-2.0
 *
 * The call in a plugin that an allocation is charged to, where the function that calls the hook only allocates on behalf of its
 * caller: a library, or a function that is compiled into the plugin and never a site (symbol/symbol.h).
 */
#ifndef MEMTRACK_PLUGIN_CALL_H
#define MEMTRACK_PLUGIN_CALL_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Whether a return address is a site in a plugin. hook-safe. */
bool memtrack_plugin_call_is(uintptr_t address);

/* The innermost site in a plugin on this thread's stack; `otherwise` if there is none. hook-safe. */
uintptr_t memtrack_plugin_call_find(uintptr_t otherwise);

/* The same for a call of the plugin API, if its return address is in an inline function of the API; else the address. hook-safe. */
uintptr_t memtrack_plugin_call_of_api(uintptr_t address);

#ifdef __cplusplus
}
#endif

#endif
