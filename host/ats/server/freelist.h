/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's freelists, as the server's own function prints them.
 */
#ifndef MEMTRACK_FREELIST_H
#define MEMTRACK_FREELIST_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of an object of a freelist, from the table that the server prints; 0 if it does not tell them. Not hook-safe. */
uint64_t memtrack_freelist_object(const char *table, const char *name);

#ifdef __cplusplus
}
#endif

#endif
