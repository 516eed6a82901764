/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread that searches memory for references: it exists while there are sites to watch, and makes one pass after another. A
 * block that no pass finds a reference to is lost (assembly/search). Nothing of it runs on a network thread, and it takes no lock
 * that a hook wants. A forked child has no such thread.
 */
#ifndef MEMTRACK_SEARCH_H
#define MEMTRACK_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct memtrack_search_wish {
  bool armed;        /* the level is not 0 */
  uint32_t percent;  /* of one processor; 0: no search */
  uint32_t interval; /* seconds between samples: as many as ten passes are made between two of them */
};

/* Starts the thread if there is something to watch, or has it end. Each second; task-thread. */
void memtrack_search_poll(const struct memtrack_search_wish *wish);

/* Searches, from now on, the rows whose names contain a text as well, and logs how many there are, or that
   it has no share of a processor. Not hook-safe. */
void memtrack_search_request(const char *text, uint32_t percent);

/* Logs what the search does, and what it has found: a line for each row. Not hook-safe. */
void memtrack_search_status(void);

/* Most bytes that the search can use now. Any thread. */
uint64_t memtrack_search_memory(void);

#ifdef __cplusplus
}
#endif

#endif
