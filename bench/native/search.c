// SPDX-License-Identifier: Apache-2.0
//
// Speed of the search for references: a heap of `mb` MiB of blocks (filling.h), all with tags; one in twenty is of one of `sites`
// watched sites. Each line has a word and GB/s of memory, by CPU time of the thread: memcpy in pieces, the copy of pieces as
// the search makes it (host/ats/base/peek.h), the scan of a piece alone, both together, the same with unaligned words; and whole
// passes, with all that is done behind them, when the holders of blocks and their holders are watched as well.
//
//   search mb=N sites=N rounds=N
#define _GNU_SOURCE
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "filling.h"
#include "host.h"
#include "support.h"

#define PIECE      65536u
#define SITE_FIRST 128u
#define SITES      4096u
#define EPOCH      9u
#define FILLING    8 // passes until as many holders are watched as can be: here each block has some

static char *heap;
static uint64_t size, state = 1;
static char copy[PIECE];

static uint64_t
cpu(void)
{
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static void
fill(uint32_t sites)
{
  for (uint64_t at = 0; at + 2064 < size;) {
    uint64_t usable = filling_size(&state);
    char *block     = heap + at + 16;
    filling_write(&state, block, usable, (uintptr_t)heap, size);
    uint64_t r    = random_next(&state);
    uint32_t site = SITE_FIRST + (r % 20 ? sites + r % (SITES - sites) : r / 20 % sites);
    host_search_tag(block, usable, site << 7 | (r >> 40) % EPOCH);
    at += usable + 8;
  }
}

// A pass. `complete`: then what holds the blocks is looked up, and watched from the next pass on.
static void
search(bool unaligned, bool complete)
{
  char *window = host_search_begin();
  for (uint64_t at = 0; at < size; at += PIECE) {
    host_peek(window, heap + at, PIECE);
    host_search_piece((uintptr_t)heap + at, PIECE, unaligned);
  }
  host_search_end(complete);
}

// Always the same piece, in the processor's cache. No pass that proves anything.
static void
scan(void)
{
  host_peek(host_search_begin(), heap, PIECE);
  for (uint64_t at = 0; at < size; at += PIECE) {
    host_search_piece((uintptr_t)heap, PIECE, false);
  }
}

static void
report(const char *what, uint64_t from)
{
  printf("%s %.3f\n", what, (double)size / (cpu() - from));
}

int
main(int argc, char **argv)
{
  arguments(argc, argv);
  size            = argument_number("mb") << 20;
  uint32_t sites  = argument_number("sites");
  uint64_t rounds = argument_number("rounds");
  arguments_done();
  heap = aligned_alloc(PIECE, size);
  if (!heap) {
    fail("memory");
  }
  memset(heap, 0, size);
  host_search_open(SITE_FIRST, sites, (SITES + SITE_FIRST) << 7, EPOCH);
  fill(sites);
  search(false, true); // finds the sample
  for (uint64_t round = 0; round < rounds; ++round) {
    uint64_t from = cpu();
    for (uint64_t at = 0; at < size; at += PIECE) {
      memcpy(copy, heap + at, PIECE);
      __asm__ volatile("" ::"r"(copy) : "memory");
    }
    report("memcpy", from);
    char *window = host_search_begin();
    from         = cpu();
    for (uint64_t at = 0; at < size; at += PIECE) {
      host_peek(window, heap + at, PIECE);
    }
    report("copy", from);
    from = cpu();
    scan();
    report("scan", from);
    from = cpu();
    search(false, false);
    report("search", from);
    if (round == 0) {
      from = cpu();
      search(true, false);
      report("thorough", from);
    }
  }
  for (int pass = 0; pass < FILLING; ++pass) {
    search(false, true);
  }
  for (uint64_t round = 0; round < rounds; ++round) {
    uint64_t from = cpu();
    search(false, true);
    report("holders", from);
  }
  host_search_report();
  return 0;
}
