/* SPDX-License-Identifier: Apache-2.0
 *
 * Code ranges, and arrays sorted by them: of ranges alone (a list, of which others are made by merging and subtracting), or of
 * structs that begin with their range. All arrays are malloc'ed, and grown by doubling. It knows nothing of where a range is from.
 */
#ifndef MEMTRACK_RANGE_H
#define MEMTRACK_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Code from `from` up to, and without, `to`; relative to the module's load base. */
struct memtrack_range {
  uint64_t from, to;
};

struct memtrack_ranges {
  struct memtrack_range *ranges;
  size_t count;
};

/* Makes room for one element more, of `size` bytes, where `count` are in use. False where there is no memory. Not
   hook-safe. */
bool memtrack_ranges_grow(void **array, size_t count, size_t size);

/* The order of two elements by where their ranges begin, for qsort. hook-safe. */
int memtrack_range_compare(const void *left, const void *right);

/* The index of the last of `count` elements, sorted and beginning with their range, that begins at or before the address; `count`
   where there is none. hook-safe. */
size_t memtrack_range_find(const void *array, size_t count, size_t size, uint64_t address);

/* Adds one, in any order. False where there is no memory. Not hook-safe. */
bool memtrack_ranges_add(struct memtrack_ranges *list, uint64_t from, uint64_t to);

/* Sorts them, and makes one of those that touch. Any thread. */
void memtrack_ranges_merge(struct memtrack_ranges *list);

/* What is in `in` and not in `out`, both merged. Not hook-safe: it allocates. */
struct memtrack_ranges memtrack_ranges_subtract(const struct memtrack_ranges *in, const struct memtrack_ranges *out);

#ifdef __cplusplus
}
#endif

#endif
