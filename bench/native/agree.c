// SPDX-License-Identifier: Apache-2.0
//
// Not a benchmark but a test (tests/native/agree.test.ts): random events of many threads in verify mode, with counts of its own.
//
//   agree threads=N events=N sites=N seed=N
//
// A step is an IOBuffer event, or an allocation, a change of size or a release by TSmalloc's hooks or the heap's; each counts as an
// event. A block is released by any thread. Ten times all threads wait: then stdout has a line for each count, and a dump.
//
//   truth CLASS LOCATION ALLOCS FREES BYTES      (of tsapi and heap: "-", all locations)
//   memtrack format=...
//
// Further dumps are written meanwhile. The last line is "agree EVENTS SECONDS".
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "support.h"

#define THREADS_MAX 256
#define OWN         64   // blocks that a thread holds
#define SHARED      4096 // blocks that any thread may take
#define STAGES      10

enum kind { BUFFER, API, HEAP, KINDS };

struct counts {
  uint64_t allocs, frees;
  int64_t bytes;
};

struct block {
  void *memory;   // NULL for a buffer
  uint32_t place; // of a buffer
  uint32_t size;  // 0: no block
  enum kind kind;
};

static unsigned threads, sites;
static uint64_t events, seed;
static pthread_barrier_t barrier;
static event_function increment;
static struct counts *buffers[THREADS_MAX], others[THREADS_MAX][KINDS];
static struct {
  atomic_flag taken;
  struct block block;
} shared[SHARED];

static void *(*hook_TSmalloc)(size_t, const char *);
static void *(*hook_TSrealloc)(void *, size_t, const char *);
static void (*hook_TSfree)(void *);
static void *(*hook_malloc)(size_t);
static void *(*hook_realloc)(void *, size_t);
static void (*hook_free)(void *);

static void
count(unsigned self, const struct block *block, int release)
{
  struct counts *counts = block->kind == BUFFER ? &buffers[self][block->place] : &others[self][block->kind];
  counts->allocs += !release;
  counts->frees += release;
  counts->bytes += release ? -(int64_t)block->size : (int64_t)block->size;
}

static void
make(unsigned self, struct block *block, uint64_t random)
{
  block->kind  = random % 4 == 0 ? API : random % 4 == 1 ? HEAP : BUFFER;
  block->place = (random >> 8) % sites;
  block->size  = block->kind == BUFFER ? 128u << (random >> 40) % 10 : 1 + (random >> 40) % 2000;
  switch (block->kind) {
  case API:
    block->memory = hook_TSmalloc(block->size, "memory/agree.c:1");
    break;
  case HEAP:
    block->memory = hook_malloc(block->size);
    break;
  default:
    increment(place_of(block->place), block->size);
  }
  count(self, block, 0);
}

// A change of size is a release and an allocation.
static void
resize(unsigned self, struct block *block, uint32_t size)
{
  count(self, block, 1);
  block->memory = block->kind == API ? hook_TSrealloc(block->memory, size, "memory/agree.c:2") : hook_realloc(block->memory, size);
  block->size   = size;
  count(self, block, 0);
}

static void
release(unsigned self, struct block *block)
{
  count(self, block, 1);
  switch (block->kind) {
  case API:
    hook_TSfree(block->memory);
    break;
  case HEAP:
    hook_free(block->memory);
    break;
  default:
    increment(place_of(block->place), -(int64_t)block->size);
  }
  block->size = 0;
}

// Exchanges a block, or none, for what lies in a place for all threads.
static void
exchange(struct block *block, unsigned at)
{
  if (!atomic_flag_test_and_set_explicit(&shared[at].taken, memory_order_acquire)) {
    struct block other = shared[at].block;
    shared[at].block   = *block;
    *block             = other;
    atomic_flag_clear_explicit(&shared[at].taken, memory_order_release);
  }
}

