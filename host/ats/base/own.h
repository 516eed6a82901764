/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory that memtrack maps for itself. Its tables contain addresses of the server's and plugins' memory, which hold nothing:
 * the search (search/regions.h) leaves them out. So memory is mapped here, and the list tells which it is.
 */
#ifndef MEMTRACK_OWN_H
#define MEMTRACK_OWN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct memtrack_span {
  uint64_t start, end;
};

/* Most mappings in the list: instances of threads, and some tables. A further one is read as if it were the server's. */
#define MEMTRACK_OWN_MAX 2048u

/* Maps private memory that reads as zeros; `flags` are further ones of mmap. Returns NULL with errno. hook-safe. */
void *memtrack_own_map(size_t size, int flags);

/* The same mapping with another size, perhaps elsewhere; NULL with errno if that fails, and then it is unchanged. What is as large
   as a huge page begins where one may begin, if there is room. hook-safe. */
void *memtrack_own_remap(void *memory, size_t size, size_t new_size);

/* hook-safe. */
void memtrack_own_unmap(void *memory, size_t size);

/* Copies the list, with the variables of this module; at most MEMTRACK_OWN_MAX and MEMTRACK_OWN_SEGMENTS spans, in no order.
   Returns their number. Any thread. */
#define MEMTRACK_OWN_SEGMENTS 16u
uint32_t memtrack_own_list(struct memtrack_span *spans);

#ifdef __cplusplus
}
#endif

#endif
