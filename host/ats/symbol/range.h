/* SPDX-License-Identifier: Apache-2.0
 *
 * Code ranges, and arrays sorted by them: lists of ranges, which can be merged and subtracted, or arrays of structs that begin with
 * a range. All arrays are malloc'ed and grow by doubling. The origin of the ranges does not matter here.
 */
#ifndef MEMTRACK_RANGE_H
#define MEMTRACK_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Code from `from` up to but excluding `to`; relative to the module's load base. */
struct memtrack_range {
  uint64_t from, to;
};

struct memtrack_ranges {
  struct memtrack_range *ranges;
  size_t count;
};

/* Makes room for another element of `size` bytes; `count` elements are in use. Returns false without memory. Not hook-safe. */
bool memtrack_ranges_grow(void **array, size_t count, size_t size);

/* Compares two elements by the begin of their ranges, for qsort. hook-safe. */
int memtrack_range_compare(const void *left, const void *right);

/* Index of the last of `count` elements, sorted and beginning with their range, that begins at or before the address; `count` if
   there is none. hook-safe. */
size_t memtrack_range_find(const void *array, size_t count, size_t size, uint64_t address);

/* Adds a range, in any order. Returns false without memory. Not hook-safe. */
bool memtrack_ranges_add(struct memtrack_ranges *list, uint64_t from, uint64_t to);

/* Sorts the ranges and joins adjacent ranges. Any thread. */
void memtrack_ranges_merge(struct memtrack_ranges *list);

/* The ranges in `in` without those in `out`, both merged. Not hook-safe: it allocates. */
struct memtrack_ranges memtrack_ranges_subtract(const struct memtrack_ranges *in, const struct memtrack_ranges *out);

#ifdef __cplusplus
}
#endif

#endif
