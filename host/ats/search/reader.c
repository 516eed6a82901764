/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "search/reader.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/peek.h"
#include "search/regions.h"

#define LEAST_PAGE 4096u

static uint64_t
page_size(void)
{
  static uint64_t size;
  if (!size) {
    size = (uint64_t)sysconf(_SC_PAGESIZE);
  }
  return size;
}

void
memtrack_reader_begin(struct memtrack_reader *reader)
{
  reader->bytes        = 0;
  reader->unread_count = 0;
  reader->lost         = false;
}

/* Tells which pages are resident: all of them where the system does not say. */
static void
ask(uint64_t start, uint64_t end, unsigned char *resident)
{
  if (mincore((void *)(uintptr_t)start, end - start, resident)) {
    memset(resident, 1, (end - start) / page_size());
  }
}

/* A page that is not resident is no loss. */
static bool
is_resident(uint64_t page)
{
  unsigned char resident;
  ask(page, page + page_size(), &resident);
  return resident & 1;
}

static bool
is_gone(uint64_t page)
{
  unsigned char resident;
  return mincore((void *)(uintptr_t)page, page_size(), &resident) && errno == ENOMEM;
}

static void
note(struct memtrack_reader *reader, uint64_t page)
{
  struct memtrack_span *last = reader->unread_count ? &reader->unread[reader->unread_count - 1] : NULL;
  if (last && last->end == page) {
    last->end += page_size();
  } else if (reader->unread_count < MEMTRACK_UNREAD_MAX) {
    reader->unread[reader->unread_count++] = (struct memtrack_span){page, page + page_size()};
  } else {
    reader->lost = true;
  }
}

/* Pages without a gap. */
static void
read_run(struct memtrack_reader *reader, uint64_t start, uint64_t end)
{
  while (start < end) {
    uint64_t wanted = end - start + (end - start == MEMTRACK_PIECE ? reader->margin : 0);
    uint64_t got    = memtrack_peek(start, reader->window, wanted) & ~(uint64_t)7;
    if (got) {
      reader->bytes += got;
      reader->scan(reader->argument, start, (uint32_t)got);
    }
    start += got;
    if (start < end) {
      uint64_t page = start & ~(page_size() - 1);
      if (is_resident(page)) {
        note(reader, page);
      }
      start = page + page_size();
    }
  }
}

void
memtrack_reader_read(struct memtrack_reader *reader, struct memtrack_span piece)
{
  unsigned char resident[MEMTRACK_PIECE / LEAST_PAGE];
  if (reader->swapped) {
    read_run(reader, piece.start, piece.end);
    return;
  }
  ask(piece.start, piece.end, resident);
  uint64_t page = page_size(), count = (piece.end - piece.start) / page;
  for (uint64_t i = 0, stop; i < count; i = stop) {
    for (stop = i + 1; stop < count && (resident[stop] & 1) == (resident[i] & 1); ++stop) {
    }
    if (resident[i] & 1) {
      read_run(reader, piece.start + i * page, piece.start + stop * page);
    }
  }
}

bool
memtrack_reader_retry(struct memtrack_reader *reader, uint64_t page)
{
  size_t got = memtrack_peek(page, reader->window, page_size());
  if (got == page_size()) {
    reader->bytes += got;
    reader->scan(reader->argument, page, (uint32_t)got);
  }
  return got == page_size() || is_gone(page) || !is_resident(page);
}
