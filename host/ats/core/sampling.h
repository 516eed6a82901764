/* SPDX-License-Identifier: Apache-2.0
 *
 * Sampled sites: of their allocations one in so many keeps its call stack (owner/call_stack.h). The fast path of an allocation does
 * not find such a site in its shard (assembly/shard/table.ts), and the slow path calls the sampler. Other sites pay nothing.
 */
#ifndef MEMTRACK_SAMPLING_H
#define MEMTRACK_SAMPLING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "core_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Numbers that a tag can have. */
#define MEMTRACK_SITE_NUMBERS 65536u

/* By site: 0, or 1 and the power of 2 that is the number of allocations of which one is sampled. */
extern uint8_t memtrack_sampling_rates[MEMTRACK_SITE_NUMBERS] MT_HIDDEN;

/* hook-safe. */
static inline uint8_t
memtrack_sampling_rate(uint32_t site)
{
  return memtrack_load(&memtrack_sampling_rates[site]);
}

/* An allocation of a sampled site, by the call at `address`: `what` is a block that has its tag, or else something whose birth is
   in a table. It is called inside a hook. */
typedef void (*memtrack_sampler)(uint64_t address, uint32_t birth, uint64_t size, const void *what, bool tagged);

/* Sets who is told. init-only. */
void memtrack_sampling_set_sampler(memtrack_sampler sampler);

/* Tells the sampler. hook-safe. */
void memtrack_sampling_tell(uint64_t address, uint32_t birth, uint64_t size, const void *what, bool tagged);

/* Replaces the list: `count` pairs of a site and its rate, MEMTRACK_SEARCHED_MAX at most. Shards learn of it before their next
   allocation. task-thread, under the model's mutex. */
void memtrack_sampling_publish(const uint32_t (*list)[2], uint32_t count);

#ifdef __cplusplus
}
#endif

#endif
