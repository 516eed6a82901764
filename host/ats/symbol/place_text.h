/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks the core about names and paths from debug information (assembly/naming/place.ts, rules.ts, debug_file.ts).
 */
#ifndef MEMTRACK_PLACE_TEXT_H
#define MEMTRACK_PLACE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Write "handler (foo.cc:123)" with the last part of the path; "handler+0x1a"; and "handler" into `text`. The name is truncated
   so that the text fits into `size` with its NUL. Not hook-safe. */
void memtrack_place_line(const char *name, const char *path, int line, char *text, size_t size);
void memtrack_place_distance(const char *name, uint64_t distance, char *text, size_t size);
void memtrack_place_function(const char *name, char *text, size_t size);

/* Whether a path belongs to a header of the system or of the C++ library. Not hook-safe. */
bool memtrack_path_is_system(const char *path);

/* Whether a function is named like an allocator. Not hook-safe. */
bool memtrack_name_is_allocator(const char *name);

/* Path of a build id's debug information, below the root folder; "" for an invalid id. Not hook-safe. */
void memtrack_debug_path(const void *id, size_t length, char *path, size_t size);

/* Continues a CRC-32 checksum over at most MEMTRACK_QUESTION_MAX bytes. The checksum of no bytes is 0. Not hook-safe. */
uint32_t memtrack_checksum(uint32_t before, const void *bytes, size_t length);

#ifdef __cplusplus
}
#endif

#endif
