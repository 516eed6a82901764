/* SPDX-License-Identifier: Apache-2.0
 *
 * A pass of the search: the host reads the memory of the process into the window of the search instance, which looks for references
 * to the blocks of the watched sites (assembly/search). The pieces come in random order, another one each time, so that a pointer
 * which moves escapes by chance, and not always. What was mapped meanwhile is read at the end.
 *
 *   model ── watch list ──> search instance ── findings, a packet a site ──> model
 *
 * Of one thread, the search's. None is hook-safe.
 */
#ifndef MEMTRACK_SEARCH_PASS_H
#define MEMTRACK_SEARCH_PASS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct memtrack_pass {
  uint64_t passes, complete; /* since the start of the server */
  uint64_t bytes, ns;        /* of the last one */
  uint32_t sites;            /* watched by it */
};

/* Opens the search instance and all lists. Returns 0, or -1 without memory or after a trap: then nothing must be closed. */
int memtrack_pass_open(void);
void memtrack_pass_close(void);

/* Makes a pass. Returns false if no site is to be watched, or after a trap, which it logs: then there must be none any more. */
bool memtrack_pass_make(void);

/* Ends a pass soon, and lets none begin; or lets them again. Any thread. */
void memtrack_pass_stop(bool stop);

/* Tells the model why no pass is made, MEMTRACK_GAP_.... Not within memtrack_model_with(). */
void memtrack_pass_tell(uint32_t gap);

/* Whether it was told to end. Any thread. */
bool memtrack_pass_is_stopped(void);

/* Whether the core has trapped. Any thread. */
bool memtrack_pass_is_broken(void);

/* Counts of the passes so far. Within memtrack_model_with(). Not hook-safe. */
const struct memtrack_pass *memtrack_pass_counts(void);

/* Most bytes of the search instance's memory that it can use; 0 while there is none. Any thread. */
uint64_t memtrack_pass_memory(void);

#ifdef __cplusplus
}
#endif

#endif
