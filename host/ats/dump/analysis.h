/* SPDX-License-Identifier: Apache-2.0
 *
 * Drives the core's analysis: takes samples, passes measurements, sets baselines, and logs the core's findings in diags.log. On a
 * task thread, called by one thread at a time. The core decides what is a leak.
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

/* Sums shown by the server's statistics. */
struct memtrack_totals {
  uint64_t suspects;
  int64_t bytes[MEMTRACK_CLASS_COUNT]; /* tracked and alive */
  int64_t unaccounted;                 /* resident bytes in no row, what is idle in the allocator included */
  bool unaccounted_suspect;
};

/* Sets the reader of records. init-only. */
void memtrack_analysis_open(memtrack_record_reader read);

/* Takes a sample if one is due, `interval` seconds after the last one; or observes the rows, if a reload requires it. Each second.
   Not hook-safe. */
void memtrack_analysis_poll(int64_t interval);

/* Measures the values for the next dump, directly before it. Not hook-safe. */
void memtrack_analysis_before_dump(void);

/* The server's own heap begins to be tracked, or is tracked no more. Not hook-safe. */
void memtrack_analysis_server_heap(bool tracked);

/* Sets a baseline; `by` is MEMTRACK_BASELINE_BY_.... Not hook-safe. */
void memtrack_analysis_mark(const char *name, uint32_t by);

/* Selects the baseline of the next dump's growth; "" is the usual baseline. Returns false if there is none of that name, after
   logging it. Not hook-safe. */
bool memtrack_analysis_select(const char *name);

/* Selects the rows whose names contain the text: the next dump shows them in full. Not hook-safe. */
void memtrack_analysis_show(const char *text);

/* The server loads its configuration anew: counts the reload, and sets the baseline `reload`. Not hook-safe. */
void memtrack_analysis_reloaded(void);

/* Clears histories, suspects and baselines. Not hook-safe. */
void memtrack_analysis_reset(void);

/* Logs the state of the analysis in diags.log. Not hook-safe. */
void memtrack_analysis_status(int level, int64_t interval);

/* Called while no samples are taken: there are no totals and no suspects until the next sample. Not hook-safe. */
void memtrack_analysis_idle(void);

/* Totals of the last sample. Not hook-safe. */
const struct memtrack_totals *memtrack_analysis_totals(void);

#ifdef __cplusplus
}
#endif

#endif
