/* SPDX-License-Identifier: Apache-2.0
 *
 * The monotonic clock: no date, never goes back, the same for all threads.
 */
#ifndef MEMTRACK_CLOCK_H
#define MEMTRACK_CLOCK_H

#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACK_NS_PER_US 1000u
#define MEMTRACK_NS_PER_MS 1000000u
#define MEMTRACK_NS_PER_S  1000000000u

/* Nanoseconds. signal-safe, hook-safe. */
static inline uint64_t
memtrack_clock_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * MEMTRACK_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Whole seconds. signal-safe, hook-safe. */
static inline uint64_t
memtrack_clock_seconds(void)
{
  return memtrack_clock_ns() / MEMTRACK_NS_PER_S;
}

#ifdef __cplusplus
}
#endif

#endif
