// SPDX-License-Identifier: Apache-2.0
//
// What a pass of the search reads: the regions of the process, exactly without memtrack's own memory, and their pieces, while other
// threads map and unmap.
#define _GNU_SOURCE
#include "support.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/own.h"
#include "base/peek.h"
#include "core/instance.h"
#include "hook/ranges.h"
#include "hook/undumped.h"
#include "search/reader.h"
#include "search/regions.h"

#define PAGE 4096u
#define WORD 0x5ea4c4ed5ea4c4edull

static struct memtrack_core core;
static struct memtrack_regions now, later, fresh;
static struct memtrack_reader reader;

// Pages that mincore() calls absent, as if they were in the swap.
static uint64_t absent_start, absent_end;

int __real_mincore(void *start, size_t size, unsigned char *pages);
int __wrap_mincore(void *start, size_t size, unsigned char *pages);

int
__wrap_mincore(void *start, size_t size, unsigned char *pages)
{
  int result = __real_mincore(start, size, pages);
  for (uint64_t at = 0; !result && at < size; at += PAGE) {
    pages[at / PAGE] &= (uintptr_t)start + at - absent_start < absent_end - absent_start ? 0 : 0xff;
  }
  return result;
}

static int
open_all(void **state)
{
  (void)state;
  reader.window = memtrack_own_map(MEMTRACK_PIECE, 0);
  return memtrack_peek_open(NULL) || memtrack_ranges_open() || memtrack_core_open(&core, MEMTRACK_ROLE_REGISTRY, 64) ||
         memtrack_regions_open(&now) || memtrack_regions_open(&later) || memtrack_regions_open(&fresh) || !reader.window;
}

static char *
map(size_t pages, int protection)
{
  char *memory = mmap(NULL, pages * PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(memory != MAP_FAILED);
  return memory;
}

static bool
is_listed(const struct memtrack_regions *regions, const char *address)
{
  return memtrack_regions_at(regions, (uintptr_t)address) != NULL;
}

static void
list(struct memtrack_regions *regions, bool is_thorough)
{
  memtrack_regions_list(&core, regions, is_thorough, false);
  assert_true(regions->gap == MEMTRACK_GAP_NONE || MT_SANITIZED); // a sanitizer reserves more than is searched
}

static void
regions_are_what_can_hold_a_reference(void **state)
{
  (void)state;
  char *written = map(3, PROT_READ | PROT_WRITE), *sealed = map(1, PROT_READ), *closed = map(1, PROT_NONE);
  char local;
  static char variable[8];
  list(&now, false);
  assert_true(is_listed(&now, written) && is_listed(&now, written + 3 * PAGE - 1));
  assert_true(is_listed(&now, sealed));
  assert_true(is_listed(&now, &local));
  assert_false(is_listed(&now, closed));
  assert_false(is_listed(&now, (char *)map));
  assert_false(is_listed(&now, NULL));
  // memtrack's own: an instance, a table, the window, and the variables of its module, of which this program is a part.
  assert_false(is_listed(&now, (char *)memtrack_core_at(&core, 0)));
  assert_false(is_listed(&now, (char *)memtrack_core_at(&core, core.wasm.w2c_memory.size - 1)));
  assert_false(is_listed(&now, (char *)now.list));
  assert_false(is_listed(&now, (char *)reader.window));
  assert_false(is_listed(&now, variable));
  assert_false(is_listed(&now, (char *)&core));
  munmap(written, 3 * PAGE);
  munmap(sealed, PAGE);
  munmap(closed, PAGE);
}

static void
a_file_that_is_shared_is_read_by_thorough_passes(void **state)
{
  (void)state;
  FILE *file = tmpfile();
  assert_non_null(file);
  assert_int_equal(ftruncate(fileno(file), 2 * PAGE), 0);
  char *written = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
  char *read    = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fileno(file), PAGE);
  char *mine    = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fileno(file), 0);
  fclose(file);
  assert_true(written != MAP_FAILED && read != MAP_FAILED && mine != MAP_FAILED);
  list(&now, false);
  assert_false(is_listed(&now, written));
  assert_true(is_listed(&now, mine));
  list(&now, true);
  assert_true(is_listed(&now, written) && memtrack_regions_at(&now, (uintptr_t)written)->rare);
  assert_false(is_listed(&now, read));
  assert_true(is_listed(&now, mine) && !memtrack_regions_at(&now, (uintptr_t)mine)->rare);
  munmap(written, PAGE);
  munmap(read, PAGE);
  munmap(mine, PAGE);
}

