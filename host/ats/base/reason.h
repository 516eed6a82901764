/* SPDX-License-Identifier: Apache-2.0
 *
 * Why something was refused, in words for the operator: what can be refused takes a reason and fills it where it is.
 */
#ifndef MEMTRACK_REASON_H
#define MEMTRACK_REASON_H

#include "base/compiler.h"

#ifdef __cplusplus
extern "C" {
#endif

struct memtrack_reason {
  char text[200]; /* cut where it is longer */
};

/* Fills a reason, or none where it is NULL. Returns -1, for who refuses to return. Not hook-safe: it formats. */
int memtrack_reason_set(struct memtrack_reason *reason, const char *format, ...) MT_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif

#endif
