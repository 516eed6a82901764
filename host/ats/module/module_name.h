/* SPDX-License-Identifier: Apache-2.0
 *
 * Classification of a module by its file name; the core has the rules (assembly/naming/module.ts).
 */
#ifndef MEMTRACK_MODULE_NAME_H
#define MEMTRACK_MODULE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* MEMTRACK_MODULE_NAME_...: of the server, left alone, or a library. Left alone if the core does not answer. Not hook-safe. */
uint32_t memtrack_module_name_kind(const char *path);

/* The plugin's own path, within the path of the server's copy of a plugin; NULL if it is no such path. Not hook-safe. */
const char *memtrack_module_name_of_copy(const char *path);

/* Names the owner of a plugin that remap.config or plugin.config loads: writes "foo.so", "foo.so(remap)", "foo.so#2" into `text`,
   cut at `size` with its NUL. If the core's table of names is full, writes the file's name, and counts that as a refusal. Not
   hook-safe. */
void memtrack_module_name_load(const char *name, bool by_remap, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
