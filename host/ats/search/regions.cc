/* SPDX-License-Identifier: Apache-2.0 */
#include "search/regions.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/limits.h"
#include "hook/undumped.h"
#include "search/lines.h"

#define LINE_LENGTH 1024u /* of a line that the core reads: the rest is a part of a file's path */

/* In a longer region most pages were never touched: its pieces are those of the steps that have a page. Of one that is longer still
   that is not even asked: it is missing. */
#define SPARSE     (UINT64_C(1) << 30)
#define STEP       (UINT64_C(1) << 24)
#define LONGEST    (UINT64_C(1) << 40)
#define STEP_PAGES (STEP / 4096)

/* Of an entry of /proc/self/pagemap: the page is in memory, or in the swap (Documentation/admin-guide/mm/pagemap.rst of Linux). */
#define PAGEMAP_THERE (UINT64_C(3) << 62)

static_assert(STEP % MEMTRACK_PIECE == 0);

static memtrack_span own[MEMTRACK_OWN_MAX + MEMTRACK_OWN_SEGMENTS + 1];
static uint32_t own_count;
static memtrack_span *buffers; /* by address, with a gap between each two */
static uint32_t buffer_count;

static uint64_t
page_size()
{
  static const uint64_t size = (uint64_t)sysconf(_SC_PAGESIZE);
  return size;
}

int
memtrack_regions_open(memtrack_regions *regions)
{
  *regions      = memtrack_regions{};
  regions->list = (memtrack_region *)memtrack_own_map(MEMTRACK_REGIONS_MAX * sizeof(memtrack_region), MAP_NORESERVE);
  return regions->list ? 0 : -1;
}

void
memtrack_regions_close(memtrack_regions *regions)
{
  if (regions->list) {
    memtrack_own_unmap(regions->list, MEMTRACK_REGIONS_MAX * sizeof(memtrack_region));
  }
  regions->list = nullptr;
}

/* ---- Making a list -------------------------------------------------------------------------------------------------------------
 */

static void
clear(memtrack_regions *regions)
{
  regions->count  = 0;
  regions->pieces = 0;
  regions->gap    = MEMTRACK_GAP_NONE;
}

/* Behind all others. */
static void
append(memtrack_regions *regions, uint64_t start, uint64_t end, uint64_t limit, bool is_rare)
{
  memtrack_region *last = regions->count ? &regions->list[regions->count - 1] : nullptr;
  if (last && last->end == start && last->rare == is_rare) {
    last->end   = end;
    last->limit = limit;
  } else if (regions->count < MEMTRACK_REGIONS_MAX) {
    regions->list[regions->count++] = memtrack_region{start, end, limit, 0, is_rare};
  } else {
    regions->gap = MEMTRACK_GAP_REGIONS;
    memtrack_limit_hit(MEMTRACK_LIMIT_REGIONS);
  }
}

static uint64_t
pieces_of(const memtrack_region *region)
{
  return (region->end - 1) / MEMTRACK_PIECE - region->start / MEMTRACK_PIECE + 1;
}

/* Numbers the pieces, once all regions are there. */
static void
number(memtrack_regions *regions)
{
  for (uint32_t i = 0; i < regions->count; ++i) {
    regions->list[i].first = regions->pieces;
    regions->pieces += pieces_of(&regions->list[i]);
  }
}

static bool
has_page(uint64_t start, uint64_t end)
{
  static unsigned char resident[STEP_PAGES];
  uint64_t pages = (end - start) / page_size();
  return mincore((void *)(uintptr_t)start, end - start, resident) ||
         std::any_of(resident, resident + pages, [](unsigned char page) { return (page & 1) != 0; });
}

