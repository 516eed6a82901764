/* SPDX-License-Identifier: Apache-2.0
 *
 * Switches tracking: applies the records to the hooks, at the start and each second. Except for memtrack_control_reason(),
 * everything here is called by one thread at a time (the calling continuations share a mutex), and never by a hook.
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

/* Opens the accounting, installs the hooks and arms according to the records. `dump` replaces the built-in tracker's dump.
   Returns 0; or -1 after logging the reason: then nothing is installed and the server is unchanged. init-only. */
int memtrack_control_start(const struct memtrack_server *server, memtrack_record_reader read, void (*dump)(FILE *));

/* Reads the records again and applies what changed. Each second; task-thread. */
void memtrack_control_poll(void);

/* The server is initialized: where it tracked from its start on, growth is counted from here. Once; task-thread. */
void memtrack_control_initialized(void);

/* Does what a message asks for, but for what needs the plugin API: true where the caller is to write a dump now. Not hook-safe. */
bool memtrack_control_do(const struct memtrack_message *message);

/* What a dump says of it. Task-thread. */
const struct memtrack_state *memtrack_control_state(void);

/* DUMP_REASON_SIGNAL, DUMP_REASON_TIMER or DUMP_REASON_OTHER, according to the address from which the server's dump was called.
   Event-thread. */
uint32_t memtrack_control_reason(const void *caller);

#ifdef __cplusplus
}
#endif

#endif
