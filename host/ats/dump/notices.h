/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines for the operator about memtrack's state (assembly/control/notices.ts), and decisions about what is due
 * (assembly/control/schedule.ts), both by the core. Called by one thread at a time; not hook-safe.
 */
#ifndef MEMTRACK_NOTICES_H
#define MEMTRACK_NOTICES_H

#include <stdbool.h>
#include <stdint.h>

#include "dump/dump.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Logs what is tracked at the start. init-only. */
void memtrack_notice_start(const struct memtrack_state *state, uint32_t sites);

/* Logs new problems. Each second. Not hook-safe. */
void memtrack_notice_trouble(void);

/* Whether to search for numbers of sites to reclaim; `unloads` is the number of unloaded modules so far. Each second. Not
   hook-safe. */
bool memtrack_due_reclaim(uint64_t unloads);

/* Whether to take a sample now. Each second. Not hook-safe. */
bool memtrack_due_sample(uint64_t now, uint64_t interval);

/* Makes the next sample due at once. Not hook-safe. */
void memtrack_due_anew(void);

#ifdef __cplusplus
}
#endif

#endif
