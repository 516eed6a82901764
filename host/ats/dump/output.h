/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes a dump's text to the file that the record `output` names, or else to the file descriptor of the server's own dumps. The
 * file is open only while a dump is written: any rotation works without a signal, and no child process inherits it. If the file
 * cannot be used, the text goes to the descriptor, and diags.log reports the reason. The core decides which path a value means, and
 * writes the log lines (assembly/control/output.ts). One caller at a time.
 */
#ifndef MEMTRACK_OUTPUT_H
#define MEMTRACK_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "server/record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The reader of records, the record's name, and the name of the server's function that returns its log folder (or NULL). init-only.
 */
void memtrack_output_open(memtrack_text_reader read, const char *name, const char *log_folder);

/* Reads the record. If it has changed, creates the file if there is none, and logs where dumps go. Task-thread. */
void memtrack_output_poll(void);

/* Writes a dump's text to the file, or to `fd`. Returns 0, or the errno of writing to `fd`. Task-thread. */
int memtrack_output_write(int fd, const uint8_t *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
