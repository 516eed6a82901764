// SPDX-License-Identifier: Apache-2.0
//
// Speed of the search for references: a heap of `mb` MiB of blocks (filling.h), all with tags; one in twenty is of one of `sites`
// watched sites. Each line has a word and GB/s of memory, by CPU time of the thread: memcpy in pieces, process_vm_readv in pieces,
// the scan of a piece alone, both together, the same with unaligned words.
//
//   search mb=N sites=N rounds=N
#define _GNU_SOURCE
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "filling.h"
#include "host.h"
#include "support.h"

#define PIECE      65536u
#define SITE_FIRST 128u
#define SITES      4096u
#define EPOCH      9u

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

static void
read_piece(char *to, const char *from)
{
  struct iovec local = {to, PIECE}, remote = {(char *)from, PIECE};
  if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) != PIECE) {
    fail("process_vm_readv");
  }
}

static void
search(bool unaligned)
{
  char *window = host_search_begin();
  for (uint64_t at = 0; at < size; at += PIECE) {
    read_piece(window, heap + at);
    host_search_piece((uintptr_t)heap + at, PIECE, unaligned);
  }
  host_search_end();
}

// Always the same piece, in the processor's cache. No pass that proves anything.
static void
scan(void)
{
  read_piece(host_search_begin(), heap);
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
  search(false); // finds the sample
  for (uint64_t round = 0; round < rounds; ++round) {
    uint64_t from = cpu();
    for (uint64_t at = 0; at < size; at += PIECE) {
      memcpy(copy, heap + at, PIECE);
      __asm__ volatile("" ::: "memory");
    }
    report("memcpy", from);
    from = cpu();
    for (uint64_t at = 0; at < size; at += PIECE) {
      read_piece(copy, heap + at);
    }
    report("readv", from);
    from = cpu();
    scan();
    report("scan", from);
    from = cpu();
    search(false);
    report("search", from);
    if (round == 0) {
      from = cpu();
      search(true);
      report("thorough", from);
    }
  }
  host_search_report();
  return 0;
}
