/* SPDX-License-Identifier: Apache-2.0
 * Leaks a continuation, and a continuation with a mutex, which leaks too. */
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  CORPUS_KEEP(TSContCreate(corpus_never_called, NULL));  // SITE behave: TSCont +1 -0
  TSMutex mutex = TSMutexCreate();                       // SITE behave: TSMutex +1 -0
  CORPUS_KEEP(TSContCreate(corpus_never_called, mutex)); // SITE behave: TSCont +1 -0
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
