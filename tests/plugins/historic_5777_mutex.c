/* SPDX-License-Identifier: Apache-2.0
 * Issue 5777 (also 5741): the mutex of an intercept stays after its continuation, because something else still owns it. Here that
 * is a second continuation, which is forgotten. */
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  TSMutex mutex  = TSMutexCreate();                          // SITE behave: TSMutex +1 -0
  TSCont answers = TSContCreate(corpus_never_called, mutex); // SITE behave: TSCont +1 -1
  TSCont timer   = TSContCreate(corpus_never_called, mutex); // SITE behave: TSCont +1 -0
  TSContDestroy(answers);
  CORPUS_KEEP(timer);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
