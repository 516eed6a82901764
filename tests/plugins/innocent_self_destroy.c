/* SPDX-License-Identifier: Apache-2.0
 * Continuations that destroy themselves in their handlers: called by an immediate event, by a later event, and from another
 * handler. */
#include "corpus.h"

CORPUS_NOINLINE static int
called(TSCont cont, TSEvent event, void *data)
{
  (void)event;
  (void)data;
  char *block = (char *)TSContDataGet(cont);
  TSContDestroy(cont);
  TSfree(block);
  block = TSstrdup("after its end"); // SITE called: tsapi +3 -3 =0
  CORPUS_KEEP(block);
  TSfree(block);
  return 0;
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  TSCont at_once = TSContCreate(called, TSMutexCreate()); // SITE behave: TSCont +1 -1; TSMutex +1 -1
  TSCont later   = TSContCreate(called, TSMutexCreate()); // SITE behave: TSCont +1 -1; TSMutex +1 -1
  TSCont direct  = TSContCreate(called, NULL);            // SITE behave: TSCont +1 -1
  TSContDataSet(at_once, TSmalloc(11));                   // SITE behave: tsapi +1 -1 =0
  TSContDataSet(later, TSmalloc(12));                     // SITE behave: tsapi +1 -1 =0
  TSContDataSet(direct, TSmalloc(13));                    // SITE behave: tsapi +1 -1 =0
  TSContScheduleOnPool(at_once, 0, TS_THREAD_POOL_NET);
  TSContScheduleOnPool(later, 20, TS_THREAD_POOL_TASK);
  TSContCall(direct, TS_EVENT_NONE, txn); // an event that is not counted as outstanding
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
