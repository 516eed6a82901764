/* SPDX-License-Identifier: Apache-2.0
 * A remap plugin that leaks a continuation per instance. The server counts each as a use of the module, and therefore never
 * unloads it. */
#include "corpus.h"
#include <ts/remap.h>

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
  *instance     = NULL;
  TSMutex mutex = TSMutexCreate();                       // SITE TSRemapNewInstance: TSMutex +1 -0 instance
  CORPUS_KEEP(TSContCreate(corpus_never_called, mutex)); // SITE TSRemapNewInstance: TSCont +1 -0 instance
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
