/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the server's records and statistics.
 */
#ifndef MEMTRACK_RECORD_H
#define MEMTRACK_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Returns the present value of a record or a statistic of the server, or false if the name is unknown. Not hook-safe. */
typedef bool (*memtrack_record_reader)(const char *name, int64_t *value);

/* The same of one that is a text, which is cut at `size` with its NUL. Not hook-safe. */
typedef bool (*memtrack_text_reader)(const char *name, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
