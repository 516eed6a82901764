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

/* Bytes of an object of a freelist; 0 if that is not known. `symbol` is the function that prints the freelists, or NULL. init-only:
   takes the lock of the loader. */
uint64_t memtrack_freelist_object(const char *symbol, const char *name);

#ifdef __cplusplus
}
#endif

#endif
