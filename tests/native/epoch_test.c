// SPDX-License-Identifier: Apache-2.0
//
// Epochs under threads: blocks move from thread to thread while epochs begin in quick succession; some threads advance late, some
// end and pass their shard on, some share a shard. At the end each bucket of each site equals the threads' own counts.
#define _GNU_SOURCE
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/account.h"
#include "core/epoch.h"
#include "core/instance.h"
#include "core/model.h"
#include "core/shard.h"

#define SITES       64
#define THREADS     6
#define GENERATIONS 8
#define STEPS       4000     // per thread, at least
#define STEPS_MAX   10000000 // limit if no epoch begins
#define EACH        12       // epochs during a generation of threads
#define LAST        (GENERATIONS * EACH)
#define HELD        4096
#define EPOCHS      (MEMTRACK_EPOCH_MASK + 1)

struct block {
  uint32_t birth;
  uint32_t size;
};

// A thread's own counts by site and epoch. They may be negative: another thread allocated the block.
struct counts {
  int64_t alive[SITES][EPOCHS], bytes[SITES][EPOCHS];
};

static const char file[] = "ssl/epoch.c";
static struct counts counted[THREADS + 1];
static _Atomic(struct block *) held[HELD];
static _Atomic bool over;
static uint64_t clock_now = 1000;

static uint32_t
line_of(int site)
{
  return 100 + site;
}

static struct block *
allocate(struct counts *counts, uint64_t random)
{
  struct block *block = malloc(sizeof(*block));
  int site            = random % SITES;
  block->size         = random >> 40;
  block->birth        = memtrack_account_alloc(
           (uintptr_t)file, memtrack_attributes(MEMTRACK_CLASS_OPENSSL, line_of(site), MEMTRACK_OWNER_CORE), file, block->size);
  if (block->birth == MEMTRACK_SITE_UNKNOWN) {
    abort();
  }
  counts->alive[site][block->birth & MEMTRACK_EPOCH_MASK] += 1;
  counts->bytes[site][block->birth & MEMTRACK_EPOCH_MASK] += block->size;
  return block;
}

// Registers the sites in the order of their lines, before everything else.
static void
release(struct counts *counts, struct block *block)
{
  int site = (block->birth >> MEMTRACK_EPOCH_BITS) - MEMTRACK_SITE_FIRST;
  counts->alive[site][block->birth & MEMTRACK_EPOCH_MASK] -= 1;
  counts->bytes[site][block->birth & MEMTRACK_EPOCH_MASK] -= block->size;
  memtrack_account_free(block->birth, block->size);
  free(block);
}

static void *
exchange_blocks(void *argument)
{
  intptr_t number       = (intptr_t)argument % THREADS;
  struct counts *counts = &counted[number];
  uint64_t seed         = (intptr_t)argument + 1;
  if (number == 0) { // acts like a thread that cannot have its own shard
    memtrack_thread = (struct memtrack_thread){.state = MEMTRACK_THREAD_SHARING};
  }
  uint32_t until = ((intptr_t)argument / THREADS + 1) * EACH;
  for (int i = 0; i < STEPS || ((memtrack_epochs() & MEMTRACK_EPOCH_MASK) < until && i < STEPS_MAX); ++i) {
    uint64_t r = random_next(&seed);
    // Some threads only release: they learn of an epoch only from the blocks.
    struct block *block = number == 1 && i % 64 ? NULL : allocate(counts, r);
    block               = atomic_exchange(&held[(r >> 20) % HELD >> (r >> 56) % 12], block); // some blocks are held for long
    if (block) {
      release(counts, block);
    }
    if (i % 16 == 0) {
      sched_yield();
    }
  }
  return NULL;
}

static void
begin_epoch(struct memtrack_core *model, void *argument)
{
  (void)argument;
  if ((memtrack_epochs() & MEMTRACK_EPOCH_MASK) < LAST) {
    clock_now += clock_now / 4;
  }
  __atomic_store_n(&memtrack_epochs_, memtrack_call(model, nextEpoch, clock_now), __ATOMIC_RELEASE);
  memtrack_call(model, epochPublished, clock_now);
}

static void
nothing(struct memtrack_core *model, void *argument)
{
  (void)model;
  (void)argument;
}

// Begins epochs, and reads all shards between them, like samples do.
static void *
begin_epochs(void *argument)
{
  (void)argument;
  while (!atomic_load(&over)) {
    struct timespec pause = {.tv_nsec = 200000};
    if (!memtrack_model_visit(false, begin_epoch, NULL) || !memtrack_model_visit(true, nothing, NULL)) {
      abort();
    }
    nanosleep(&pause, NULL);
  }
  return NULL;
}

static uint32_t
bucket_of(uint64_t epochs, uint32_t epoch)
{
  uint32_t later = 0;
  for (uint32_t lane = 0; lane < MEMTRACK_BUCKETS; ++lane) {
    later += (epochs >> 8 * lane & 0xff) > epoch;
  }
  return later;
}

