/* SPDX-License-Identifier: Apache-2.0
 *
 * The first instructions of a function that are to be overwritten: the core reads them (assembly/control/prologue.ts).
 */
#ifndef MEMTRACK_PROLOGUE_H
#define MEMTRACK_PROLOGUE_H

#include <stddef.h>

#include "base/reason.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Checks the first `size` bytes of a function with `length` bytes of code. Returns 0 if they may be overwritten, or -1 with a
   reason. Not hook-safe. */
int memtrack_prologue_check(const char *symbol, const unsigned char *code, size_t length, size_t size,
                            struct memtrack_reason *reason);

#ifdef __cplusplus
}
#endif

#endif
