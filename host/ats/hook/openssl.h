/* SPDX-License-Identifier: Apache-2.0
 *
 * The OpenSSL hook. libcrypto calls its allocator through three pointers that CRYPTO_set_mem_functions() would set, were it not
 * always too late: it refuses once anything has been allocated. They lie side by side in libcrypto's writable memory.
 * CRYPTO_get_mem_functions() tells their present values; if exactly one place holds the three, it is theirs, and when
 * CRYPTO_get_mem_functions() answers ours after we wrote there, that is proved.
 */
#ifndef MEMTRACK_HOOK_OPENSSL_H
#define MEMTRACK_HOOK_OPENSSL_H

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Finds the pointers. Returns 0, or -1 with a reason. Writes nothing. init-only. */
int memtrack_openssl_find(struct memtrack_reason *reason);

/* From now on allocations are accounted and tagged with a key of their own: blocks of an earlier arming count as untagged.
   Returns 0, or -1 with a reason; then nothing is changed. Not hook-safe. */
int memtrack_openssl_install(struct memtrack_reason *reason);

/* Gives libcrypto its own functions back. Tagged blocks stay ordinary ones. Not hook-safe. */
void memtrack_openssl_remove(void);

/* After a fork, in the child: blocks are neither tagged nor accounted any more. signal-safe. */
void memtrack_openssl_disarm(void);

/* Of `words` words, the first of the places where the three values stand side by side, in any order; adds to *places how many
   there are. For the search, and its test. Any thread. */
const uintptr_t *memtrack_find_three(const uintptr_t *words, size_t count, const uintptr_t values[3], unsigned *places);

/* The functions that stand in for OpenSSL's, for tests. hook-safe. */
void *memtrack_openssl_malloc(size_t size, const char *file, int line);
void *memtrack_openssl_realloc(void *block, size_t size, const char *file, int line);
void memtrack_openssl_free(void *block, const char *file, int line);

#ifdef __cplusplus
}
#endif

#endif