// A site's counts in the shards, by the buckets of `epochs`: the buckets of each shard, and in its present epoch the remainder of
// its counts.
static void
sum_buckets(uint32_t site, uint64_t epochs, int64_t (*sums)[2])
{
  for (uint32_t i = 0; i < memtrack_shard_count(); ++i) {
    _Alignas(8) uint8_t staged[MEMTRACK_STAGED_SIZE] = {0};
    uint64_t own, pairs[4], bytes[MEMTRACK_BUCKETS];
    int32_t counts[MEMTRACK_BUCKETS];
    memtrack_shard_read_sites(memtrack_shard_get(i), site, 1, staged);
    memcpy(&own, staged + MEMTRACK_STAGED_EPOCHS, sizeof(own));
    memcpy(pairs, staged + MEMTRACK_STAGED_PAIRS, sizeof(pairs));
    memcpy(bytes, staged + MEMTRACK_STAGED_BUCKETS, sizeof(bytes));
    memcpy(counts, staged + MEMTRACK_STAGED_BUCKETS + sizeof(bytes), sizeof(counts));
    int64_t young[2] = {pairs[0] - pairs[2], pairs[1] - pairs[3]};
    for (uint32_t bucket = 1; bucket <= MEMTRACK_BUCKETS; ++bucket) {
      uint32_t begin = bucket < MEMTRACK_BUCKETS ? own >> 8 * bucket & 0xff : 0, to = bucket_of(epochs, begin);
      sums[to][0] += counts[bucket - 1];
      sums[to][1] += bytes[bucket - 1];
      young[0] -= counts[bucket - 1];
      young[1] -= bytes[bucket - 1];
    }
    sums[bucket_of(epochs, own & 0xff)][0] += young[0];
    sums[bucket_of(epochs, own & 0xff)][1] += young[1];
  }
}

static int
compare_with_what_threads_counted(void)
{
  uint64_t epochs = memtrack_epochs();
  int old         = 0;
  for (int site = 0; site < SITES; ++site) {
    int64_t sums[MEMTRACK_BUCKETS + 1][2] = {0}, expected[MEMTRACK_BUCKETS + 1][2] = {0};
    for (int thread = 0; thread <= THREADS; ++thread) {
      for (uint32_t epoch = 0; epoch < EPOCHS; ++epoch) {
        expected[bucket_of(epochs, epoch)][0] += counted[thread].alive[site][epoch];
        expected[bucket_of(epochs, epoch)][1] += counted[thread].bytes[site][epoch];
      }
    }
    sum_buckets(MEMTRACK_SITE_FIRST + site, epochs, sums);
    for (uint32_t bucket = 0; bucket <= MEMTRACK_BUCKETS; ++bucket) {
      if (memcmp(sums[bucket], expected[bucket], sizeof(sums[bucket]))) {
        fail_msg("site %d, bucket %u: %ld blocks of %ld bytes, expected %ld of %ld", site, bucket, sums[bucket][0], sums[bucket][1],
                 expected[bucket][0], expected[bucket][1]);
      }
      old += bucket && sums[bucket][0];
    }
  }
  return old;
}

static void
buckets_of_all_shards_are_exact(void **state)
{
  (void)state;
  for (int site = 0; site < SITES; ++site) {
    struct block *block = allocate(&counted[THREADS], site);
    assert_int_equal(block->birth >> MEMTRACK_EPOCH_BITS, MEMTRACK_SITE_FIRST + site);
    atomic_store(&held[site], block);
  }
  pthread_t turner;
  struct block *kept[SITES]; // until the end: each site has an old block, whatever the threads do
  for (int site = 0; site < SITES; ++site) {
    kept[site] = allocate(&counted[THREADS], site);
  }
  pthread_create(&turner, NULL, begin_epochs, NULL);
  for (intptr_t generation = 0; generation < GENERATIONS; ++generation) {
    pthread_t threads[THREADS];
    for (intptr_t i = 0; i < THREADS; ++i) {
      pthread_create(&threads[i], NULL, exchange_blocks, (void *)(generation * THREADS + i));
    }
    for (int i = 0; i < THREADS; ++i) {
      pthread_join(threads[i], NULL);
    }
  }
  atomic_store(&over, true);
  pthread_join(turner, NULL);
  assert_int_equal(memtrack_epochs() & MEMTRACK_EPOCH_MASK, LAST);
  assert_true(compare_with_what_threads_counted() >= SITES);
  assert_int_equal(memtrack_account_lost(), 0);
  for (int i = 0; i < HELD; ++i) {
    struct block *block = atomic_exchange(&held[i], NULL);
    if (block) {
      release(&counted[THREADS], block);
    }
  }
  for (int i = 0; i < SITES; ++i) {
    release(&counted[THREADS], kept[i]);
  }
  // All released: nothing of any age remains, so a site's number can be reassigned.
  assert_int_equal(compare_with_what_threads_counted(), 0);
  for (int site = 0; site < SITES; ++site) {
    int64_t sums[MEMTRACK_BUCKETS + 1][2] = {0}, none[MEMTRACK_BUCKETS + 1][2] = {0};
    sum_buckets(MEMTRACK_SITE_FIRST + site, memtrack_epochs(), sums);
    assert_memory_equal(sums, none, sizeof(sums));
  }
}

// A tag with an epoch that has not begun belongs to no block, and the counts stay exact.
static void
an_epoch_that_has_not_come_is_the_present_one(void **state)
{
  (void)state;
  uint64_t epochs                         = memtrack_epochs();
  int64_t before[MEMTRACK_BUCKETS + 1][2] = {0}, after[MEMTRACK_BUCKETS + 1][2] = {0};
  sum_buckets(MEMTRACK_SITE_FIRST, epochs, before);
  assert_true((epochs & MEMTRACK_EPOCH_MASK) < MEMTRACK_EPOCH_MASK);
  memtrack_account_free(MEMTRACK_SITE_FIRST << MEMTRACK_EPOCH_BITS | MEMTRACK_EPOCH_MASK, 10);
  sum_buckets(MEMTRACK_SITE_FIRST, epochs, after);
  assert_int_equal(after[0][0] - before[0][0], -1);
  assert_int_equal(after[0][1] - before[0][1], -10);
  assert_memory_equal(after[1], before[1], sizeof(before) - sizeof(before[0]));
}

int
main(void)
{
  open_accounting(1000);
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(buckets_of_all_shards_are_exact),
    cmocka_unit_test(an_epoch_that_has_not_come_is_the_present_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
