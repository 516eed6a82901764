/* SPDX-License-Identifier: Apache-2.0
 * Leaks in a continuation that it schedules to a task thread, and that destroys itself there. */
#include <stdlib.h>
#include "corpus.h"

CORPUS_NOINLINE static int
task(TSCont cont, TSEvent event, void *data)
{
  (void)event;
  (void)data;
  CORPUS_KEEP(TSmalloc(70)); // SITE task: tsapi +1 -0 =70
  CORPUS_KEEP(malloc(71));   // SITE task: heap +1 -0 =71
  TSContDestroy(cont);
  CORPUS_KEEP(malloc(72)); // SITE task: heap +1 -0 =72
  return 0;
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  TSCont cont = TSContCreate(task, TSMutexCreate()); // SITE behave: TSCont +1 -1; TSMutex +1 -1
  TSContScheduleOnPool(cont, 0, TS_THREAD_POOL_TASK);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
