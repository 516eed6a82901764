// SPDX-License-Identifier: Apache-2.0
//
// Tests whether the cost grows with the amount of live memory: with `blocks` blocks of 32 bytes, nanoseconds of a pair (release of
// a block and allocation of another) and of an IOBuffer event. Prints five numbers: pairs of bare blocks and of memtrack's,
// releasing the oldest block first, as in a server whose transactions have similar durations; the same in random order, where each
// release is a cache miss in the allocator and the tag may cause another; the event.
//
//   live blocks=N pairs=N first=b|o
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "host.h"
#include "support.h"

#define BLOCK_SIZE 32
#define FILE_NAME  "crypto/live.c"

typedef void *(*allocate_function)(size_t size, const char *file, int line);
typedef void (*release_function)(void *block, const char *file, int line);

static double
replace(void **blocks, uint64_t count, uint64_t pairs, bool in_order, allocate_function allocate, release_function release)
{
  static uint64_t oldest, state = 1;
  uint64_t from = now();
  for (uint64_t i = 0; i < pairs; ++i) {
    uint64_t at = in_order ? oldest++ % count : (random_next(&state) >> 32) * count >> 32;
    release(blocks[at], FILE_NAME, 1);
    blocks[at] = allocate(BLOCK_SIZE, FILE_NAME, 100 + (i & 63));
  }
  return (double)(now() - from) / pairs;
}

int
main(int argc, char **argv)
{
  arguments(argc, argv);
  uint64_t count  = argument_number("blocks");
  uint64_t pairs  = argument_number("pairs");
  bool ours_first = argument_word("first")[0] == 'o';
  arguments_done();

  allocate_function our_allocate;
  release_function our_release;
  void *(*our_reallocate)(void *, size_t, const char *, int);
  struct sequence sequence;
  host_open(4096);
  host_install_iobuffer();
  host_install_openssl();
  CRYPTO_get_mem_functions(&our_allocate, &our_reallocate, &our_release);
  make_sequence(&sequence, 16);

  void **bare = malloc(count * sizeof(*bare));
  void **ours = malloc(count * sizeof(*ours));
  for (uint64_t i = 0; i < count; ++i) {
    bare[i] = malloc(BLOCK_SIZE);
  }
  for (uint64_t i = 0; i < count; ++i) {
    ours[i] = our_allocate(BLOCK_SIZE, FILE_NAME, 100 + (i & 63));
  }
  for (int in_order = 1; in_order >= 0; --in_order) {
    double cost[2];
    for (int turn = 0; turn < 4; ++turn) { // the first two turns warm up
      bool our_turn  = (turn & 1) != ours_first;
      cost[our_turn] = our_turn ? replace(ours, count, pairs, in_order, our_allocate, our_release)
                                : replace(bare, count, pairs, in_order, bare_allocate, bare_release);
    }
    printf("%.4f %.4f ", cost[0], cost[1]);
  }
  run_events(increment_now(), &sequence, 0, sequence.mask + 1);
  uint64_t from = now();
  run_events(increment_now(), &sequence, 0, pairs);
  printf("%.4f\n", (double)(now() - from) / (pairs * TRANSACTION_EVENTS));
  return 0;
}
