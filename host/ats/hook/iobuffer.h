/* SPDX-License-Identifier: Apache-2.0
 *
 * The IOBuffer hook: redirects the server's calls of its built-in tracker to memtrack, through slots; or, where the tracker is in
 * the program itself (10, built statically), by a jump at its entry. Events only; dumps are in dump.h.
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

/* Redirects the server's calls of increment, and those of dump to `dump`. Returns 0, or -1 with a reason; then nothing is changed.
   init-only. */
int memtrack_iobuffer_install(const struct memtrack_server *server, void (*dump)(FILE *), struct memtrack_reason *reason);

/* Gives the server its own slots or code back. Returns 0, or -1 with a reason. Not hook-safe. */
int memtrack_iobuffer_remove(struct memtrack_reason *reason);

/* Reports an event that the server itself does not report. hook-safe. */
void memtrack_iobuffer_event(const char *location, int64_t size);

/* The server's level: it calls increment only while this is nonzero. Not before install. Any thread. */
int memtrack_iobuffer_level(void);
void memtrack_iobuffer_set_level(int level);

/* Sets whether events are also passed to the built-in tracker. An event in progress may still use the old setting; it has
   finished when the caller polls again, a second later. Returns 0, or -1 with a reason: always where the built-in tracker was
   overwritten. Not hook-safe. */
int memtrack_iobuffer_pass_on(bool on, struct memtrack_reason *reason);

/* Between these calls no event happens, if events are passed on. Not hook-safe. */
void memtrack_iobuffer_lock(void);
void memtrack_iobuffer_unlock(void);

/* The text printed by the built-in tracker, malloc'ed; NULL if it prints nothing. Where the tracker was overwritten: what it
   printed before that, once. Not hook-safe. */
char *memtrack_iobuffer_builtin(void);

#ifdef __cplusplus
}
#endif

#endif
