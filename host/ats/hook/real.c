/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/real.h"

#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>

struct memtrack_real memtrack_real;

void
memtrack_real_open(void)
{
  memtrack_real = (struct memtrack_real){
    .malloc         = malloc,
    .calloc         = calloc,
    .memalign       = memalign,
    .aligned_alloc  = aligned_alloc,
    .posix_memalign = posix_memalign,
    .valloc         = valloc,
    .pvalloc        = pvalloc,
    .realloc        = realloc,
    .free           = free,
    .dlclose        = dlclose,
  };
}
