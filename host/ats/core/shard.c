/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "core/shard.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/words.h"

/* A reader that sees an odd seq waits for the end of an event: a few nanoseconds, or until the owner is scheduled again if it lost
 * the processor, which can take long on a busy machine. After this time the thread is considered gone in the middle of an event. (A
 * number of spins is no bound: a busy host used 100,000 spins before it scheduled the thread.)
 */
#define READ_WAIT_NS  (2ull * MEMTRACK_NS_PER_S)
#define READ_TURNS    256 /* spins before the reader sleeps between two reads */
#define READ_PAUSE_NS (50L * MEMTRACK_NS_PER_US)

__thread struct memtrack_thread memtrack_thread;

static struct memtrack_shard shards[MEMTRACK_SHARDS_MAX];  /* 0 is the shared shard */
static struct memtrack_shard *opened[MEMTRACK_SHARDS_MAX]; /* by number; the shared shard is number 0 */
static uint32_t shard_count;
static uint32_t used = 1;                   /* how many of `shards` are open, being opened, or spare. Under the pool's mutex */
static uint16_t spare[MEMTRACK_SHARDS_MAX]; /* those that could not be opened. Under the pool's mutex */
static uint32_t spare_count;
static uint32_t traps;
static uint32_t capacity;
static pthread_mutex_t pool_mutex   = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t shared_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t key;
static bool have_key;

/* Runs at a thread's end. Later events (other destructors release memory) use the shared shard. */
static void
return_shard(void *shard)
{
  memtrack_thread.shard = memtrack_thread.aside = NULL;
  memtrack_thread.state                         = MEMTRACK_THREAD_SHARING;
  memtrack_store(&((struct memtrack_shard *)shard)->thread, 0);
  pthread_mutex_lock(&pool_mutex);
  ((struct memtrack_shard *)shard)->owned = false;
  pthread_mutex_unlock(&pool_mutex);
}

int
memtrack_shards_open(uint32_t sites)
{
  capacity = sites;
  if (memtrack_core_open(&shards[0].core, MEMTRACK_ROLE_SHARD, sites)) {
    return -1;
  }
  shards[0].owned = true;
  opened[0]       = &shards[0];
  memtrack_store_ordered(&shard_count, 1);
  have_key = pthread_key_create(&key, return_shard) == 0;
  return 0;
}

/* An open shard without an owner; NULL if there is none. Under the pool's mutex. */
static struct memtrack_shard *
find_unowned(void)
{
  uint32_t count = memtrack_load(&shard_count);
  for (uint32_t i = 0; i < count; ++i) {
    if (!opened[i]->owned && !memtrack_load(&opened[i]->dead)) {
      return opened[i];
    }
  }
  return NULL;
}

/* A shard to be opened; NULL if there is none. Under the pool's mutex. */
static struct memtrack_shard *
find_closed(void)
{
  return spare_count ? &shards[spare[--spare_count]] : used < MEMTRACK_SHARDS_MAX ? &shards[used++] : NULL;
}

/* Opens a shard, without the pool's mutex, because its memory must be mapped: other threads' first events do not wait for that. */
static struct memtrack_shard *
open_shard(struct memtrack_shard *shard)
{
  bool good = memtrack_core_open(&shard->core, MEMTRACK_ROLE_SHARD, capacity) == 0;
  pthread_mutex_lock(&pool_mutex);
  if (good) {
    uint32_t count = memtrack_load(&shard_count);
    shard->owned   = true;
    opened[count]  = shard;
    memtrack_store_release(&shard_count, count + 1);
  } else {
    spare[spare_count++] = shard - shards;
  }
  pthread_mutex_unlock(&pool_mutex);
  return good ? shard : NULL;
}

/* An unowned shard, or a new shard; NULL if none is possible. */
static struct memtrack_shard *
take_shard(void)
{
  pthread_mutex_lock(&pool_mutex);
  struct memtrack_shard *shard = find_unowned(), *closed = shard ? NULL : find_closed();
  if (shard) {
    shard->owned = true;
  }
  pthread_mutex_unlock(&pool_mutex);
  return closed ? open_shard(closed) : shard;
}

static uint64_t
thread_pointer(void)
{
#ifdef __x86_64__
  return (uint64_t)pthread_self(); /* clang has no built-in function for it */
#else
  return (uintptr_t)__builtin_thread_pointer();
#endif
}

void
memtrack_shard_attach(void)
{
  /* Without a key the shard would never be returned. */
  struct memtrack_shard *shard = have_key ? take_shard() : NULL;
  if (shard && pthread_setspecific(key, shard)) {
    return_shard(shard);
    shard = NULL;
  }
  if (shard == NULL) {
    memtrack_limit_hit(MEMTRACK_LIMIT_SHARDS);
  } else {
    memtrack_store(&shard->stack, (uintptr_t)__builtin_frame_address(0));
    memtrack_store(&shard->pointer, thread_pointer());
    memtrack_store(&shard->thread, gettid());
  }
  memtrack_thread.shard = shard;
  memtrack_thread.state = shard ? MEMTRACK_THREAD_ATTACHED : MEMTRACK_THREAD_SHARING;
}

void
memtrack_shard_park(void)
{
  memtrack_thread.parked = true;
  memtrack_thread.aside  = memtrack_thread.shard;
  memtrack_thread.shard  = NULL;
}

