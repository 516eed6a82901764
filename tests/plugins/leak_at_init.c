/* SPDX-License-Identifier: Apache-2.0
 * Allocates only in TSPluginInit, like a plugin for its configuration, and keeps the memory. If it is loaded before memtrack.so,
 * this memory is not known to memtrack; memory of later transactions is. */
#include <stdlib.h>
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  CORPUS_KEEP(TSmalloc(81)); // SITE behave: tsapi +1 -0 =81
}

CORPUS_HANDLER(behave)

void
TSPluginInit(int argc, const char *argv[])
{
  (void)argc;
  (void)argv;
  corpus_register();
  CORPUS_KEEP(TSstrdup("configuration"));              // SITE TSPluginInit: tsapi +1 -0 =14 once
  CORPUS_KEEP(malloc(4000));                           // SITE TSPluginInit: heap +1 -0 =4000 once
  TSMutex mutex = TSMutexCreate();                     // SITE TSPluginInit: TSMutex +1 -0 once
  TSCont cont   = TSContCreate(corpus_handler, mutex); // SITE TSPluginInit: TSCont +1 -0 once
  TSHttpHookAdd(CORPUS_AT_REQUEST, cont);
}