static void *
worker(void *argument)
{
  unsigned self         = (uintptr_t)argument;
  uint64_t state        = seed * 0x9e3779b97f4a7c15u + self + 1;
  struct block own[OWN] = {{NULL, 0, 0, BUFFER}};
  for (int stage = 0; stage < STAGES; ++stage) {
    for (uint64_t left = events / threads / STAGES; left > 0; --left) {
      uint64_t random     = random_next(&state);
      struct block *block = &own[random % OWN];
      if ((random >> 16) % 8 == 0) {
        exchange(block, (random >> 24) % SHARED);
      }
      if (!block->size) {
        make(self, block, random_next(&state));
      } else if (block->kind != BUFFER && (random >> 20) % 4 == 0 && left > 1) {
        resize(self, block, 1 + (random >> 32) % 4000);
        --left;
      } else {
        release(self, block);
      }
    }
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
  }
  return NULL;
}

static void
print_truth(const char *class, const char *location, const struct counts *sum)
{
  printf("truth %s %s %lu %lu %ld\n", class, location, sum->allocs, sum->frees, sum->bytes);
}

static void
add(struct counts *sum, const struct counts *more)
{
  sum->allocs += more->allocs;
  sum->frees += more->frees;
  sum->bytes += more->bytes;
}

// While all threads wait.
static uint64_t
print_truths(void)
{
  uint64_t made             = 0;
  struct counts sums[KINDS] = {{0, 0, 0}};
  for (unsigned site = 0; site < sites; ++site) {
    struct counts sum = {0, 0, 0};
    for (unsigned i = 0; i < threads; ++i) {
      add(&sum, &buffers[i][site]);
    }
    print_truth("iobuffer", place_of(site), &sum);
    made += sum.allocs + sum.frees;
  }
  for (int kind = API; kind < KINDS; ++kind) {
    for (unsigned i = 0; i < threads; ++i) {
      add(&sums[kind], &others[i][kind]);
    }
    print_truth(kind == API ? "tsapi" : "heap", "-", &sums[kind]);
    made += sums[kind].allocs + sums[kind].frees;
  }
  return made;
}

static void
dump(void)
{
  fflush(stdout);
  host_dump_verified(STDOUT_FILENO);
}

int
main(int argc, char **argv)
{
  arguments(argc, argv);
  threads = argument_number("threads");
  events  = argument_number("events");
  sites   = argument_number("sites");
  seed    = argument_number("seed");
  arguments_done();
  struct sequence unused;
  make_sequence(&unused, sites);
  host_open(4096);
  host_install_iobuffer();
  host_arm_plugins();
  host_verify();
  increment      = increment_now();
  hook_TSmalloc  = (void *(*)(size_t, const char *))(uintptr_t)host_plugin_hook("_TSmalloc");
  hook_TSrealloc = (void *(*)(void *, size_t, const char *))(uintptr_t)host_plugin_hook("_TSrealloc");
  hook_TSfree    = (void (*)(void *))(uintptr_t)host_plugin_hook("_TSfree");
  hook_malloc    = (void *(*)(size_t))(uintptr_t)host_plugin_hook("malloc");
  hook_realloc   = (void *(*)(void *, size_t))(uintptr_t)host_plugin_hook("realloc");
  hook_free      = (void (*)(void *))(uintptr_t)host_plugin_hook("free");
  if (threads == 0 || threads > THREADS_MAX || pthread_barrier_init(&barrier, NULL, threads + 1)) {
    fail("threads: 1 to 256");
  }

  pthread_t ids[THREADS_MAX];
  uint64_t began = now(), made = 0;
  for (uintptr_t i = 0; i < threads; ++i) {
    buffers[i] = calloc(sites, sizeof(*buffers[i]));
    if (!buffers[i] || pthread_create(&ids[i], NULL, worker, (void *)i)) {
      fail("cannot create a thread");
    }
  }
  for (int stage = 0; stage < STAGES; ++stage) {
    dump(); // under load
    pthread_barrier_wait(&barrier);
    made = print_truths();
    dump();
    pthread_barrier_wait(&barrier);
  }
  for (unsigned i = 0; i < threads; ++i) {
    pthread_join(ids[i], NULL);
  }
  printf("agree %lu %.1f\n", made, (now() - began) / 1e9);
  return 0;
}
