/* SPDX-License-Identifier: Apache-2.0
 *
 * The first instructions of a function that are to be overwritten: whether a thread that has left them can still come back to them.
 * Only instructions that compilers put at a function's beginning are known; any other is a refusal, and so are too few bytes, a
 * call that returns to overwritten bytes, and a jump into them.
 */
#ifndef MEMTRACK_PROLOGUE_H
#define MEMTRACK_PROLOGUE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Checks the first `size` bytes of a function with `length` bytes of code. Returns NULL, or why they may not be overwritten. Any
   thread. */
const char *memtrack_prologue_check(const unsigned char *code, size_t length, size_t size);

#ifdef __cplusplus
}
#endif

#endif
