/* SPDX-License-Identifier: Apache-2.0
 * Issues 8728 and 8764: a remap plugin whose instances have memory that the deletion forgets: a handle, and 4 MiB that it maps
 * itself, as LuaJIT does. */
#include <sys/mman.h>
#include "corpus.h"
#include <ts/remap.h>

#define STATES           (4 * 1024 * 1024)
#define ANONYMOUS_MEMORY PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS

TSReturnCode
TSRemapInit(TSRemapInterface *api, char *error, int error_size)
{
  (void)api;
  (void)error;
  (void)error_size;
  return TS_SUCCESS;
}

TSReturnCode
TSRemapNewInstance(int argc, char *argv[], void **instance, char *error, int error_size)
{
  (void)argc;
  (void)argv;
  (void)error;
  (void)error_size;
  void **made = (void **)TSmalloc(64);                       // SITE TSRemapNewInstance: tsapi +1 -0 =64 instance
  void *map   = mmap(NULL, STATES, ANONYMOUS_MEMORY, -1, 0); // SITE TSRemapNewInstance: mapped +1 -0 =4194304 instance
  if (map != MAP_FAILED) {
    memset(map, 1, STATES);
  }
  made[0]   = map;
  *instance = made;
  return TS_SUCCESS;
}

void
TSRemapDeleteInstance(void *instance)
{
  (void)instance;
}

TSRemapStatus
TSRemapDoRemap(void *instance, TSHttpTxn txn, TSRemapRequestInfo *info)
{
  (void)instance;
  (void)txn;
  (void)info;
  return TSREMAP_NO_REMAP;
}
