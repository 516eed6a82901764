/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines for the operator. In the server they go to diags.log (memtrack.c); tests replace the function.
 */
#ifndef MEMTRACK_LOG_H
#define MEMTRACK_LOG_H

#include "base/compiler.h"

#ifdef __cplusplus
extern "C" {
#endif

enum memtrack_severity { MEMTRACK_NOTE, MEMTRACK_WARNING, MEMTRACK_ERROR };

/* Writes a line. Not hook-safe: the server's logging allocates. */
void memtrack_log(enum memtrack_severity severity, const char *format, ...) MT_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif

#endif
