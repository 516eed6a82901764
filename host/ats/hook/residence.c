/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/residence.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>

#include "hook/ranges.h"

#define PIECE 4096u /* pages of a call */
#define BATCH 64u   /* ranges that are copied at once */

static uint32_t calls;

static bool
is_measured(const struct memtrack_mapped_range *range)
{
  return range->kind != MEMTRACK_RANGE_OTHER && range->end - range->start <= MEMTRACK_RESIDENCE_LONGEST;
}

/* Returns 0, or an errno; `pages` then has the resident pages of these addresses. */
static int
ask(uint64_t start, uint64_t end, uint32_t *pages)
{
  static unsigned char resident[PIECE];
  size_t page = memtrack_ranges_page();
  *pages      = 0;
  ++calls;
  if (mincore((void *)(uintptr_t)start, end - start, resident)) {
    return errno;
  }
  for (size_t i = 0; i < (end - start) / page; ++i) {
    *pages += resident[i] & 1;
  }
  return 0;
}

/* Same, for a piece that is not mapped as a whole. Returns false if a part of it has left the table. */
static bool
ask_page_by_page(const struct memtrack_mapped_range *range, uint64_t start, uint64_t end, uint32_t *pages)
{
  size_t page   = memtrack_ranges_page();
  uint64_t hole = 0; /* its beginning */
  uint32_t one;
  *pages = 0;
  for (uint64_t at = start; at < end; at += page) {
    bool missing = ask(at, at + page, &one) == ENOMEM;
    if (!missing && hole) {
      memtrack_ranges_lost(range, hole, at);
      return false;
    }
    hole = missing && !hole ? at : hole;
    *pages += one;
  }
  if (hole) {
    memtrack_ranges_lost(range, hole, end);
  }
  return hole == 0;
}

/* Returns false if a part of the range has left the table. */
static bool
measure(const struct memtrack_mapped_range *range)
{
  uint64_t piece = (uint64_t)PIECE * memtrack_ranges_page();
  uint32_t sum   = 0, pages;
  for (uint64_t at = range->start; at < range->end; at += piece) {
    uint64_t end = range->end - at < piece ? range->end : at + piece;
    int error    = ask(at, end, &pages);
    if (error == ENOMEM && !ask_page_by_page(range, at, end, &pages)) {
      return false;
    }
    if (error && error != ENOMEM) {
      return true; /* what was counted before stays */
    }
    sum += pages;
  }
  memtrack_ranges_measured(range, sum);
  return true;
}

/* From an address on, as far as the calls go, to `until`. Returns the address to continue at; 0 if there is nothing more. */
static uint64_t
measure_from(uint64_t from, uint64_t until, uint32_t most)
{
  static struct memtrack_mapped_range batch[BATCH];
  uint32_t copied;
  while ((copied = memtrack_ranges_copy(from, batch, BATCH))) {
    bool whole = true;
    for (uint32_t i = 0; i < copied && whole; ++i) {
      if (calls >= most) {
        return from;
      }
      if (batch[i].start >= until) {
        return 0;
      }
      whole = !is_measured(&batch[i]) || measure(&batch[i]);
      from  = whole ? batch[i].end : from; /* what is left of it is another range */
    }
  }
  return 0;
}

uint32_t
memtrack_residence_measure(uint32_t most)
{
  static uint64_t next;
  uint64_t begun = next;
  calls          = 0;
  next           = measure_from(begun, UINT64_MAX, most);
  if (next == 0 && begun && calls < most) {
    next = measure_from(0, begun, most);
  }
  return calls;
}
