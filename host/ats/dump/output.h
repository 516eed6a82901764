/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a dump's text goes: to the file that the record `output` names, or to the descriptor that the server's own dumps go to. The
 * file is opened for each dump and closed after it, so whoever renames, removes or truncates it between two dumps need tell nobody,
 * and no process that the server starts inherits it. What cannot be written there goes to the descriptor, and diags.log says why.
 * Which path a value means, and what is said, is the core's (assembly/control/output.ts). Called by one thread at a time.
 */
#ifndef MEMTRACK_OUTPUT_H
#define MEMTRACK_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "server/record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How a record is read, the record's name, and that of the server's function that tells its log folder (or NULL). init-only. */
void memtrack_output_open(memtrack_text_reader read, const char *name, const char *log_folder);

/* Reads the record; where it has changed, makes the file if there is none, and logs where dumps go. Task-thread. */
void memtrack_output_poll(void);

/* Writes a dump's text. Returns 0, or an errno where it is written nowhere. Task-thread. */
int memtrack_output_write(int fd, const uint8_t *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
