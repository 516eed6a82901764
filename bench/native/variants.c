// SPDX-License-Identifier: Apache-2.0
#include "variants.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

#define LIKELY(x) __builtin_expect(!!(x), 1)

#define OTHER      0  // the site for refused keys
#define FIRST_SITE 16 // as in the core
#define DETAIL     0u // the class IOBuffer

struct record {
  uint64_t place;
  uint32_t detail, unused;
  uint64_t allocs, alloc_bytes, frees, free_bytes;
};

struct shard {
  _Alignas(128) _Atomic uint64_t seq;
  uint16_t *index;
  struct record *records;
  uint32_t mask;
  uint8_t shift;
  bool sealed;
  uint32_t count; // number of known sites; the registry's next number
  struct shard *next;
};

static __thread uint64_t events, bytes;
static __thread struct shard *thread_shard;

static struct shard *registry;
static struct shard *all_shards;
static uint32_t capacity;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

void
nothing_event(const char *location, int64_t size)
{
  __asm__ volatile("" ::"r"(location), "r"(size));
}

void
counter_event(const char *location, int64_t size)
{
  (void)location;
  ++events;
  bytes += size;
}

static uint32_t
slot_of(const struct shard *shard, uint64_t place, uint32_t detail)
{
  return (place ^ detail * 0xbf58476d1ce4e5b9u) * 0x9e3779b97f4a7c15u >> shard->shift;
}

static inline uint32_t
find(const struct shard *shard, uint64_t place, uint32_t detail)
{
  for (uint32_t at = slot_of(shard, place, detail);; at = (at + 1) & shard->mask) {
    uint32_t site               = shard->index[at];
    const struct record *record = &shard->records[site];
    if (LIKELY((record->place == place && record->detail == detail) || site == 0)) {
      return site;
    }
  }
}

static void
bind(struct shard *shard, uint32_t site, uint64_t place, uint32_t detail)
{
  if (find(shard, place, detail)) {
    return;
  }
  uint32_t at = slot_of(shard, place, detail);
  while (shard->index[at]) {
    at = (at + 1) & shard->mask;
  }
  shard->records[site].place  = place;
  shard->records[site].detail = detail;
  shard->index[at]            = site;
}

static inline void
charge(struct shard *shard, uint64_t seq, uint32_t site, int64_t size)
{
  struct record *record = &shard->records[site];
  atomic_store_explicit(&shard->seq, seq + 1, memory_order_relaxed);
  atomic_thread_fence(memory_order_release);
  if (size >= 0) {
    record->allocs++;
    record->alloc_bytes += size;
  } else {
    record->frees++;
    record->free_bytes -= size;
  }
  atomic_store_explicit(&shard->seq, seq + 2, memory_order_release);
}

static void *
pages(size_t size)
{
  void *made = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (made == MAP_FAILED) {
    abort();
  }
  return made;
}

static struct shard *
new_shard(void)
{
  uint32_t slots = FIRST_SITE + capacity, bits = 1;
  while (1u << bits < 2 * slots) {
    ++bits;
  }
  struct shard *shard = pages(sizeof(*shard));
  shard->records      = pages(slots * sizeof(struct record) + (sizeof(uint16_t) << bits));
  shard->index        = (uint16_t *)(shard->records + slots);
  shard->mask         = (1u << bits) - 1;
  shard->shift        = 64 - bits;
  shard->count        = FIRST_SITE;
  return shard;
}

void
by_hand_open(uint32_t sites)
{
  capacity = sites;
  registry = new_shard();
}

// A thread's first event, or its first event for a site.
static __attribute__((noinline, cold)) void
learn(uint64_t place, int64_t size)
{
  pthread_mutex_lock(&mutex);
  struct shard *shard = thread_shard;
  if (!shard) {
    shard        = new_shard();
    shard->next  = all_shards;
    all_shards   = shard;
    thread_shard = shard;
  }
  uint32_t site = find(registry, place, DETAIL);
  if (!site && registry->count < FIRST_SITE + capacity) {
    site = registry->count++;
    bind(registry, site, place, DETAIL);
  }
  if (site) {
    bind(shard, site, place, DETAIL);
  } else {
    for (uint32_t known = FIRST_SITE; known < registry->count; ++known) {
      bind(shard, known, registry->records[known].place, registry->records[known].detail);
    }
    shard->sealed = true;
  }
  pthread_mutex_unlock(&mutex);
  charge(shard, atomic_load_explicit(&shard->seq, memory_order_relaxed), site ? site : OTHER, size);
}

void
by_hand_event(const char *location, int64_t size)
{
  struct shard *shard = thread_shard;
  if (LIKELY(shard != NULL)) {
    uint64_t seq  = atomic_load_explicit(&shard->seq, memory_order_relaxed);
    uint32_t site = find(shard, (uintptr_t)location, DETAIL);
    // An odd seq: a signal handler interrupted an event of its own thread. This event is lost, as in the core.
    if (LIKELY((site || shard->sealed) && !(seq & 1))) {
      charge(shard, seq, site, size);
      return;
    }
    if (seq & 1) {
      return;
    }
  }
  learn((uintptr_t)location, size);
}

uint64_t
by_hand_total(void)
{
  uint64_t sum = 0;
  for (const struct shard *shard = all_shards; shard; shard = shard->next) {
    for (uint32_t site = 0; site < FIRST_SITE + capacity; ++site) {
      sum += shard->records[site].allocs + shard->records[site].frees;
    }
  }
  return sum;
}
