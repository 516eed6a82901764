/* SPDX-License-Identifier: Apache-2.0
 *
 * The OpenSSL hook. libcrypto calls its allocator through three pointers. CRYPTO_set_mem_functions() would set them, but always
 * comes too late: it refuses after the first allocation. They are adjacent in libcrypto's writable memory.
 * CRYPTO_get_mem_functions() returns their present values; if exactly one place contains all three, it holds the pointers. When
 * CRYPTO_get_mem_functions() returns memtrack's functions after they were written there, that is confirmed.
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

/* From now on allocations are counted and tagged with a new key: blocks of an earlier arming count as untagged. Returns 0, or -1
   with a reason; then nothing is changed. Not hook-safe. */
int memtrack_openssl_install(struct memtrack_reason *reason);

/* Restores libcrypto's own functions. Tagged blocks remain valid. Not hook-safe. */
void memtrack_openssl_remove(void);

/* In the child after a fork: stops tagging and counting. signal-safe. */
void memtrack_openssl_disarm(void);

/* The first of the places among `words` words where the three values are adjacent, in any order; adds the number of such places
   to *places. For the search, and its test. Any thread. */
const uintptr_t *memtrack_find_three(const uintptr_t *words, size_t count, const uintptr_t values[3], unsigned *places);

/* The replacements of OpenSSL's functions, for tests. hook-safe. */
void *memtrack_openssl_malloc(size_t size, const char *file, int line);
void *memtrack_openssl_realloc(void *block, size_t size, const char *file, int line);
void memtrack_openssl_free(void *block, const char *file, int line);

#ifdef __cplusplus
}
#endif

#endif
