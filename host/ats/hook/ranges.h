/* SPDX-License-Identifier: Apache-2.0
 *
 * Ranges of addresses that plugins have mapped, or that are stacks of their threads: one table, sorted by address, of ranges that
 * do not overlap. A range has the birth of its site, and the number of pages that its row counts (hook/residence.h).
 *
 *   map          put
 *   munmap       take, then drop; or restore, where the call fails
 *   mremap       take, then move; or restore
 *   MAP_FIXED    take, then drop, and put; or restore
 *
 * What a call may unmap is taken out before the call: after it, another thread may be given the same addresses. A part can be taken
 * out of a range. The parts of one mapping know each other: what it counts is released with the last of them, and until then the
 * others have the pages of the part that left.
 *
 * The table has a lock, held for a search and a few stores. A signal handler that interrupts its holder, and a child after fork,
 * find the table unusable: what they map is counted as lost, what they unmap is found to be gone later.
 */
#ifndef MEMTRACK_RANGES_H
#define MEMTRACK_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum memtrack_range_kind {
  MEMTRACK_RANGE_PRIVATE, /* private and anonymous: its resident pages are the plugin's own */
  MEMTRACK_RANGE_OTHER,   /* of a file, or shared: its pages are also others' */
  MEMTRACK_RANGE_STACK,   /* the C library mapped it, private and anonymous */
};

struct memtrack_mapped_range {
  uint64_t start, end; /* whole pages */
  uint64_t origin;     /* number of its mapping: the ranges that were one have one number */
  uint32_t birth;      /* site and epoch (assembly/abi.ts) */
  uint32_t pages;      /* counted in its row */
  enum memtrack_range_kind kind;
};

/* Ranges that were taken out of the table: those of an earlier arming are forgotten. */
struct memtrack_taken {
  uint32_t first, arming;
};

/* Most ranges. The memory of an entry is touched when it is first needed. */
#define MEMTRACK_RANGES_MAX 262144u

/* Reserves the table. Returns 0 or -1. init-only. */
int memtrack_ranges_open(void);

/* Forgets all ranges: they were mapped in an earlier arming. Any thread. */
void memtrack_ranges_clear(void);

/* Whether this thread may use the table: it is not interrupted in it, and not in another process. hook-safe, signal-safe. */
bool memtrack_ranges_usable(void);

/* The number of the next mapping, and the largest number so far. hook-safe. */
uint64_t memtrack_ranges_number(void);
uint64_t memtrack_ranges_newest(void);

/* Size of a page. hook-safe. */
size_t memtrack_ranges_page(void);

/* Records a range. What the table has at these addresses is gone, and is released. If there is no room, the range's birth is
   released at once. hook-safe. */
void memtrack_ranges_put(const struct memtrack_mapped_range *range);

/* Takes what is recorded between these addresses out of the table, if they are whole pages. Every result must be passed to one of
   the following functions. hook-safe. */
struct memtrack_taken memtrack_ranges_take(const void *start, size_t length);

/* They are unmapped: counts the releases. hook-safe. */
void memtrack_ranges_drop(struct memtrack_taken taken);

/* They are still mapped. hook-safe. */
void memtrack_ranges_restore(struct memtrack_taken taken);

/* They are at another address, or have another length, as one range. hook-safe. */
void memtrack_ranges_move(struct memtrack_taken taken, const void *start, size_t length);

/* The thread of the stack that contains this address, of mapping `origin`, has ended: nobody else's has. hook-safe. */
void memtrack_ranges_thread_ended(uintptr_t inside, uint64_t origin);

/* Releases the stack that contains this address, if it is of mapping `newest` or an older one, and with `ended` only if its thread
   has ended. hook-safe. */
void memtrack_ranges_thread_gone(uintptr_t inside, uint64_t newest, bool ended);

/* Copies ranges that end after an address, in order, at most `most`. Returns their number. Any thread. */
uint32_t memtrack_ranges_copy(uint64_t after, struct memtrack_mapped_range *ranges, uint32_t most);

/* Whether a range with this birth begins at an address. Any thread. */
bool memtrack_ranges_is(uint64_t start, uint32_t birth);

/* Copies the beginning of each mapping, at most MEMTRACK_RANGES_MAX, without the lock. Returns false if the table changed
   meanwhile: then the copy is worth nothing. Any thread. */
bool memtrack_ranges_snapshot(struct memtrack_mapped_range *ranges, uint32_t *copied);

/* So many pages of a range that was copied are resident: counts the change, if the range is still the same. Any thread. */
void memtrack_ranges_measured(const struct memtrack_mapped_range *range, uint32_t pages);

/* A part of a range that was copied is not mapped: it leaves the table, if the range is still the same. Any thread. */
void memtrack_ranges_lost(const struct memtrack_mapped_range *range, uint64_t start, uint64_t end);

/* Size of the entries that are or were in use, in bytes. Any thread. */
uint64_t memtrack_ranges_memory(void);

#ifdef __cplusplus
}
#endif

#endif
