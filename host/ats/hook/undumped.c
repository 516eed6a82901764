/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/undumped.h"

#include <stddef.h>
#include <sys/mman.h>

#include "base/atomic.h"
#include "hook/ranges.h"

/* An entry whose start is 0 is not filled yet. */
static struct memtrack_span marks[MEMTRACK_UNDUMPED_MAX];
static uint32_t count;

uint32_t
memtrack_undumped_count(void)
{
  uint32_t now = memtrack_load_acquire(&count);
  return now < MEMTRACK_UNDUMPED_MAX ? now : MEMTRACK_UNDUMPED_MAX;
}

bool
memtrack_undumped_get(uint32_t number, struct memtrack_span *span)
{
  span->start = memtrack_load_acquire(&marks[number].start);
  span->end   = memtrack_load(&marks[number].end);
  return span->start != 0;
}

/* The kernel marks a last page as a whole of which only a part is meant: others may have the rest. */
static void
note(uintptr_t start, size_t length)
{
  uintptr_t end = (start + length) & ~(memtrack_ranges_page() - 1);
  uint32_t at   = memtrack_load(&count);
  if (end <= start || at >= MEMTRACK_UNDUMPED_MAX) { /* the number does not go on for ever */
    return;
  }
  at = memtrack_add_ordered(&count, 1);
  if (at < MEMTRACK_UNDUMPED_MAX) {
    memtrack_store(&marks[at].end, end);
    memtrack_store_release(&marks[at].start, start);
  }
}

/* Notes what a call has marked. Returns its result. */
static int
noted(int result, const void *start, size_t length, int advice)
{
  if (result == 0 && advice == MADV_DONTDUMP) {
    note((uintptr_t)start, length);
  }
  return result;
}

static int
other_madvise(void *start, size_t length, int advice)
{
  return noted(madvise(start, length, advice), start, length, advice);
}

/* The C library passes an advice that it does not know on to the kernel. */
static int
other_posix_madvise(void *start, size_t length, int advice)
{
  return noted(posix_madvise(start, length, advice), start, length, advice);
}

const struct memtrack_redirect memtrack_server_advice[] = {
  {"madvise", (void *)other_madvise},
  {"posix_madvise", (void *)other_posix_madvise},
  {NULL, NULL},
};
