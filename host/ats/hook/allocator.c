/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/allocator.h"

#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>

bool
memtrack_allocator_is_in(uintptr_t start, uintptr_t end)
{
  return (uintptr_t)malloc - start < end - start;
}

int
memtrack_allocator_open(struct memtrack_reason *reason)
{
  Dl_info of_malloc, of_size;
  if (!dladdr((void *)malloc, &of_malloc) || !dladdr((void *)malloc_usable_size, &of_size)) {
    return memtrack_reason_set(reason, "malloc or malloc_usable_size belongs to an unknown module");
  }
  /* For example, a preloaded allocator may define only malloc: the C library's malloc_usable_size would then misread its block
     headers. */
  if (of_malloc.dli_fbase != of_size.dli_fbase) {
    return memtrack_reason_set(reason, "malloc belongs to %.80s but malloc_usable_size does not: blocks cannot be tagged",
                               of_malloc.dli_fname);
  }
  return 0;
}
