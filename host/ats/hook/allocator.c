/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/allocator.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool
memtrack_allocator_is_in(uintptr_t start, uintptr_t end)
{
  return (uintptr_t)malloc - start < end - start;
}

static bool
are_of_one_module(const void *function, const void *other)
{
  Dl_info info, of_other;
  return dladdr(function, &info) && dladdr(other, &of_other) && info.dli_fbase == of_other.dli_fbase;
}

bool
memtrack_allocator_defines(const void *function)
{
  return are_of_one_module(function, (void *)malloc);
}

bool
memtrack_allocator_is_cpp_library(const void *function)
{
  Dl_info info;
  return dladdr(function, &info) && info.dli_fname && strstr(info.dli_fname, "/libstdc++.so");
}

bool
memtrack_allocator_ignores_size(const void *function)
{
  return are_of_one_module(function, (void *)gnu_get_libc_version) || memtrack_allocator_is_cpp_library(function);
}

/* The probe tries all sizes up to PROBED_EACH, for which an allocator has size classes and tables, then powers of two; and without
   and with an alignment. */
#define PROBED_EACH 4096
#define PROBED_TO   (4u << 20)
static const size_t alignments[] = {0, 64, 4096};

/* Whether the last usable bytes are writable. The kernel writes them: it reports a failure instead of raising a signal. */
static bool
is_writable(char *end, int zeros)
{
  return zeros < 0 || read(zeros, end - 2 * sizeof(uint64_t), 2 * sizeof(uint64_t)) == 2 * sizeof(uint64_t);
}

/* Whether all usable words keep what is written, and their number stays. */
static bool
keeps(volatile uint64_t *block, size_t usable)
{
  for (size_t i = 0; i < usable / sizeof(*block); ++i) {
    block[i] = usable + i;
  }
  for (size_t i = 0; i < usable / sizeof(*block); ++i) {
    if (block[i] != usable + i) {
      return false;
    }
  }
  return malloc_usable_size((void *)block) == usable;
}

/* Checks what a tag relies on. Returns what is wrong with the number of usable bytes, or NULL. Writes only if the number is
   plausible: an allocator may check at the release what lies behind a block. */
static const char *
check(void *block, size_t size, size_t usable, int zeros)
{
  if (usable < size) {
    return "fewer than requested";
  }
  /* gperftools' debugging allocator counts parts of its own data. */
  if (usable != size && usable % sizeof(uint64_t) != 0) {
    return "neither what was requested nor words";
  }
  if (!is_writable((char *)block + usable, zeros)) {
    return "not all writable";
  }
  return size > PROBED_EACH || keeps(block, usable) ? NULL : "not all kept as written";
}

static int
probe(const char *allocator, size_t alignment, size_t size, int zeros, struct memtrack_reason *reason)
{
  void *block = alignment ? memalign(alignment, size) : malloc(size);
  if (!block) {
    return 0; /* not the allocator's fault */
  }
  size_t usable     = malloc_usable_size(block);
  const char *wrong = check(block, size, usable, zeros);
  free(block);
  if (wrong) {
    return memtrack_reason_set(reason, "%.80s has %zu usable bytes for %zu, which are %s: blocks cannot be tagged", allocator,
                               usable, size, wrong);
  }
  return 0;
}

static int
probe_sizes(const char *allocator, struct memtrack_reason *reason)
{
  int zeros  = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  int result = 0;
  for (size_t i = 0; i < sizeof(alignments) / sizeof(*alignments); ++i) {
    size_t step = alignments[i] ? 31 : 1;
    for (size_t size = 2 * sizeof(uint64_t); size <= PROBED_TO && result == 0; size = size < PROBED_EACH ? size + step : size * 2) {
      result = probe(allocator, alignments[i], size, zeros, reason);
    }
  }
  if (zeros >= 0) {
    close(zeros);
  }
  return result;
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
  return probe_sizes(of_malloc.dli_fname, reason);
}
