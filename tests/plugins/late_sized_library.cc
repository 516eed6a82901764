/* SPDX-License-Identifier: Apache-2.0
 * Not a plugin: a C++ library that late_sized.so loads. It releases memory in every form that tells the allocator a size, from its
 * constructor on. */
#define _GLIBCXX_EXTERN_TEMPLATE 0 // a string's destructor is compiled into this library, as since C++20
#include <malloc.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>

#include "late_sized.h"

#define LATE_WEAK extern "C" __attribute__((weak))

LATE_WEAK void sdallocx(void *, size_t, int);
LATE_WEAK void tc_free_sized(void *, size_t);
LATE_WEAK void mi_free_size(void *, size_t);
LATE_WEAK size_t sallocx(const void *, int);
LATE_WEAK size_t malloc_size(const void *); // of tcmalloc and mimalloc

static size_t
usable_size(void *block)
{
  return sallocx ? sallocx(block, 0) : malloc_size ? malloc_size(block) : malloc_usable_size(block);
}

namespace
{
struct Constructor {
  Constructor()
  {
    for (int i = 0; i < LATE_STRINGS; ++i) {
      /* libstdc++ allocates it, for the plugin: "Attempting to link in too many shared libraries", 48 bytes. */
      std::string text = std::generic_category().message(ELIBMAX);
    }
  }
} constructor;
} // namespace

extern "C" __attribute__((visibility("default"))) void
late_release(LateBlocks *blocks)
{
  delete blocks->object;
  delete[] blocks->array;
  delete blocks->aligned;
  delete[] blocks->alignedArray;
  memset(blocks->full, 0xff, usable_size(blocks->full));
  free(blocks->full);
  if (sdallocx) {
    sdallocx(blocks->plain, 80, 0);
  } else if (tc_free_sized) {
    tc_free_sized(blocks->plain, 80);
  } else if (mi_free_size) {
    mi_free_size(blocks->plain, 80);
  } else {
    free(blocks->plain);
  }
}
