// SPDX-License-Identifier: Apache-2.0
//
// Cost of a dump, measured from outside and in a counting thread, and memory per thread.
//
//   dumps sites=N threads=N rounds=N ms=N
//
// First every thread uses every site. Then it prints lines of a word and numbers:
//
//   memory BYTES LINEAR      resident memory of a thread's full table; size of its linear memory
//   dump MS BYTES            one dump into memory, and the size of its text; `rounds` lines
//   gaps DUMPS P50 P99 P99.99 MAX OVER EVENTS
//                            a thread on the first core generates events without a pause for `ms`; nanoseconds between two events,
//                            and the number of gaps longer than STOP. Meanwhile the second core makes dumps, DUMPS in all, or
//                            spins; `rounds` lines of each
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host.h"
#include "support.h"

#define STOP  50000 // ns
#define EXACT 100000

static struct sequence sequence;
static pthread_barrier_t barrier;

static void *
fill(void *unused)
{
  (void)unused;
  event_function event = increment_now();
  run_events(counter_event, &sequence, 0, 1); // touches its stack before memory is measured
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  run_events(event, &sequence, 0, sequence.mask + 1);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier); // keeps its shard until the others have theirs
  return NULL;
}

static struct {
  uint64_t ms;
  _Atomic bool done;
  uint32_t counts[EXACT];
  uint64_t events, over, longest;
} gaps;

static void *
watch(void *unused)
{
  (void)unused;
  event_function event = increment_now();
  pin(0);
  memset(gaps.counts, 0, sizeof(gaps.counts));
  gaps.events = gaps.over = gaps.longest = 0;
  uint64_t last = now(), end = last + gaps.ms * 1000000;
  for (uint64_t i = 0; last < end; ++i) {
    event(place_of(i & 15), i & 1 ? -EVENT_SIZE : EVENT_SIZE);
    uint64_t time = now(), gap = time - last;
    last = time;
    if (gap < EXACT) {
      ++gaps.counts[gap];
    }
    gaps.over += gap > STOP;
    gaps.longest = gap > gaps.longest ? gap : gaps.longest;
    ++gaps.events;
  }
  atomic_store(&gaps.done, true);
  return NULL;
}

static uint64_t
percentile(double part)
{
  uint64_t left = gaps.events * part;
  for (uint64_t gap = 0; gap < EXACT; ++gap) {
    if (left < gaps.counts[gap]) {
      return gap;
    }
    left -= gaps.counts[gap];
  }
  return gaps.longest;
}

static size_t
dump_to_memory(int fd)
{
  if (ftruncate(fd, 0) || lseek(fd, 0, SEEK_SET)) {
    fail("cannot empty the memory file");
  }
  return host_dump(fd);
}

static void
watch_with(bool dumping, int nowhere)
{
  pthread_t watcher;
  unsigned dumps = 0;
  atomic_store(&gaps.done, false);
  if (pthread_create(&watcher, NULL, watch, NULL)) {
    fail("cannot create a thread");
  }
  while (!atomic_load_explicit(&gaps.done, memory_order_relaxed)) {
    if (dumping) {
      host_dump(nowhere);
      ++dumps;
    }
  }
  pthread_join(watcher, NULL);
  printf("gaps %u %lu %lu %lu %lu %lu %lu\n", dumps, percentile(0.5), percentile(0.99), percentile(0.9999), gaps.longest, gaps.over,
         gaps.events);
}

int
main(int argc, char **argv)
{
  arguments(argc, argv);
  uint32_t sites  = argument_number("sites");
  unsigned count  = argument_number("threads");
  unsigned rounds = argument_number("rounds");
  gaps.ms         = argument_number("ms");
  arguments_done();

  host_open(sites);
  host_install_iobuffer();
  make_sequence(&sequence, sites);
  pthread_barrier_init(&barrier, NULL, count + 1);
  pthread_t *threads = calloc(count, sizeof(*threads));
  for (unsigned i = 0; i < count; ++i) {
    if (pthread_create(&threads[i], NULL, fill, NULL)) {
      fail("cannot create a thread");
    }
  }
  pthread_barrier_wait(&barrier);
  uint64_t before = resident();
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  printf("memory %lu %lu\n", (resident() - before) / count, host_shard_size());
  pthread_barrier_wait(&barrier);
  for (unsigned i = 0; i < count; ++i) {
    pthread_join(threads[i], NULL);
  }

  pin(1);
  int fd = memfd_create("dump", 0);
  dump_to_memory(fd); // the first dump copies the names of the sites
  for (unsigned i = 0; i < rounds; ++i) {
    uint64_t from = now();
    size_t size   = dump_to_memory(fd);
    printf("dump %.4f %zu\n", (now() - from) / 1e6, size);
  }
  // Not into memory: the kernel's work for that would affect the other core, and is not memtrack's.
  int nowhere = open("/dev/null", O_WRONLY);
  for (unsigned i = 0; i < rounds; ++i) {
    watch_with(i & 1, nowhere);
    watch_with(!(i & 1), nowhere);
  }
  return 0;
}
