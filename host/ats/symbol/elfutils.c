/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/elfutils.h"

#include <dlfcn.h>
#include <stddef.h>

/* libelf is loaded with it, and the loader searches a library's dependencies for functions too. */
#define LIBRARY "libdw.so.1"

struct memtrack_elfutils memtrack_elfutils;
__thread jmp_buf *memtrack_elfutils_place;
static bool is_open;

int
memtrack_elfutils_open(struct memtrack_reason *reason)
{
  static const char *const NAMES[] = {
#define X(name) #name,
    MEMTRACK_ELFUTILS(X)
#undef X
  };
  enum { COUNT = sizeof(NAMES) / sizeof(*NAMES) };
  _Static_assert(sizeof(memtrack_elfutils) == COUNT * sizeof(void *), "the functions are an array of pointers");
  void **functions = (void **)&memtrack_elfutils;
  void *library    = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    return memtrack_reason_set(reason, "%s", dlerror());
  }
  for (size_t i = 0; i < COUNT; ++i) {
    functions[i] = dlsym(library, NAMES[i]);
    if (!functions[i]) {
      memtrack_reason_set(reason, "%s lacks %s: elfutils 0.171 or later is required", LIBRARY, NAMES[i]);
      dlclose(library);
      return -1;
    }
  }
  is_open = true;
  return 0;
}

void
memtrack_elfutils_no_memory(void)
{
  longjmp(*memtrack_elfutils_place, 1);
}

bool
memtrack_elfutils_is_open(void)
{
  return is_open;
}
