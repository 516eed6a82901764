/* SPDX-License-Identifier: Apache-2.0
 *
 * Shards and threads. Each thread that accounts has a shard: a core instance that it alone writes. A shard outlives its thread: it
 * is returned with its counts and given to the next thread, so the sum over all shards ever made is the truth, and there are
 * as many as there were threads at once.
 *
 *   thread ── memtrack_thread.shard ──> shard { seq, core } <── read by a dump, pair by pair
 *                                          ^
 *   threads that can have none (no memory, too many, ending) share one, under a mutex: slower, nothing is lost.
 *
 * A shard is a seqlock: seq is odd while its owner is inside. The owner stores twice and never waits; a reader copies and, where
 * seq moved meanwhile, copies again. (Boehm, "Can seqlocks get along with programming language memory models?", MSPC 2012.)
 * An odd seq also tells the owner that it was interrupted inside by a signal handler that came back here.
 */
#ifndef MEMTRACK_SHARD_H
#define MEMTRACK_SHARD_H

#include "base/atomic.h"
#include "base/compiler.h"
#include "core/instance.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACK_SHARDS_MAX 1024 /* threads at once that have a shard of their own */

struct memtrack_shard {
  uint64_t seq;
  struct memtrack_core core;
  bool dead;       /* it trapped: read, never written again */
  bool frozen;     /* the registry was full, and it knows all that is in it */
  bool owned;      /* under the pool's mutex */
} MT_ALIGNED(128); /* no cache line, nor the one prefetched with it, is shared by two threads */

enum memtrack_thread_state {
  MEMTRACK_THREAD_NEW,      /* has not accounted yet */
  MEMTRACK_THREAD_ATTACHED, /* has a shard */
  MEMTRACK_THREAD_SHARING,  /* can have none, or is ending */
  MEMTRACK_THREAD_DISABLED, /* its shard trapped */
};

struct memtrack_thread {
  struct memtrack_shard *shard; /* NULL unless attached */
  enum memtrack_thread_state state;
  bool busy; /* inside the slow path */
};

extern __thread struct memtrack_thread memtrack_thread MT_INITIAL_EXEC MT_HIDDEN;

/* Begins a change of this thread's shard, and tells the seq to end it with. False where the owner is inside already. hook-safe. */
static inline bool
memtrack_shard_enter(struct memtrack_shard *shard, uint64_t *seq)
{
  *seq = memtrack_load(&shard->seq);
  if (MT_UNLIKELY(*seq & 1)) {
    return false;
  }
  memtrack_store(&shard->seq, *seq + 1);
  memtrack_fence_release(); /* on x86-64 a compiler barrier only */
  return true;
}

/* Ends it. From the seq given, not from memory: reading back what was just stored would chain each event to the one before, 4 ns
   on the machine it was measured on. hook-safe. */
static inline void
memtrack_shard_leave(struct memtrack_shard *shard, uint64_t seq)
{
  memtrack_store_release(&shard->seq, seq + 2);
}

/* Makes the shared shard, whose capacity all others will have. Returns 0 or -1. init-only. */
int memtrack_shards_open(uint32_t sites);

/* Gives this thread a shard, or lets it share. Sets memtrack_thread. hook-safe (allocates with mmap, and once per thread what
   pthread_setspecific takes from the C library). */
void memtrack_shard_attach(void);

/* The shared shard, locked; unlock with memtrack_shard_unshare(). hook-safe. */
struct memtrack_shard *memtrack_shard_share(void);
void memtrack_shard_unshare(void);

/* This thread's shard trapped: it is not written again, and the thread's further events are lost and counted. hook-safe. */
void memtrack_shard_disable(struct memtrack_shard *shard);
void memtrack_shard_disable_own(void);

/* Shards made, the shared one included, and the n-th of them. Any thread. */
uint32_t memtrack_shard_count(void);
struct memtrack_shard *memtrack_shard_get(uint32_t n);

/* Shards disabled by a trap. Any thread. */
uint32_t memtrack_shard_traps(void);

/* Copies a pair (MEMTRACK_RECORD_ALLOCS or _FREES) of the sites 0 to count - 1 to `to`, MEMTRACK_PAIR_SIZE bytes each; each pair
   is of one moment. Any thread but the shard's own inside a change. */
void memtrack_shard_read(struct memtrack_shard *shard, uint32_t pair, uint32_t count, uint8_t *to);

/* Copies what there is of the sites first to first + count - 1, MEMTRACK_STAGED_SIZE bytes each; each site is of one moment. Any
   thread but the shard's own inside a change. */
void memtrack_shard_read_sites(struct memtrack_shard *shard, uint32_t first, uint32_t count, uint8_t *to);

#ifdef __cplusplus
}
#endif

#endif
