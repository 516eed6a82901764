/* SPDX-License-Identifier: Apache-2.0
 *
 * Why the server asks for a dump: SIGUSR1 or its timer. Both call the same function with the same argument, so the place that calls
 * tells: by its name, or where it has none, by when it calls (assembly/control/dump_reason.ts).
 */
#ifndef MEMTRACK_DUMP_REASON_H
#define MEMTRACK_DUMP_REASON_H

#include <stdint.h>

#include "server/server.h"

#ifdef __cplusplus
extern "C" {
#endif

/* DUMP_REASON_SIGNAL, DUMP_REASON_TIMER or DUMP_REASON_OTHER, for a call that returns to `caller`. Any thread; not hook-safe. */
uint32_t memtrack_dump_reason(const struct memtrack_server *server, const void *caller);

/* Seconds between two dumps by the timer, 0 for none. Each second; not hook-safe. */
void memtrack_dump_interval(int64_t seconds);

#ifdef __cplusplus
}
#endif

#endif
