/* SPDX-License-Identifier: Apache-2.0
 *
 * What a module's file name tells, by the core's rules (assembly/naming/module.ts).
 */
#ifndef MEMTRACK_MODULE_NAME_H
#define MEMTRACK_MODULE_NAME_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* MEMTRACK_MODULE_NAME_...: the server's, one that is left alone, or a library. Left alone where the core does not answer. Not
   hook-safe. */
uint32_t memtrack_module_name_kind(const char *path);

/* A module of this name was loaded: for the how many-th time. 1 where there is no room to count it, and the limit is counted. Not
   hook-safe. */
uint32_t memtrack_module_name_count(const char *name);

#ifdef __cplusplus
}
#endif

#endif
