/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the server's records and statistics.
 */
#ifndef MEMTRACK_RECORD_H
#define MEMTRACK_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Returns the present value of a record or a statistic of the server, or false if the name is unknown. Not hook-safe. */
typedef bool (*memtrack_record_reader)(const char *name, int64_t *value);

#ifdef __cplusplus
}
#endif

#endif
