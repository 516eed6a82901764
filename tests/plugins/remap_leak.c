/* SPDX-License-Identifier: Apache-2.0
 * A remap plugin that leaks at each reload: it never frees its allocation for the module, and forgets its allocation for an
 * instance when the instance is deleted. Per transaction it leaks as well, and allocates memory that it frees at the
 * transaction's end. Before it is unloaded it destroys its continuations, as a module must: one per instance. */
#include <stdlib.h>
#include "corpus.h"
#include <ts/remap.h>

struct instance {
  TSCont at_close;
  char *config;
};

static int
closed(TSCont cont, TSEvent event, void *data)
{
  (void)cont;
  (void)event;
  TSHttpTxnReenable((TSHttpTxn)data, TS_EVENT_HTTP_CONTINUE);
  return 0;
}

TSReturnCode
TSRemapInit(TSRemapInterface *api, char *error, int error_size)
{
  (void)api;
  (void)error;
  (void)error_size;
  CORPUS_KEEP(TSmalloc(1000)); // SITE TSRemapInit: tsapi +1 -0 =1000 load
  CORPUS_KEEP(malloc(1100));   // SITE TSRemapInit: heap +1 -0 =1100 load
  return TS_SUCCESS;
}

TSReturnCode
TSRemapNewInstance(int argc, char *argv[], void **instance, char *error, int error_size)
{
  (void)argc;
  (void)argv;
  (void)error;
  (void)error_size;
  struct instance *made = (struct instance *)TSmalloc(sizeof(*made)); // SITE TSRemapNewInstance: tsapi +1 -1 instance
  made->at_close        = TSContCreate(closed, NULL);                 // SITE TSRemapNewInstance: TSCont +1 -1 instance
  made->config          = TSstrdup("configuration, forgotten");       // SITE TSRemapNewInstance: tsapi +1 -0 =25 instance
  CORPUS_KEEP(malloc(900));                                           // SITE TSRemapNewInstance: heap +1 -0 =900 instance
  *instance = made;
  return TS_SUCCESS;
}

void
TSRemapDeleteInstance(void *instance)
{
  struct instance *made = (struct instance *)instance;
  TSContDestroy(made->at_close);
  TSfree(made);
}

CORPUS_NOINLINE static void
behave(void)
{
  CORPUS_KEEP(TSmalloc(50)); // SITE behave: tsapi +1 -0 =50
}

TSRemapStatus
TSRemapDoRemap(void *instance, TSHttpTxn txn, TSRemapRequestInfo *info)
{
  (void)info;
  behave();
  TSHttpTxnHookAdd(txn, TS_HTTP_TXN_CLOSE_HOOK, ((struct instance *)instance)->at_close);
  return TSREMAP_NO_REMAP;
}
