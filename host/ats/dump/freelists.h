/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's freelists: has the server print its table of them, and passes it to the model (assembly/model/freelists.ts). The
 * server exports no list, but in every version a function that prints them, without a lock: it walks a list to which only the
 * server's start adds, and reads counters.
 */
#ifndef MEMTRACK_FREELISTS_H
#define MEMTRACK_FREELISTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Finds the server's function, by its name (or NULL), and proves that the core understands what it prints. Returns 0, or -1 with
   the reason: then the functions below do nothing. init-only. */
int memtrack_freelists_find(const char *name, struct memtrack_reason *reason);

/* Passes what the lists hold now to the model, and stores their bytes that are not in use. Returns false, and changes nothing, if
   that cannot be told. Not hook-safe. */
bool memtrack_freelists_read(uint64_t *idle);

#ifdef __cplusplus
}
#endif

#endif
