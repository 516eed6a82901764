/* SPDX-License-Identifier: Apache-2.0
 *
 * Waits until no thread is where it was: in a few instructions that no thread can enter any more. No thread is stopped or
 * signalled; the kernel says of each whether it sleeps in a system call, or how long it has run since.
 */
#ifndef MEMTRACK_QUIET_H
#define MEMTRACK_QUIET_H

#include "base/reason.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Returns 0 when each other thread of the process sleeps, has ended, or has run for at least 10 ms since this call: it is no longer
   in a stretch of instructions that makes no system call and that it cannot have entered since. Returns -1 with a reason after 20
   s, or if the kernel does not tell. Not hook-safe. */
int memtrack_quiet_wait(struct memtrack_reason *reason);

#ifdef __cplusplus
}
#endif

#endif
