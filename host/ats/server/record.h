/* SPDX-License-Identifier: Apache-2.0
 *
 * How the server's records and statistics are read.
 */
#ifndef MEMTRACK_RECORD_H
#define MEMTRACK_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The present value of a record or a statistic of the server's, or false where it has none of that name. Not hook-safe. */
typedef bool (*memtrack_record_reader)(const char *name, int64_t *value);

#ifdef __cplusplus
}
#endif

#endif
