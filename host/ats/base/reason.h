/* SPDX-License-Identifier: Apache-2.0
 *
 * The reason of a refusal, as text for the operator. A function that can refuse takes a reason and fills it at the place of the
 * refusal.
 */
#ifndef MEMTRACK_REASON_H
#define MEMTRACK_REASON_H

#include "base/compiler.h"

#ifdef __cplusplus
extern "C" {
#endif

struct memtrack_reason {
  char text[200]; /* truncated if longer */
};

/* Formats a reason, unless it is NULL. Returns -1, to be returned by the caller. Not hook-safe: it formats. */
int memtrack_reason_set(struct memtrack_reason *reason, const char *format, ...) MT_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif

#endif
