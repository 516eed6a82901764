/* SPDX-License-Identifier: Apache-2.0
 *
 * Drives the core's analysis: takes samples, tells what was measured, sets baselines, and says in diags.log what the core finds.
 * All of it on a task thread; called by one thread at a time. What is a leak and what is none is the core's to say.
 */
#ifndef MEMTRACK_ANALYSIS_H
#define MEMTRACK_ANALYSIS_H

#include <stdbool.h>
#include <stdint.h>

#include "core_abi.h"
#include "server/record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Sums that the server's statistics show. */
struct memtrack_totals {
  uint64_t suspects;
  int64_t bytes[MEMTRACK_CLASS_COUNT]; /* tracked, alive */
};

/* Where records are read, and the name of the server's function that prints its freelists (or NULL). init-only. */
void memtrack_analysis_open(memtrack_record_reader read, const char *freelists);

/* Takes a sample if one is due: `interval` seconds after the last one. Each second. Not hook-safe. */
void memtrack_analysis_poll(int64_t interval);

/* Measures what the next dump shows. Right before it. Not hook-safe. */
void memtrack_analysis_before_dump(void);

/* Sets a baseline. by_user: dumps' growth is since it from now on. Not hook-safe. */
void memtrack_analysis_mark(const char *name, bool by_user);

/* Makes the next dump one of the growth since a baseline; "" is the one that dumps have anyhow. False where there is none of that
   name: then it has been said. Not hook-safe. */
bool memtrack_analysis_select(const char *name);

/* Forgets histories, suspects and baselines. Not hook-safe. */
void memtrack_analysis_reset(void);

/* Says in diags.log how it stands. Not hook-safe. */
void memtrack_analysis_status(int level, int64_t interval);

/* No samples are taken: there are no totals and no suspects until the next one. Not hook-safe. */
void memtrack_analysis_idle(void);

/* As of the last sample. Not hook-safe. */
const struct memtrack_totals *memtrack_analysis_totals(void);

#ifdef __cplusplus
}
#endif

#endif
