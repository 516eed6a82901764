/* SPDX-License-Identifier: Apache-2.0
 *
 * What the core makes of the names and paths that debug information tells (assembly/naming/place.ts,
 * rules.ts, debug_file.ts).
 */
#ifndef MEMTRACK_PLACE_TEXT_H
#define MEMTRACK_PLACE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Writes "handler (foo.cc:123)", by the file's path; "handler+0x1a"; and "handler" into `text`, cut in the name at `size` with its
   NUL. Not hook-safe. */
void memtrack_place_line(const char *name, const char *path, int line, char *text, size_t size);
void memtrack_place_distance(const char *name, uint64_t distance, char *text, size_t size);
void memtrack_place_function(const char *name, char *text, size_t size);

/* Whether a path is of a header of the system or of the C++ library. Not hook-safe. */
bool memtrack_path_is_system(const char *path);

/* Whether a function is called as allocators are. Not hook-safe. */
bool memtrack_name_is_allocator(const char *name);

/* Where the file with a build id's debug information is, below the folder of all; "" for what is no id. Not hook-safe. */
void memtrack_debug_path(const void *id, size_t length, char *path, size_t size);

/* Goes on with a checksum, CRC-32, over at most MEMTRACK_QUESTION_MAX bytes; of nothing it is 0. Not hook-safe. */
uint32_t memtrack_checksum(uint32_t before, const void *bytes, size_t length);

#ifdef __cplusplus
}
#endif

#endif
