/* SPDX-License-Identifier: Apache-2.0
 *
 * Shards and threads. Each thread that counts has a shard: a core instance that only this thread writes. A shard outlives its
 * thread: it returns to the pool with its counts and goes to the next thread. The sum over all shards is therefore exact, and there
 * are as many shards as threads that existed at once.
 *
 *    thread ── memtrack_thread.shard ──> shard { seq, core } <── read by a dump, pair by pair
 *                                           ^
 *    threads without their own (no memory, too many, ending) share a shard, under a mutex: slower, nothing is lost.
 *
 * A shard is a seqlock: seq is odd while its owner is inside. The owner stores twice and never waits; a reader copies, and copies
 * again if seq changed meanwhile. (Boehm, "Can seqlocks get along with programming language memory models?", MSPC 2012.) An odd seq
 * also tells the owner that a signal handler has interrupted it inside and has called a hook.
 */
#ifndef MEMTRACK_SHARD_H
#define MEMTRACK_SHARD_H

#include "base/atomic.h"
#include "base/compiler.h"
#include "core/instance.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACK_SHARDS_MAX 1024 /* threads that can have their own shard at the same time */

struct memtrack_shard {
  uint64_t seq;
  struct memtrack_core core;
  bool dead;        /* trapped: still read, never written again */
  bool frozen;      /* the registry was full, and the shard has all of its keys */
  bool owned;       /* under the pool's mutex */
  int32_t thread;   /* number of its owner; 0: it has none */
  uint64_t stack;   /* an address in its owner's stack */
  uint64_t pointer; /* its owner's thread pointer, behind which its thread-local variables are found (search/locals.h) */
} MT_ALIGNED(128);  /* two threads share neither a cache line nor the adjacent prefetched line */

enum memtrack_thread_state {
  MEMTRACK_THREAD_NEW,      /* has not counted yet */
  MEMTRACK_THREAD_ATTACHED, /* has a shard */
  MEMTRACK_THREAD_SHARING,  /* cannot have a shard, or is ending */
  MEMTRACK_THREAD_DISABLED, /* its shard trapped */
};

struct memtrack_thread {
  struct memtrack_shard *shard; /* NULL unless attached */
  enum memtrack_thread_state state;
  bool busy;   /* inside the slow path */
  bool parked; /* each event takes the slow path, although the thread has a shard: `aside` */
  struct memtrack_shard *aside;
};

extern __thread struct memtrack_thread memtrack_thread MT_INITIAL_EXEC MT_HIDDEN;

/* Begins a change of this thread's shard and returns the seq for its end. Returns false if the owner is already inside.
   hook-safe. */
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

/* Ends the change. Uses the given seq instead of reading it back: that would chain each event to the previous one, 4 ns on the
   measured machine. hook-safe. */
static inline void
memtrack_shard_leave(struct memtrack_shard *shard, uint64_t seq)
{
  memtrack_store_release(&shard->seq, seq + 2);
}

/* From the first to the second, each event of this thread takes the slow path, which asks for the location of IOBuffers
   (core/account.h). Not nested. hook-safe. */
void memtrack_shard_park(void);
void memtrack_shard_unpark(void);

/* Creates the shared shard, whose capacity applies to all others. Returns 0 or -1. init-only. */
int memtrack_shards_open(uint32_t sites);

/* Gives this thread a shard, or lets it share. Sets memtrack_thread. hook-safe (allocates with mmap; once per thread
   pthread_setspecific may allocate in the C library). */
void memtrack_shard_attach(void);

/* Returns the shared shard, locked; unlock it with memtrack_shard_unshare(). hook-safe. */
struct memtrack_shard *memtrack_shard_share(void);
void memtrack_shard_unshare(void);

/* Disables this thread's shard after a trap: it is not written again, and the thread's further events are counted as lost.
   hook-safe. */
void memtrack_shard_disable(struct memtrack_shard *shard);
void memtrack_shard_disable_own(void);

/* Number of shards created, the shared shard included, and the shard of a number. Any thread. */
uint32_t memtrack_shard_count(void);
struct memtrack_shard *memtrack_shard_get(uint32_t n);

/* Number of shards disabled by a trap. Any thread. */
uint32_t memtrack_shard_traps(void);

/* Copies a pair (MEMTRACK_RECORD_ALLOCS or _FREES) of the sites 0 to count - 1 to `to`, MEMTRACK_PAIR_SIZE bytes per site; each
   pair is consistent. Any thread except the shard's owner inside a change. */
void memtrack_shard_read(struct memtrack_shard *shard, uint32_t pair, uint32_t count, uint8_t *to);

/* Copies the snapshots of the sites first to first + count - 1, MEMTRACK_STAGED_SIZE bytes per site; each site is consistent.
   Any thread except the shard's owner inside a change. */
void memtrack_shard_read_sites(struct memtrack_shard *shard, uint32_t first, uint32_t count, uint8_t *to);

#ifdef __cplusplus
}
#endif

#endif
