/* SPDX-License-Identifier: Apache-2.0
 *
 * What is on and what is off: brings the hooks to what the records ask for, at start and each second. Everything here but
 * memtrack_control_reason() is called by one thread at a time (the continuations that call it share a mutex), and never by a hook.
 */
#ifndef MEMTRACK_CONTROL_H
#define MEMTRACK_CONTROL_H

#include <stdint.h>
#include <stdio.h>

#include "control/message.h"
#include "dump/dump.h"
#include "server/record.h"
#include "server/server.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Opens the accounting, installs the hooks, arms what the records ask for. `dump` takes the place of the built-in's. Returns 0,
   or -1 where nothing was installed and the server is as it was; why has been logged. init-only. */
int memtrack_control_start(const struct memtrack_server *server, memtrack_record_reader read, void (*dump)(FILE *));

/* Reads the records again and applies what changed. Each second; task-thread. */
void memtrack_control_poll(void);

/* Does what a message asks for, but for what needs the plugin API: true where the caller is to write a dump now. Not hook-safe. */
bool memtrack_control_do(const struct memtrack_message *message);

/* What a dump says of it. Task-thread. */
const struct memtrack_state *memtrack_control_state(void);

/* DUMP_REASON_SIGNAL, DUMP_REASON_TIMER or DUMP_REASON_OTHER, by the address that the server's dump was called from.
   Event-thread. */
uint32_t memtrack_control_reason(const void *caller);

#ifdef __cplusplus
}
#endif

#endif
