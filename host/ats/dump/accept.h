/* SPDX-License-Identifier: Apache-2.0
 *
 * Passes the patterns of rows whose growth the operator accepts to the model: those of the record `accept`, and those of messages.
 * The core decides what they match, and writes the log lines (assembly/control/accept.ts, assembly/analysis/accepted.ts). One
 * caller at a time.
 */
#ifndef MEMTRACK_ACCEPT_H
#define MEMTRACK_ACCEPT_H

#include "server/record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The reader of records, and the record's name. init-only. */
void memtrack_accept_open(memtrack_text_reader read, const char *name);

/* Reads the record. If it has changed, logs what is accepted. Task-thread. */
void memtrack_accept_poll(void);

/* Accepts the present growth of the rows whose names match a pattern, or logs that there are none. Not hook-safe. */
void memtrack_accept_rows(const char *pattern);

/* Withdraws a pattern of memtrack_accept_rows(), or logs that there is none. Not hook-safe. */
void memtrack_accept_withdraw(const char *pattern);

#ifdef __cplusplus
}
#endif

#endif
