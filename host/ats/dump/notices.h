/* SPDX-License-Identifier: Apache-2.0
 *
 * What the core has to say, and to decide, of how memtrack stands: lines for the operator (assembly/control/notices.ts), and what
 * is due (assembly/control/schedule.ts). Called by one thread at a time; not hook-safe.
 */
#ifndef MEMTRACK_NOTICES_H
#define MEMTRACK_NOTICES_H

#include <stdbool.h>
#include <stdint.h>

#include "dump/dump.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Logs what is on at the start. init-only. */
void memtrack_notice_start(const struct memtrack_state *state, uint32_t sites);

/* Logs what an operator must know at once, each when it happens. Each second. Not hook-safe. */
void memtrack_notice_trouble(void);

/* Whether numbers of sites are to be looked for that can be given again; `unloads` are those of modules so far. Each second. Not
   hook-safe. */
bool memtrack_due_reclaim(uint64_t unloads);

/* Whether a sample is to be taken now. Each second. Not hook-safe. */
bool memtrack_due_sample(uint64_t now, uint64_t interval);

/* The next sample is due at once. Not hook-safe. */
void memtrack_due_anew(void);

#ifdef __cplusplus
}
#endif

#endif
