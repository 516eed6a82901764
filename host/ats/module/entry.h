/* SPDX-License-Identifier: Apache-2.0
 *
 * Redirects a function by a jump at its entry, where its callers use no slot (module/slots.h): they are in the same program. The
 * function's first bytes are overwritten, so the function itself is lost until they are restored.
 *
 * The bytes are written through /proc/self/mem: no page becomes writable. First the first instruction becomes a return, in one
 * store of one byte (arm64: of one instruction), so that a thread that enters does nothing; when no thread can be in the other
 * bytes, these are written; then the first instruction. After each step all processors read the code anew (membarrier). A call in
 * between is lost: for functions without a result.
 */
#ifndef MEMTRACK_ENTRY_H
#define MEMTRACK_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/reason.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACK_ENTRY_SIZE 20 /* bytes of the longest jump */

struct memtrack_entry {
  const char *symbol;                        /* of the function, for reasons */
  unsigned char *at;                         /* the function; NULL if it was not found */
  size_t size;                               /* of the jump */
  unsigned char before[MEMTRACK_ENTRY_SIZE]; /* the function's own bytes */
  unsigned char after[MEMTRACK_ENTRY_SIZE];  /* the jump */
  bool written;
};

/* Whether a function is in the program itself, not in a library. Not hook-safe. */
bool memtrack_entry_in_program(const void *function);

/* Finds out whether a jump may be written at a function that returns nothing. Returns 0, or -1 with a reason. Not hook-safe. */
int memtrack_entry_find(struct memtrack_entry *entry, const char *symbol, void *function, struct memtrack_reason *reason);

/* Writes a jump to `to`. Waits for threads that are in the bytes to be written (module/quiet.h). Returns 0; or -1 with a reason,
   then the function is as it was. Calls by other threads meanwhile may do nothing. Not hook-safe. */
int memtrack_entry_write(struct memtrack_entry *entry, const void *to, struct memtrack_reason *reason);

/* Gives a function its own bytes back if a jump was written, and is still there. Otherwise as above. Not hook-safe. */
int memtrack_entry_restore(struct memtrack_entry *entry, struct memtrack_reason *reason);

#ifdef __cplusplus
}
#endif

#endif