/* The same of pages in the swap too, which mincore() calls absent. If the system does not tell, there may be one. */
static bool
has_page_or_swap(uint64_t start, uint64_t end)
{
  static uint64_t entries[STEP_PAGES];
  size_t count = (end - start) / page_size();
  int file     = memtrack_limit_descriptor(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  ssize_t got  = file < 0 ? -1 : pread(file, entries, count * sizeof(*entries), (off_t)(start / page_size() * sizeof(*entries)));
  if (file >= 0) {
    close(file);
  }
  return got != (ssize_t)(count * sizeof(*entries)) ||
         std::any_of(entries, entries + count, [](uint64_t entry) { return (entry & PAGEMAP_THERE) != 0; });
}

static void
append_sparse(memtrack_regions *regions, uint64_t start, uint64_t end, bool is_rare, bool swapped)
{
  if (end - start <= SPARSE) {
    append(regions, start, end, end, is_rare);
    return;
  }
  if (end - start > LONGEST) {
    regions->gap = MEMTRACK_GAP_HUGE;
    return;
  }
  for (uint64_t at = start, stop; at < end; at = stop) {
    stop = std::min(end, (at / STEP + 1) * STEP);
    if (has_page(at, stop) || (swapped && has_page_or_swap(at, stop))) {
      append(regions, at, stop, end, is_rare);
    }
  }
}

/* Appends a mapping without memtrack's own memory, and distinguishes that of IOBuffers. Mappings come by address. */
class cutter
{
public:
  cutter(memtrack_regions *regions, bool is_thorough, bool swapped)
      : regions_(regions), is_thorough_(is_thorough), swapped_(swapped)
  {
  }

  void
  add(uint64_t start, uint64_t end, bool is_shared)
  {
    for (uint64_t stop; start < end; start = stop) {
      const memtrack_span mine = next(own, own_count, &own_at_, start), buffer = next(buffers, buffer_count, &buffer_at_, start);
      bool is_mine = mine.start <= start, is_buffer = buffer.start <= start, is_rare = is_shared || is_buffer;
      stop = std::min({end, is_mine ? mine.end : mine.start, is_buffer ? buffer.end : buffer.start});
      if (!is_mine && (is_thorough_ || !is_rare)) {
        append_sparse(regions_, start, stop, is_rare, swapped_);
      }
    }
  }

private:
  /* The first span that ends behind an address. */
  static memtrack_span
  next(const memtrack_span *spans, uint32_t count, uint32_t *at, uint64_t address)
  {
    while (*at < count && spans[*at].end <= address) {
      ++*at;
    }
    return *at < count ? spans[*at] : memtrack_span{UINT64_MAX, UINT64_MAX};
  }

  memtrack_regions *regions_;
  bool is_thorough_;
  bool swapped_;
  uint32_t own_at_    = 0;
  uint32_t buffer_at_ = 0;
};

static bool
is_before(const memtrack_span &left, const memtrack_span &right)
{
  return left.start < right.start;
}

/* In whole pages, by address, without overlaps. */
static void
list_own()
{
  uint32_t count = memtrack_own_list(own);
  std::sort(own, own + count, is_before);
  own_count = 0;
  for (uint32_t i = 0; i < count; ++i) {
    memtrack_span span = {own[i].start & ~(page_size() - 1), (own[i].end + page_size() - 1) & ~(page_size() - 1)};
    if (own_count && span.start <= own[own_count - 1].end) {
      own[own_count - 1].end = std::max(own[own_count - 1].end, span.end);
    } else {
      own[own_count++] = span;
    }
  }
}

/* Calls body(line, its length, what it says), which returns whether to go on. Returns false if the file could not be read. */
template <typename Body>
static bool
each_line(memtrack_core *core, const char *path, Body body)
{
  return memtrack_lines_each(path, [&](const char *line, uint32_t length) {
    uint32_t passed = memtrack_core_input(core, line, std::min(length, LINE_LENGTH));
    return body(line, length, memtrack_call(core, readMapping, passed));
  });
}

void
memtrack_regions_list(memtrack_core *core, memtrack_regions *regions, bool is_thorough, bool swapped)
{
  cutter rest(regions, is_thorough, swapped);
  clear(regions);
  list_own();
  bool read    = each_line(core, "/proc/self/maps", [&](const char *, uint32_t, uint32_t says) {
    if (says == MEMTRACK_LINE_READ || says == MEMTRACK_LINE_SHARED) {
      rest.add(memtrack_call(core, mappingStart), memtrack_call(core, mappingEnd), says == MEMTRACK_LINE_SHARED);
    }
    return true;
  });
  regions->gap = read ? regions->gap : MEMTRACK_GAP_MAPS;
  number(regions);
}

void
memtrack_regions_new(const memtrack_regions *now, const memtrack_regions *before, memtrack_regions *fresh)
{
  uint32_t at = 0;
  clear(fresh);
  for (uint32_t i = 0; i < now->count; ++i) {
    const memtrack_region *region = &now->list[i];
    for (uint64_t start = region->start, stop; start < region->end; start = stop) {
      while (at < before->count && before->list[at].end <= start) {
        ++at;
      }
      bool was_there = at < before->count && before->list[at].start <= start;
      stop = at == before->count ? region->end : std::min(region->end, was_there ? before->list[at].end : before->list[at].start);
      if (!was_there) {
        append(fresh, start, stop, stop, region->rare);
      }
    }
  }
  number(fresh);
}

/* The last region for which is_left() is true, as for all before it; nullptr if there is none. */
template <typename Left>
static const memtrack_region *
last_of(const memtrack_regions *regions, Left is_left)
{
  const memtrack_region *behind = std::partition_point(regions->list, regions->list + regions->count, is_left);
  return behind == regions->list ? nullptr : behind - 1;
}

/* The last that begins at an address or before it; nullptr if there is none. */
static const memtrack_region *
begun_at(const memtrack_regions *regions, uint64_t address)
{
  return last_of(regions, [=](const memtrack_region &each) { return each.start <= address; });
}

const memtrack_region *
memtrack_regions_at(const memtrack_regions *regions, uint64_t address)
{
  const memtrack_region *region = begun_at(regions, address);
  return region && address < region->end ? region : nullptr;
}

uint64_t
memtrack_regions_limit(const memtrack_regions *regions, uint64_t address)
{
  const memtrack_region *region = begun_at(regions, address);
  return region && address < region->limit ? region->limit : 0;
}

const memtrack_region *
memtrack_regions_piece(const memtrack_regions *regions, uint64_t number, memtrack_span *piece)
{
  const memtrack_region *region = last_of(regions, [=](const memtrack_region &each) { return each.first <= number; });
  uint64_t begin                = (region->start / MEMTRACK_PIECE + (number - region->first)) * MEMTRACK_PIECE;
  *piece                        = memtrack_span{std::max(begin, region->start), std::min(begin + MEMTRACK_PIECE, region->end)};
  return region;
}

/* ---- IOBuffers -----------------------------------------------------------------------------------------------------------------
 */

/* Returns false if a part of it was there already. */
static bool
add_buffers(const memtrack_span &span)
{
  /* What it overlaps or touches becomes a part of it. */
  memtrack_span *stop  = buffers + buffer_count;
  memtrack_span *first = std::partition_point(buffers, stop, [=](const memtrack_span &each) { return each.end < span.start; });
  memtrack_span *last  = std::partition_point(first, stop, [=](const memtrack_span &each) { return each.start <= span.end; });
  if (first == last && buffer_count == MEMTRACK_BUFFERS_MAX) {
    return true;
  }
  bool fresh = std::none_of(first, last, [=](const memtrack_span &each) { return each.start < span.end && span.start < each.end; });
  memtrack_span joined = span;
  if (first != last) {
    joined = memtrack_span{std::min(span.start, first->start), std::max(span.end, last[-1].end)};
  }
  memmove(first + 1, last, (stop - last) * sizeof(*last));
  *first = joined;
  buffer_count += 1 - (last - first);
  return fresh;
}

static void
read_undumped(memtrack_core *core)
{
  each_line(core, "/proc/self/smaps", [&](const char *, uint32_t, uint32_t says) {
    if (says == MEMTRACK_LINE_UNDUMPED) {
      add_buffers({memtrack_call(core, mappingStart), memtrack_call(core, mappingEnd)});
    }
    return true;
  });
}

void
memtrack_regions_find_buffers(memtrack_core *core)
{
  static bool released;            /* the server gives IOBuffers back to the allocator, which may hand them to anybody */
  static uint32_t taken, at_first; /* marks; those before the end of smaps are in smaps as well */
  if (!buffers) {
    buffers = (memtrack_span *)memtrack_own_map(MEMTRACK_BUFFERS_MAX * sizeof(memtrack_span), MAP_NORESERVE);
    if (!buffers) {
      return;
    }
    read_undumped(core);
    at_first = memtrack_undumped_count();
  }
  memtrack_span mark;
  for (; taken < memtrack_undumped_count() && memtrack_undumped_get(taken, &mark); ++taken) {
    released = released || (!add_buffers(mark) && taken >= at_first);
  }
  buffer_count = released ? 0 : buffer_count;
}

bool
memtrack_regions_name(memtrack_core *core, uint64_t address, memtrack_span *mapping, char *name, size_t size)
{
  bool found = false;
  each_line(core, "/proc/self/maps", [&](const char *line, uint32_t length, uint32_t says) {
    if (says == MEMTRACK_LINE_READ || says == MEMTRACK_LINE_SHARED || says == MEMTRACK_LINE_SKIPPED) {
      *mapping = memtrack_span{memtrack_call(core, mappingStart), memtrack_call(core, mappingEnd)};
      found    = address - mapping->start < mapping->end - mapping->start;
    }
    if (found) {
      uint32_t from = memtrack_call(core, mappingName);
      snprintf(name, size, "%.*s", (int)(length - std::min(from, length)), line + from);
    }
    return !found;
  });
  return found;
}
