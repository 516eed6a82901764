// SPDX-License-Identifier: Apache-2.0
//
// Cost of an IOBuffer event: nanoseconds of wall-clock time per event and thread, one line per variant.
//
//   events threads=N sites=N capacity=N ms=N order=VARIANTS
//
// VARIANTS are letters, measured in that order: e the empty call, c the thread-local counter, h the hand-written table, b the
// built-in tracker, o memtrack. The number of events is fixed before the clock starts, so that it takes about `ms` (more if threads
// outnumber cores: a run must then be long compared with the scheduler's slices).
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "support.h"

#define SLICES 8    // of each variant, interleaved: a disturbance of some milliseconds affects all variants alike
#define TRIAL  2500 // transactions

static _Atomic uint64_t made[128]; // events of all threads
static unsigned threads;
static const char *order;
static struct sequence sequence;
static event_function functions[128];
static pthread_barrier_t barrier;
static uint64_t transactions[128];
static uint64_t target, spent[128]; // nanoseconds per variant: the target, and the sum of its slices
static struct span {
  uint64_t from, to;
} * spans;

static uint64_t
all_spans(void)
{
  struct span whole = spans[0];
  for (unsigned i = 1; i < threads; ++i) {
    whole.from = spans[i].from < whole.from ? spans[i].from : whole.from;
    whole.to   = spans[i].to > whole.to ? spans[i].to : whole.to;
  }
  return whole.to - whole.from;
}

// Counted outside the timed part and compared at the end: a variant that does nothing would be fast.
static void
make_events(int variant, uint64_t from, uint64_t count)
{
  run_events(functions[variant], &sequence, from, count);
  made[variant] += count * TRANSACTION_EVENTS;
}

static void
together(unsigned self, int variant, uint64_t count)
{
  pthread_barrier_wait(&barrier);
  spans[self].from = now();
  make_events(variant, self * 101, count);
  spans[self].to = now();
  pthread_barrier_wait(&barrier);
}

static void *
worker(void *argument)
{
  unsigned self = (uintptr_t)argument;
  // Before measuring, each variant's table has seen every site and is equally warm.
  for (const char *letter = order; *letter; ++letter) {
    int variant = *letter;
    make_events(variant, 0, sequence.mask + 1);
    together(self, variant, TRIAL);
    if (self == 0) {
      transactions[variant] = target * TRIAL / SLICES / (all_spans() + 1) + 1;
    }
  }
  for (unsigned slice = 0; slice < SLICES; ++slice) {
    for (const char *letter = order; *letter; ++letter) {
      int variant = *letter;
      pthread_barrier_wait(&barrier);
      make_events(variant, 0, sequence.mask + 1);
      together(self, variant, transactions[variant]);
      if (self == 0) {
        spent[variant] += all_spans();
      }
    }
  }
  return NULL;
}

int
main(int argc, char **argv)
{
  arguments(argc, argv);
  threads           = argument_number("threads");
  uint32_t sites    = argument_number("sites");
  uint32_t capacity = argument_number("capacity");
  uint64_t ms       = argument_number("ms");
  order             = argument_word("order");
  arguments_done();
  if (strspn(order, "echbo") != strlen(order)) {
    fail("order: letters of echbo");
  }
  unsigned cores = sysconf(_SC_NPROCESSORS_ONLN);
  target         = ms * 1000000 * (threads > cores ? threads / cores : 1);

  functions['e'] = nothing_event;
  functions['c'] = counter_event;
  functions['h'] = by_hand_event;
  functions['b'] = increment_now();
  host_open(capacity);
  by_hand_open(capacity);
  host_install_iobuffer();
  functions['o'] = increment_now();
  make_sequence(&sequence, sites);
  spans = calloc(threads, sizeof(*spans));
  pthread_barrier_init(&barrier, NULL, threads);

  pthread_t *ids = calloc(threads, sizeof(*ids));
  for (uintptr_t i = 0; i < threads; ++i) {
    if (pthread_create(&ids[i], NULL, worker, (void *)i)) {
      fail("cannot create a thread");
    }
  }
  for (unsigned i = 0; i < threads; ++i) {
    pthread_join(ids[i], NULL);
  }
  for (const char *letter = order; *letter; ++letter) {
    int variant = *letter;
    printf("%c %.4f\n", variant, (double)spent[variant] / SLICES / transactions[variant] / TRANSACTION_EVENTS);
  }
  if (made['h'] != by_hand_total() || made['o'] != host_total()) {
    fail("not every event was counted");
  }
  return 0;
}
