/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the server's records and statistics.
 */
#ifndef MEMTRACK_RECORD_H
#define MEMTRACK_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* More than the longest path, and than the patterns that the model takes. */
#define MEMTRACK_TEXT_RECORD_MAX (MEMTRACK_ANSWER_MAX + 1)

/* Returns the present value of a record or a statistic of the server, or false if the name is unknown. Not hook-safe. */
typedef bool (*memtrack_record_reader)(const char *name, int64_t *value);

/* The same of one that is a text, which is cut at `size` with its NUL. Not hook-safe. */
typedef bool (*memtrack_text_reader)(const char *name, char *text, size_t size);

/* A record that is a text: the reader and the name, and its value so far. */
struct memtrack_text_record {
  memtrack_text_reader read;
  const char *name;
  char value[MEMTRACK_TEXT_RECORD_MAX]; /* cut */
};

/* Reads the record. Returns whether its value has changed; without a reader it has none. Not hook-safe, one caller at a time. */
bool memtrack_text_record_poll(struct memtrack_text_record *record);

#ifdef __cplusplus
}
#endif

#endif