static void
own_memory_is_left_out_to_the_page(void **state)
{
  (void)state;
  char *around = map(7, PROT_READ | PROT_WRITE);
  munmap(around + 2 * PAGE, 3 * PAGE);
  char *mine = memtrack_own_map(3 * PAGE, 0); // where the hole is, if the kernel likes
  list(&now, false);
  for (int page = 0; page < 7; ++page) {
    char *at     = around + page * PAGE;
    bool is_mine = at >= mine && at < mine + 3 * PAGE;
    assert_int_equal(is_listed(&now, at), (page < 2 || page >= 5) && !is_mine);
  }
  for (int page = 0; page < 3; ++page) {
    assert_false(is_listed(&now, mine + page * PAGE));
  }
  mine = memtrack_own_remap(mine, 3 * PAGE, 100 * PAGE);
  list(&now, false);
  assert_false(is_listed(&now, mine + 99 * PAGE));
  memtrack_own_unmap(mine, 100 * PAGE);
  char *others = mmap(mine, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (others == mine) {
    list(&now, false);
    assert_true(is_listed(&now, others));
    munmap(others, PAGE);
  }
  munmap(around, 2 * PAGE);
  munmap(around + 5 * PAGE, 2 * PAGE);
}

static uint64_t
address_space(void)
{
  unsigned long pages;
  FILE *file = fopen("/proc/self/statm", "r");
  assert_int_equal(fscanf(file, "%lu", &pages), 1);
  fclose(file);
  return (uint64_t)pages * PAGE;
}

// With and without room for a place that is larger than the memory.
static void
large_own_memory_begins_where_a_huge_page_can_if_there_is_room(void **state)
{
  (void)state;
  const size_t size = MEMTRACK_HUGE_PAGE + PAGE;
  for (int has_room = 0; has_room < 2; ++has_room) {
    struct rlimit before, limit;
    char *memory = memtrack_own_map(2 * PAGE, 0);
    memset(memory, 'x', 2 * PAGE);
    getrlimit(RLIMIT_AS, &before);
    limit          = before;
    limit.rlim_cur = address_space() + size;
    assert_int_equal(setrlimit(RLIMIT_AS, has_room ? &before : &limit), 0);
    char *moved = memtrack_own_remap(memory, 2 * PAGE, size);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_non_null(moved);
    if (has_room) {
      assert_int_equal((uintptr_t)moved % MEMTRACK_HUGE_PAGE, 0);
    }
    for (size_t at = 0; at < size; at += PAGE / 2) {
      assert_int_equal(moved[at], at < 2 * PAGE ? 'x' : 0);
    }
    list(&now, false);
    assert_false(is_listed(&now, moved));
    assert_false(is_listed(&now, moved + size - 1));
    memtrack_own_unmap(moved, size);
  }
}

static void
pieces_cover_each_region_once(void **state)
{
  (void)state;
  char *memory = map(70, PROT_READ | PROT_WRITE);
  munmap(memory + 33 * PAGE, PAGE);
  list(&now, false);
  uint64_t number = 0;
  for (uint32_t i = 0; i < now.count; ++i) {
    uint64_t at = now.list[i].start;
    assert_true(i == 0 || now.list[i - 1].end < at); // neighbours are one region
    for (; at < now.list[i].end; ++number) {
      struct memtrack_span piece;
      assert_ptr_equal(memtrack_regions_piece(&now, number, &piece), &now.list[i]);
      assert_int_equal(piece.start, at);
      assert_true(piece.end > at && piece.end <= now.list[i].end);
      assert_int_equal(piece.start / MEMTRACK_PIECE, (piece.end - 1) / MEMTRACK_PIECE);
      at = piece.end;
    }
  }
  assert_int_equal(number, now.pieces);
  munmap(memory, 70 * PAGE);
}

// Of a mapping of more than 1 GiB the parts of 16 MiB that have a page.
static void
of_a_long_mapping_the_parts_with_a_page_are_listed(void **state)
{
  (void)state;
  enum { PAGES = (1100 << 20) / PAGE, TOUCHED = 40 << 20, SWAPPED = 600 << 20 };
  char *memory = mmap(NULL, (uint64_t)PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  assert_true(memory != MAP_FAILED);
  memory[TOUCHED] = memory[SWAPPED] = 1;
  list(&now, false);
  assert_true(is_listed(&now, memory + TOUCHED) && is_listed(&now, memory + SWAPPED));
  assert_false(is_listed(&now, memory + (300 << 20)));
  // What is looked up goes on behind a part, to the end of the mapping.
  uint64_t end = (uintptr_t)memory + (uint64_t)PAGES * PAGE;
  assert_true(memtrack_regions_limit(&now, (uintptr_t)memory + TOUCHED) >= end);
  assert_true(memtrack_regions_limit(&now, (uintptr_t)memory + (300 << 20)) >= end);
  assert_int_equal(memtrack_regions_limit(&now, (uintptr_t)map), 0);
  absent_start = (uintptr_t)memory + SWAPPED;
  absent_end   = absent_start + PAGE;
  list(&now, false);
  assert_false(is_listed(&now, memory + SWAPPED));
  memtrack_regions_list(&core, &now, false, true);
  assert_true(is_listed(&now, memory + TOUCHED) && is_listed(&now, memory + SWAPPED));
  assert_false(is_listed(&now, memory + (300 << 20)));
  absent_start = absent_end = 0;
  munmap(memory, (uint64_t)PAGES * PAGE);
}

static void
what_is_new_is_what_was_not_there(void **state)
{
  (void)state;
  char *memory = map(9, PROT_READ | PROT_WRITE);
  munmap(memory + 2 * PAGE, PAGE);
  munmap(memory + 5 * PAGE, 2 * PAGE);
  list(&now, false);
  assert_ptr_equal(mmap(memory + 5 * PAGE, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), memory + 5 * PAGE);
  list(&later, false);
  memtrack_regions_new(&later, &now, &fresh);
  for (int page = 0; page < 9; ++page) {
    assert_int_equal(is_listed(&fresh, memory + page * PAGE), page == 5 || page == 6);
  }
  memtrack_regions_new(&now, &now, &fresh);
  assert_int_equal(fresh.count, 0);
  assert_int_equal(fresh.pieces, 0);
  munmap(memory, 9 * PAGE);
}

// As the server does, by one of its functions.
static void
mark(const char *function, char *memory, size_t length)
{
  for (const struct memtrack_redirect *each = memtrack_server_advice; each->symbol; ++each) {
    if (strcmp(each->symbol, function) == 0) {
      assert_int_equal(((int (*)(void *, size_t, int))each->hook)(memory, length, MADV_DONTDUMP), 0);
    }
  }
}

static void
buffers_are_read_only_if_the_pass_wants_them(void **state)
{
  (void)state;
  char *memory = map(16, PROT_READ | PROT_WRITE);
  mark("madvise", memory + PAGE, PAGE); // before the first pass: smaps has it as well
  assert_int_equal(madvise(memory + 2 * PAGE, 2 * PAGE, MADV_DONTDUMP), 0);
  memtrack_regions_find_buffers(&core);
  mark("posix_madvise", memory + 5 * PAGE, PAGE + 9); // of which others may have the rest of the page
  mark("madvise", memory + 9 * PAGE, 1);
  mark("madvise", memory + 7 * PAGE, PAGE);
  mark("posix_madvise", memory + 4 * PAGE, PAGE); // joined to both sides
  memtrack_regions_find_buffers(&core);
  for (int with = 0; with < 2; ++with) {
    list(&now, with);
    for (int page = 0; page < 16; ++page) {
      const struct memtrack_region *region = memtrack_regions_at(&now, (uintptr_t)memory + page * PAGE);
      bool is_buffers                      = (page >= 1 && page < 6) || page == 7;
      assert_int_equal(region != NULL, with || !is_buffers);
      assert_true(!region || region->rare == is_buffers);
    }
  } // and stay mapped: other tests' memory is no IOBuffer
}

enum { MARKERS = 4, MARKS = 100 };

static void *
mark_pages(void *memory)
{
  for (int i = 0; i < MARKS; ++i) {
    mark(i % 2 ? "madvise" : "posix_madvise", (char *)memory + 2 * i * PAGE, PAGE);
  }
  return NULL;
}

static void
buffers_of_many_threads_are_all_known(void **state)
{
  (void)state;
  pthread_t threads[MARKERS];
  char *memory[MARKERS];
  for (int i = 0; i < MARKERS; ++i) {
    memory[i] = map(2 * MARKS, PROT_READ | PROT_WRITE);
    assert_int_equal(pthread_create(&threads[i], NULL, mark_pages, memory[i]), 0);
  }
  memtrack_regions_find_buffers(&core); // meanwhile
  for (int i = 0; i < MARKERS; ++i) {
    pthread_join(threads[i], NULL);
  }
  memtrack_regions_find_buffers(&core);
  list(&now, false);
  for (int i = 0; i < MARKERS; ++i) {
    for (int page = 0; page < 2 * MARKS; ++page) {
      assert_int_equal(is_listed(&now, memory[i] + page * PAGE), page % 2);
    }
  }
}

// The last one: a server that does so once does so for ever.
static void
nothing_is_left_out_once_a_buffer_was_given_back(void **state)
{
  (void)state;
  char *memory = map(4, PROT_READ | PROT_WRITE);
  mark("madvise", memory, 2 * PAGE);
  memtrack_regions_find_buffers(&core);
  list(&now, false);
  assert_false(is_listed(&now, memory));
  mark("madvise", memory + PAGE, 2 * PAGE);
  memtrack_regions_find_buffers(&core);
  list(&now, false);
  for (int page = 0; page < 4; ++page) {
    const struct memtrack_region *region = memtrack_regions_at(&now, (uintptr_t)memory + page * PAGE);
    assert_true(region && !region->rare);
  }
  mark("posix_madvise", memory + 3 * PAGE, PAGE);
  memtrack_regions_find_buffers(&core);
  list(&now, false);
  assert_true(is_listed(&now, memory + 3 * PAGE));
}

static void
a_mapping_has_its_name(void **state)
{
  (void)state;
  char local, name[64], *memory = map(1, PROT_READ);
  struct memtrack_span mapping;
  assert_true(memtrack_regions_name(&core, (uintptr_t)&local, &mapping, name, sizeof(name)));
  assert_string_equal(name, "[stack]");
  assert_true(memtrack_regions_name(&core, (uintptr_t)map, &mapping, name, sizeof(name)));
  assert_non_null(strstr(name, "search_reader_test"));
  assert_true(memtrack_regions_name(&core, (uintptr_t)memory, &mapping, name, sizeof(name)));
  assert_string_equal(name, "");
  assert_true(mapping.start <= (uintptr_t)memory && (uintptr_t)memory + PAGE <= mapping.end);
  assert_false(memtrack_regions_name(&core, 8, &mapping, name, sizeof(name)));
  munmap(memory, PAGE);
}

// ---- reading ----

struct seen {
  uint64_t start, end; // addresses whose pages are counted
  uint64_t bytes, words;
};

static void
see(void *argument, uint64_t address, uint32_t length)
{
  struct seen *seen = argument;
  for (uint32_t at = 0; at < length; at += 8) {
    uint64_t word;
    memcpy(&word, reader.window + at, 8);
    seen->words += word == WORD;
    seen->bytes += address + at - seen->start < seen->end - seen->start ? 8 : 0;
  }
}

// Reads all pieces between two addresses.
static struct seen
read_between(const char *start, const char *end)
{
  struct seen seen = {.start = (uintptr_t)start, .end = (uintptr_t)end};
  reader.scan      = see;
  reader.argument  = &seen;
  memtrack_reader_begin(&reader);
  for (uint64_t number = 0; number < now.pieces; ++number) {
    struct memtrack_span piece;
    memtrack_regions_piece(&now, number, &piece);
    if (piece.end > seen.start && piece.start < seen.end) {
      memtrack_reader_read(&reader, piece);
    }
  }
  return seen;
}

static void
put_word(char *at)
{
  uint64_t word = ~WORD;
  memcpy(at, &word, 8);
  for (int i = 0; i < 8; ++i) { // so that the word is in no register and no other place
    at[i] = (char)~at[i];
  }
}

static long
minor_faults(void)
{
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

static void
only_resident_pages_are_read(void **state)
{
  (void)state;
  enum { PAGES = 100 };
  char *memory = map(PAGES, PROT_READ | PROT_WRITE);
  madvise(memory, PAGES * PAGE, MADV_NOHUGEPAGE);
  for (int page = 0; page < PAGES; page += 1 + page % 3) {
    put_word(memory + page * PAGE + 8 * (page % 512));
  }
  unsigned char resident[PAGES];
  assert_int_equal(mincore(memory, PAGES * PAGE, resident), 0);
  uint64_t count = 0;
  for (int page = 0; page < PAGES; ++page) {
    count += resident[page] & 1;
  }
  assert_true(count > 30 && count < 70);
  list(&now, false);
  reader.swapped   = false;
  struct seen seen = read_between(memory, memory + PAGES * PAGE);
  assert_int_equal(seen.bytes, count * PAGE);
  assert_int_equal(seen.words, count);
  assert_int_equal(reader.unread_count, 0);
  reader.swapped = true;
  long before    = minor_faults();
  seen           = read_between(memory, memory + PAGES * PAGE);
  assert_int_equal(seen.bytes, PAGES * PAGE);
  assert_true(minor_faults() - before < PAGES * 2);
  reader.swapped = false;
  munmap(memory, PAGES * PAGE);
}

static void
what_cannot_be_read_is_told_and_what_is_gone_is_none(void **state)
{
  (void)state;
  char *memory = map(8, PROT_READ | PROT_WRITE);
  memset(memory, 1, 8 * PAGE);
  list(&now, false);
  mprotect(memory + PAGE, 2 * PAGE, PROT_NONE);
  munmap(memory + 5 * PAGE, PAGE);
  struct seen seen = read_between(memory, memory + 8 * PAGE);
  assert_int_equal(seen.bytes, 5 * PAGE);
  assert_false(reader.lost);
  uint64_t unread = 0;
  for (uint32_t i = 0; i < reader.unread_count; ++i) {
    unread += reader.unread[i].end - reader.unread[i].start;
  }
  assert_int_equal(unread, 3 * PAGE);
  assert_int_equal(reader.unread[0].start, (uintptr_t)memory + PAGE);
  list(&later, false);
  assert_false(is_listed(&later, memory + PAGE));
  assert_false(memtrack_reader_retry(&reader, (uintptr_t)memory + PAGE));    // if it were still listed
  assert_true(memtrack_reader_retry(&reader, (uintptr_t)memory + 5 * PAGE)); // it was unmapped after it was listed
  mprotect(memory + PAGE, 2 * PAGE, PROT_READ);
  assert_true(memtrack_reader_retry(&reader, (uintptr_t)memory + PAGE));
  munmap(memory, 8 * PAGE);
}

// ---- storms ----

enum { STORMS = 3, PASSES = 40, KEPT = 64 };
static bool stop;

static void *
storm(void *seed)
{
  uint64_t random  = (uintptr_t)seed;
  char *maps[16]   = {0};
  size_t sizes[16] = {0};
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
    unsigned at = random_next(&random) % 16, what = random_next(&random) % 4;
    if (!maps[at]) {
      sizes[at] = (1 + random_next(&random) % 40) * PAGE;
      maps[at]  = mmap(NULL, sizes[at], PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      memset(maps[at], 7, sizes[at]);
    } else if (what == 0) {
      mprotect(maps[at], sizes[at], random_next(&random) % 2 ? PROT_NONE : PROT_READ | PROT_WRITE);
    } else if (what == 1) {
      char *moved = mremap(maps[at], sizes[at], sizes[at] + PAGE, MREMAP_MAYMOVE);
      maps[at]    = moved == MAP_FAILED ? maps[at] : moved;
      sizes[at] += moved == MAP_FAILED ? 0 : PAGE;
    } else {
      munmap(maps[at], sizes[at]);
      maps[at] = NULL;
    }
  }
  for (int at = 0; at < 16; ++at) {
    if (maps[at]) {
      munmap(maps[at], sizes[at]);
    }
  }
  return NULL;
}

static bool
reads_all_again(void)
{
  bool complete = !reader.lost;
  list(&later, false);
  for (uint32_t i = 0; i < reader.unread_count; ++i) {
    for (uint64_t page = reader.unread[i].start; page < reader.unread[i].end; page += PAGE) {
      complete &= !memtrack_regions_at(&later, page) || memtrack_reader_retry(&reader, page);
    }
  }
  return complete;
}

static void
storms_of_mappings_hide_nothing_that_stays(void **state)
{
  (void)state;
  pthread_t threads[STORMS];
  char *kept[KEPT];
  for (int i = 0; i < KEPT; ++i) {
    kept[i] = map(1 + i % 3, PROT_READ | PROT_WRITE);
    put_word(kept[i] + 8 * i);
  }
  for (int i = 0; i < STORMS; ++i) {
    assert_int_equal(pthread_create(&threads[i], NULL, storm, (void *)(uintptr_t)(i + 1)), 0);
  }
  int complete = 0;
  for (int pass = 0; pass < PASSES; ++pass) {
    struct seen sum = {0};
    list(&now, false);
    for (int i = 0; i < KEPT; ++i) { // with other pieces between them, in a real pass
      struct seen seen = read_between(kept[i], kept[i] + PAGE);
      sum.words += seen.words > 0;
    }
    assert_int_equal(sum.words, KEPT);
    struct seen all = read_between(NULL, (char *)UINTPTR_MAX);
    assert_true(all.words >= KEPT);
    complete += reads_all_again();
  }
  __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
  for (int i = 0; i < STORMS; ++i) {
    pthread_join(threads[i], NULL);
  }
  for (int i = 0; i < KEPT; ++i) {
    munmap(kept[i], (1 + i % 3) * PAGE);
  }
  print_message("%d of %d passes were complete\n", complete, PASSES);
  assert_true(complete > 0);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(regions_are_what_can_hold_a_reference),
    cmocka_unit_test(a_file_that_is_shared_is_read_by_thorough_passes),
    cmocka_unit_test(own_memory_is_left_out_to_the_page),
    cmocka_unit_test(large_own_memory_begins_where_a_huge_page_can_if_there_is_room),
    cmocka_unit_test(pieces_cover_each_region_once),
    cmocka_unit_test(of_a_long_mapping_the_parts_with_a_page_are_listed),
    cmocka_unit_test(what_is_new_is_what_was_not_there),
    cmocka_unit_test(buffers_are_read_only_if_the_pass_wants_them),
    cmocka_unit_test(buffers_of_many_threads_are_all_known),
    cmocka_unit_test(a_mapping_has_its_name),
    cmocka_unit_test(only_resident_pages_are_read),
    cmocka_unit_test(what_cannot_be_read_is_told_and_what_is_gone_is_none),
    cmocka_unit_test(storms_of_mappings_hide_nothing_that_stays),
    cmocka_unit_test(nothing_is_left_out_once_a_buffer_was_given_back),
  };
  return cmocka_run_group_tests(tests, open_all, NULL);
}
