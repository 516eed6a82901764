/* SPDX-License-Identifier: Apache-2.0
 * Leaks a mutex that has no owner. */
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  TSMutex mutex = TSMutexCreate(); // SITE behave: TSMutex +1 -0
  TSMutexLock(mutex);
  TSMutexUnlock(mutex);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
