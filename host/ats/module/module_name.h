/* SPDX-License-Identifier: Apache-2.0
 *
 * Classification of a module by its file name; the core has the rules (assembly/naming/module.ts).
 */
#ifndef MEMTRACK_MODULE_NAME_H
#define MEMTRACK_MODULE_NAME_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* MEMTRACK_MODULE_NAME_...: of the server, left alone, or a library. Left alone if the core does not answer. Not hook-safe. */
uint32_t memtrack_module_name_kind(const char *path);

/* Counts a load of a module with this name and returns their number. Returns 1 if the table is full, and counts that as a
   refusal. Not hook-safe. */
uint32_t memtrack_module_name_count(const char *name);

#ifdef __cplusplus
}
#endif

#endif