void
memtrack_shard_unpark(void)
{
  memtrack_thread.shard  = memtrack_thread.aside;
  memtrack_thread.aside  = NULL;
  memtrack_thread.parked = false;
}

struct memtrack_shard *
memtrack_shard_share(void)
{
  pthread_mutex_lock(&shared_mutex);
  return &shards[0];
}

void
memtrack_shard_unshare(void)
{
  pthread_mutex_unlock(&shared_mutex);
}

void
memtrack_shard_disable(struct memtrack_shard *shard)
{
  memtrack_store(&shard->dead, true);
  memtrack_add(&traps, 1);
  if (memtrack_thread.shard == shard) {
    memtrack_thread.shard = NULL;
    memtrack_thread.state = MEMTRACK_THREAD_DISABLED;
  }
}

void
memtrack_shard_disable_own(void)
{
  memtrack_shard_disable(memtrack_thread.shard);
}

uint32_t
memtrack_shard_count(void)
{
  return memtrack_load_acquire(&shard_count);
}

struct memtrack_shard *
memtrack_shard_get(uint32_t n)
{
  return opened[n];
}

uint32_t
memtrack_shard_traps(void)
{
  return memtrack_load(&traps);
}

/* Waits briefly for a shard's owner to leave. `turns` counts the reads, `since` is the time of the first pause. Returns false
   when the owner is no longer expected to leave. */
static bool
wait_for_owner(uint32_t turns, uint64_t *since)
{
  if (turns < READ_TURNS) {
    if (turns % 64 == 0) {
      sched_yield();
    }
    return true;
  }
  const struct timespec pause = {.tv_nsec = READ_PAUSE_NS};
  uint64_t now                = memtrack_clock_ns();
  if (turns == READ_TURNS) {
    *since = now;
  }
  nanosleep(&pause, NULL);
  return now - *since < READ_WAIT_NS;
}

/* The reader's side of the seqlock (base/words.h). */
struct reader {
  struct memtrack_shard *shard;
  bool gone; /* waiting for the owner has ended */
};

MT_INLINE MT_NO_THREAD_SANITIZER uint64_t
reader_begin(const struct reader *reader)
{
  return memtrack_load_acquire(&reader->shard->seq);
}

/* Whether the data copied since reader_begin() is consistent, or no better copy is possible; otherwise it must be copied again. */
MT_INLINE MT_NO_THREAD_SANITIZER bool
reader_end(struct reader *reader, uint64_t before, uint32_t *turns, uint64_t *since)
{
  memtrack_fence_acquire();
  bool whole = !(before & 1) && memtrack_load(&reader->shard->seq) == before;
  if (MT_LIKELY(whole) || reader->gone) {
    *turns = 0;
    return true;
  }
  reader->gone = memtrack_load(&reader->shard->dead) || !wait_for_owner(++*turns, since);
  return false;
}

MT_NO_THREAD_SANITIZER void
memtrack_shard_read(struct memtrack_shard *shard, uint32_t pair, uint32_t count, uint8_t *to)
{
  const uint8_t *from  = memtrack_core_at(&shard->core, MEMTRACK_RECORDS_AT) + pair;
  struct reader reader = {.shard = shard};
  uint32_t turns       = 0;
  uint64_t since       = 0;
  for (uint32_t site = 0; site < count;) {
    uint64_t copied[2], before = reader_begin(&reader);
    memtrack_copy_words(copied, from + (uint64_t)site * MEMTRACK_RECORD_SIZE, 2);
    if (reader_end(&reader, before, &turns, &since)) {
      memcpy(to + (uint64_t)site * MEMTRACK_PAIR_SIZE, copied, sizeof(copied));
      ++site;
    }
  }
}

MT_NO_THREAD_SANITIZER void
memtrack_shard_read_sites(struct memtrack_shard *shard, uint32_t first, uint32_t count, uint8_t *to)
{
  const uint8_t *records = memtrack_core_at(&shard->core, MEMTRACK_RECORDS_AT) + MEMTRACK_RECORD_ALLOCS;
  const uint8_t *buckets = memtrack_core_at(&shard->core, MEMTRACK_BUCKETS_AT);
  struct reader reader   = {.shard = shard};
  uint32_t turns         = 0;
  uint64_t since         = 0;
  for (uint32_t site = first; site < first + count;) {
    uint64_t *copied = (uint64_t *)(to + (uint64_t)(site - first) * MEMTRACK_STAGED_SIZE), before = reader_begin(&reader);
    memtrack_copy_words(copied, (const uint8_t *)memtrack_core_epochs(&shard->core), 1);
    memtrack_copy_words(copied + MEMTRACK_STAGED_PAIRS / 8, records + (uint64_t)site * MEMTRACK_RECORD_SIZE, 4);
    if (copied[MEMTRACK_STAGED_PAIRS / 8] || copied[MEMTRACK_STAGED_PAIRS / 8 + 2]) { /* buckets of unused sites stay untouched */
      memtrack_copy_words(copied + MEMTRACK_STAGED_BUCKETS / 8, buckets + (uint64_t)site * MEMTRACK_BUCKETS_SIZE,
                          MEMTRACK_BUCKETS_SIZE / 8);
    }
    site += reader_end(&reader, before, &turns, &since);
  }
}
