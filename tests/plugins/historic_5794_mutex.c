/* SPDX-License-Identifier: Apache-2.0
 * Issue 5794: a continuation is destroyed, and the mutex that was taken beside it is not. */
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  TSMutex list = TSMutexCreate();                         // SITE behave: TSMutex +1 -0
  TSCont reads = TSContCreate(corpus_never_called, NULL); // SITE behave: TSCont +1 -1
  TSMutexLock(list);
  TSMutexUnlock(list);
  TSContDestroy(reads);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
