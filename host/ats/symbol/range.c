/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/range.h"

#include <stdlib.h>

bool
memtrack_ranges_grow(void **array, size_t count, size_t size)
{
  if (count & (count - 1)) {
    return true;
  }
  void *larger = reallocarray(*array, count ? count * 2 : 1, size);
  if (larger) {
    *array = larger;
  }
  return larger != NULL;
}

int
memtrack_range_compare(const void *left, const void *right)
{
  const struct memtrack_range *a = left, *b = right;
  return (a->from > b->from) - (a->from < b->from);
}

size_t
memtrack_range_find(const void *array, size_t count, size_t size, uint64_t address)
{
  size_t low = 0, high = count;
  while (low < high) {
    size_t middle                      = low + (high - low) / 2;
    const struct memtrack_range *range = (const void *)((const char *)array + middle * size);
    if (range->from <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low ? low - 1 : count;
}

bool
memtrack_ranges_add(struct memtrack_ranges *list, uint64_t from, uint64_t to)
{
  if (!memtrack_ranges_grow((void **)&list->ranges, list->count, sizeof(*list->ranges))) {
    return false;
  }
  list->ranges[list->count++] = (struct memtrack_range){from, to};
  return true;
}

void
memtrack_ranges_merge(struct memtrack_ranges *list)
{
  size_t count = 0;
  if (list->count) {
    qsort(list->ranges, list->count, sizeof(*list->ranges), memtrack_range_compare);
  }
  for (size_t i = 0; i < list->count; ++i) {
    struct memtrack_range next = list->ranges[i];
    if (count && next.from <= list->ranges[count - 1].to) {
      if (next.to > list->ranges[count - 1].to) {
        list->ranges[count - 1].to = next.to;
      }
    } else if (next.from < next.to) {
      list->ranges[count++] = next;
    }
  }
  list->count = count;
}

struct memtrack_ranges
memtrack_ranges_subtract(const struct memtrack_ranges *in, const struct memtrack_ranges *out)
{
  struct memtrack_ranges rest = {0};
  size_t next                 = 0;
  for (size_t i = 0; i < in->count; ++i) {
    uint64_t from = in->ranges[i].from, to = in->ranges[i].to;
    while (next < out->count && out->ranges[next].to <= from) {
      ++next;
    }
    for (size_t j = next; j < out->count && out->ranges[j].from < to && from < to; ++j) {
      if (out->ranges[j].from > from) {
        memtrack_ranges_add(&rest, from, out->ranges[j].from);
      }
      from = out->ranges[j].to;
    }
    if (from < to) {
      memtrack_ranges_add(&rest, from, to);
    }
  }
  return rest;
}
