/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of the calls in sampled stacks (owner/call_stack.h): the model has them (assembly/model/stacks.ts), and the module's
 * symbols are read by whoever names its sites (owner/naming.h).
 */
#ifndef MEMTRACK_FRAMES_H
#define MEMTRACK_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "module/module.h"
#include "symbol/symbol.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether a call in a module has no name yet. Not hook-safe. */
bool memtrack_frames_wait(uint32_t module);

/* Names all calls in a module that have no name, with the functions that the one of a call is inlined into. Without symbols they
   get the address. Not hook-safe. */
void memtrack_frames_name(const struct memtrack_module_source *module, struct memtrack_symbols *symbols);

#ifdef __cplusplus
}
#endif

#endif
