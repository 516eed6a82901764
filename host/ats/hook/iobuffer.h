/* SPDX-License-Identifier: Apache-2.0
 *
 * The IOBuffer hook: the server's calls of its built-in tracker come to us instead. Events only: the dump is dump.h's.
 */
#ifndef MEMTRACK_IOBUFFER_H
#define MEMTRACK_IOBUFFER_H

#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/reason.h"
#include "server/server.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Redirects the server's slots of increment, and those of dump to `dump`. Returns 0, or -1 with a reason;
   then nothing is changed. init-only. */
int memtrack_iobuffer_install(const struct memtrack_server *server, void (*dump)(FILE *), struct memtrack_reason *reason);

/* Gives the server its own slots back. Returns 0, or -1 with a reason. Not hook-safe. */
int memtrack_iobuffer_remove(struct memtrack_reason *reason);

/* An event that the server itself does not tell, as if it did. hook-safe. */
void memtrack_iobuffer_event(const char *location, int64_t size);

/* The server's level: it calls increment only while this is not 0. Not before install. Any thread. */
int memtrack_iobuffer_level(void);
void memtrack_iobuffer_set_level(int level);

/* Whether events are passed on to the built-in tracker as well. An event under way at the change may still go the old way; it is
   over when the caller next looks, a second later. Returns 0, or -1 with a reason. Not hook-safe. */
int memtrack_iobuffer_pass_on(bool on, struct memtrack_reason *reason);

/* Between these no event happens, if events are passed on. Not hook-safe. */
void memtrack_iobuffer_lock(void);
void memtrack_iobuffer_unlock(void);

/* What the built-in tracker itself prints, in a malloc'ed text; NULL where it prints nothing. Not hook-safe. */
char *memtrack_iobuffer_builtin(void);

#ifdef __cplusplus
}
#endif

#endif
