/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "module/hold.h"

#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>

/* The loader compares the path with those of its modules before it looks at any file: a file that was removed or replaced since
   does not matter. */
void *
memtrack_module_hold(const char *path, uintptr_t base, struct memtrack_reason *reason)
{
  bool program = strcmp(path, MEMTRACK_PROGRAM_PATH) == 0;
  void *handle = dlopen(program ? NULL : path, RTLD_LAZY | RTLD_NOLOAD);
  struct link_map *map;
  const char *error = handle ? NULL : dlerror();
  memtrack_reason_set(reason, "%s", error ? error : "the loader cannot find it by its path");
  if (handle && (dlinfo(handle, RTLD_DI_LINKMAP, &map) || map->l_addr != base)) {
    dlclose(handle);
    handle = NULL;
  }
  dlerror(); /* clears this error, so that the caller's next dlerror() does not report it */
  return handle;
}

void
memtrack_module_release(void *handle)
{
  if (handle) {
    dlclose(handle);
  }
}
