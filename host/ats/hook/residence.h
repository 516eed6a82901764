/* SPDX-License-Identifier: Apache-2.0
 *
 * How much of mapped memory is resident: a thread of memtrack's own asks the kernel at each sample and before each dump, for the
 * ranges in the table (hook/ranges.h), and counts the change for the site and the epoch of each range. So a row's bytes are those
 * of its ranges at any time.
 *
 * mincore() tells it page by page, and keeps the lock of the address space for 4,096 pages at a time; smaps, which needs it for a
 * whole mapping, stops the server meanwhile. Of a file or of shared memory mincore() tells what is in the page cache, whoever has
 * it there: these ranges count no bytes. Where it says that nothing is mapped, an unmapping was not seen: the pages leave the
 * table.
 */
#ifndef MEMTRACK_HOOK_RESIDENCE_H
#define MEMTRACK_HOOK_RESIDENCE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Most calls of mincore() at a sample, and before a dump: about 60 ms, and 1 s. A call is for at most 4,096 pages of one range. */
#define MEMTRACK_RESIDENCE_AT_SAMPLE 65536u
#define MEMTRACK_RESIDENCE_AT_DUMP   1048576u

/* A longer range is address space that somebody reserves: it counts no bytes. */
#define MEMTRACK_RESIDENCE_LONGEST (UINT64_C(1) << 40)

/* Measures the ranges, at most about `most` calls; the next one continues there. Returns the number of calls. Not hook-safe; one
   thread at a time. */
uint32_t memtrack_residence_measure(uint32_t most);

#ifdef __cplusplus
}
#endif

#endif
